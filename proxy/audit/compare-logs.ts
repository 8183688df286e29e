import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { checkpointsName, parseNotes } from './checkpoint-file.ts';
import { leafOf, sameHash } from './hash-tree.ts';
import { keyOfCopy } from './log-copy.ts';
import { listLogFiles } from './log-files.ts';
import { addLeaf, emptyEdge, rootOf } from './merkle-tree.ts';
import type { NoteVerifier } from './signed-note.ts';
import { type Step, walk } from './walk.ts';

/** A place in a log: file and line, and the checkpoint that vouches for what stands there, if one does. */
export interface Place {
	readonly file: string;
	readonly line: number;
	readonly checkpoint: Checkpoint | null;
}

export type Comparison =
	/** The same records, as far as both go. */
	| { readonly kind: 'same'; readonly records: number; readonly more: readonly [number, number] }
	/** Two histories: `seq` is the first record that differs; null where only checkpoints tell. */
	| { readonly kind: 'parted'; readonly seq: number | null; readonly places: readonly [Place, Place] }
	/** One of them is not a log as it was written. */
	| { readonly kind: 'damaged'; readonly file: string; readonly line: number; readonly reason: string }
	| { readonly kind: 'unknown'; readonly reason: string };

/**
 * Holds two parties' copies of a log (folders), or a copy and a checkpoint (a file with signed notes), or two
 * checkpoints against each other.
 *
 * @param key whose checkpoints count; the copies' own key without it
 */
export async function compareLogs(one: string, other: string, key?: NoteVerifier): Promise<Comparison> {
	const [first, second] = [await open(one, key), await open(other, key)];
	if (first.kind === 'log' && second.kind === 'log') return compareFolders(first, second);
	const verifier = key ?? first.verifier ?? second.verifier;
	if (!verifier) return { kind: 'unknown', reason: 'no key to check the checkpoints with' };
	if (first.kind === 'log') return holdTo(first, newest(second, verifier), second.path, false);
	if (second.kind === 'log') return holdTo(second, newest(first, verifier), first.path, true);
	return compareNotes(
		{ path: first.path, checkpoint: newest(first, verifier) },
		{ path: second.path, checkpoint: newest(second, verifier) },
	);
}

type Side =
	| { readonly kind: 'log'; readonly path: string; readonly verifier: NoteVerifier | undefined }
	| { readonly kind: 'notes'; readonly path: string; readonly verifier: undefined; readonly text: string };

async function open(path: string, key: NoteVerifier | undefined): Promise<Side> {
	if ((await stat(path)).isDirectory())
		return { kind: 'log', path, verifier: key ?? (await keyOfCopy(path)) };
	return { kind: 'notes', path, verifier: undefined, text: await readFile(path, 'utf8') };
}

/** The newest checkpoint of a file of notes; a single one may lack the empty line after it. */
function newest(side: Side, verifier: NoteVerifier): Checkpoint | undefined {
	if (side.kind !== 'notes') return undefined;
	const { notes } = parseNotes(`${side.text.trimEnd()}\n\n`);
	return readAll(
		notes.map(({ note }) => note),
		verifier,
	).at(-1);
}

const readAll = (notes: readonly string[], verifier: NoteVerifier): Checkpoint[] =>
	notes.flatMap(note => readCheckpoint(note, verifier) ?? []);

type Folder = Side & { kind: 'log' };

