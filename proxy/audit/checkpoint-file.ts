import { claimedSize } from './checkpoint.ts';
import { auditCorrupt } from './errors.ts';
import { openWritable, writeAt } from './log-files.ts';

export const checkpointsName = 'checkpoints.txt';
/** The public key, see NoteVerifier: for people and offline tools. What a party trusts is the line that it was given. */
export const verifierName = 'log.pub';

/** A note as it stands in the file; `line` counts from 1. */
export interface StoredNote {
	readonly note: string;
	readonly line: number;
	/** The size that it claims; undefined when it is no checkpoint. */
	readonly size: number | undefined;
}

/**
 * All checkpoints of a log, oldest first, each followed by an empty line. What an unfinished write left at the end is no
 * note: nobody was shown it.
 */
export interface CheckpointFile {
	/** The newest; undefined when there is none. */
	last(): StoredNote | undefined;
	/** At most `limit` notes of more than `after` records, oldest first. */
	after(after: number, limit: number): Promise<string[]>;
	/** The notes are on disk when it resolves. */
	append(notes: readonly string[]): Promise<void>;
	close(): Promise<void>;
}

export async function openCheckpointFile(path: string): Promise<CheckpointFile> {
	const file = await openWritable(path);
	const { notes, end, rest } = parseNotes(await file.readFile('utf8'));
	if (rest !== undefined && !rest.torn) {
		await file.close();
		throw auditCorrupt(path, rest.line, 'it is no checkpoint');
	}
	const places = notes.map(({ size = 0, offset, length }) => ({ size, offset, length }));
	let newest: StoredNote | undefined = notes.at(-1);
	let line = (newest?.line ?? 1) + (newest ? lineCount(newest.note) + 1 : 0);
	let size = end;
	await file.truncate(size);

	return {
		last: () => newest,
		async after(after, limit) {
			const first = places.findIndex(place => place.size > after);
			if (first === -1) return [];
			return Promise.all(
				places.slice(first, first + limit).map(async ({ offset, length }) => {
					const bytes = Buffer.alloc(length);
					await file.read(bytes, 0, length, offset);
					return bytes.toString('utf8');
				}),
			);
		},
		async append(added) {
			const bytes = Buffer.from(added.map(note => `${note}\n`).join(''));
			// At its place, not at the end: there the rest of a write that failed may be.
			await writeAt(file, bytes, size);
			await file.datasync();
			for (const note of added) {
				const length = Buffer.byteLength(note);
				newest = { note, line, size: claimedSize(note) };
				places.push({ size: newest.size ?? 0, offset: size, length });
				line += lineCount(note) + 1;
				size += length + 1;
			}
		},
		close: () => file.close(),
	};
}

/**
 * The notes of a checkpoint file's text, where (in bytes) the last whole one ends, and the line after it where something
 * else stands: `torn` when it is the beginning of one note that a crash cut short.
 */
export function parseNotes(text: string): {
	notes: (StoredNote & { offset: number; length: number })[];
	end: number;
	rest: { line: number; torn: boolean } | undefined;
} {
	const notes = [];
	let line = 1;
	let offset = 0;
	let read = 0;
	// A note is two blocks, its text and its signatures, each ended by an empty line.
	for (const [whole] of text.matchAll(/(?:[^\n]+\n)+\n(?:[^\n]+\n)+\n/gy)) {
		const note = whole.slice(0, -1);
		const length = Buffer.byteLength(note);
		notes.push({ note, line, size: claimedSize(note), offset, length });
		line += lineCount(whole);
		offset += length + 1;
		read += whole.length;
	}
	const rest = text.slice(read);
	const torn = !/\n\n— [^\n]+\n\n/.test(rest);
	return { notes, end: offset, rest: rest === '' ? undefined : { line, torn } };
}

const lineCount = (text: string): number => text.split('\n').length - 1;