async function compareFolders(one: Folder, other: Folder): Promise<Comparison> {
	if (one.verifier && other.verifier && one.verifier.text !== other.verifier.text) {
		const reason = `they are signed with different keys: ${one.verifier.text} and ${other.verifier.text}`;
		return { kind: 'unknown', reason };
	}
	const [first, second] = [await steps(one.path), await steps(other.path)];
	const ended = async () => Promise.all([first.return(undefined), second.return(undefined)]);
	for (let records = 0; ; records++) {
		const [a, b] = [await nextRecord(first), await nextRecord(second)];
		for (const step of [a, b]) {
			if (step?.kind !== 'damage') continue;
			await ended();
			return { kind: 'damaged', file: step.file, line: step.line, reason: step.reason };
		}
		if (a?.kind === 'record' && b?.kind === 'record') {
			if (a.sealed.hash === b.sealed.hash) continue;
			const seq = records + 1;
			await ended();
			const places: [Place, Place] = [await placeOf(one, seq, a), await placeOf(other, seq, b)];
			return { kind: 'parted', seq, places };
		}
		const more: [number, number] = [
			(a?.kind === 'record' ? 1 : 0) + (await countRest(first)),
			(b?.kind === 'record' ? 1 : 0) + (await countRest(second)),
		];
		return { kind: 'same', records, more };
	}
}

const steps = async (folder: string) => walk(await listLogFiles(folder), true);

/** The next record or damage; undefined at the end, which may be torn. */
async function nextRecord(log: AsyncGenerator<Step>): Promise<Step | undefined> {
	const { value, done } = await log.next();
	return done || value.kind === 'torn' ? undefined : value;
}

async function countRest(log: AsyncGenerator<Step>): Promise<number> {
	let count = 0;
	for await (const step of log) if (step.kind === 'record') count++;
	return count;
}

async function placeOf(
	side: Folder,
	seq: number,
	{ file, line }: { readonly file: string; readonly line: number },
): Promise<Place> {
	const text = await readFile(join(side.path, checkpointsName), 'utf8').catch(() => '');
	const notes = parseNotes(text).notes.map(({ note }) => note);
	const covering = side.verifier && readAll(notes, side.verifier).find(({ size }) => size >= seq);
	return { file, line, checkpoint: covering ?? null };
}

/** Whether a checkpoint was signed for the records of a copy. */
async function holdTo(
	side: Folder,
	checkpoint: Checkpoint | undefined,
	path: string,
	swapped: boolean,
): Promise<Comparison> {
	if (!checkpoint)
		return { kind: 'unknown', reason: `${path} holds no checkpoint that the copy's key signed` };
	let edge = emptyEdge;
	let last = { file: side.path, line: 0 };
	let more = 0;
	for await (const step of await steps(side.path)) {
		if (step.kind === 'torn') break;
		if (step.kind === 'damage') {
			const { file, line, reason } = step;
			return { kind: 'damaged', file, line, reason };
		}
		if (edge.size >= checkpoint.size) more++;
		else {
			edge = addLeaf(edge, leafOf(step.sealed.hash)).edge;
			last = { file: step.file, line: step.line };
		}
	}
	if (edge.size < checkpoint.size) {
		const reason = `the copy has ${edge.size} records, the checkpoint was signed for ${checkpoint.size}: follow on first`;
		return { kind: 'unknown', reason };
	}
	if (sameHash(rootOf(edge), checkpoint.root)) {
		return { kind: 'same', records: checkpoint.size, more: swapped ? [0, more] : [more, 0] };
	}
	const ours = await placeOf(side, checkpoint.size, last);
	const theirs = { file: path, line: 1, checkpoint };
	return { kind: 'parted', seq: null, places: swapped ? [theirs, ours] : [ours, theirs] };
}

function compareNotes(
	one: { path: string; checkpoint: Checkpoint | undefined },
	other: { path: string; checkpoint: Checkpoint | undefined },
): Comparison {
	const { checkpoint: first } = one;
	const { checkpoint: second } = other;
	if (!first || !second) return { kind: 'unknown', reason: 'a file holds no checkpoint that the key signed' };
	if (first.size !== second.size) {
		return { kind: 'unknown', reason: 'two checkpoints of different sizes tell nothing without a copy' };
	}
	if (sameHash(first.root, second.root)) return { kind: 'same', records: first.size, more: [0, 0] };
	const place = (path: string, checkpoint: Checkpoint): Place => ({ file: path, line: 1, checkpoint });
	return { kind: 'parted', seq: null, places: [place(one.path, first), place(other.path, second)] };
}
