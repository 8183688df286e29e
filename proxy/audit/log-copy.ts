import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { closeAll } from '../../common/close-all.ts';
import { makeFolderDurably, writeFileDurably } from '../../common/store/durable-file.ts';
import { lockFile } from '../../common/store/file-lock.ts';
import { type Head, type SealedRecord, unseal, whyNotNext } from './chain.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { checkpointsName, openCheckpointFile, verifierName } from './checkpoint-file.ts';
import { auditKeyUnusable, auditLocked } from './errors.ts';
import { openHashTree } from './hash-tree.ts';
import { type LogFile, logFilePath, openLogFile } from './log-files.ts';
import { edgeAt, inclusionProof, rootOf, type TreeHash } from './merkle-tree.ts';
import { readRecordLines } from './record-pages.ts';
import { cutLogAfter, recoverLog } from './recover.ts';
import { type NoteVerifier, parseVerifier } from './signed-note.ts';

/**
 * A party's own copy of a log, in the files of the log itself: whatever reads a log reads a copy. Each time it is opened it
 * holds what is signed and nothing more.
 */
export interface LogCopy {
	readonly folder: string;
	readonly verifier: NoteVerifier;
	/** The newest record that is there. */
	head(): Head;
	/** The newest checkpoint that was found right. */
	signed(): Checkpoint | undefined;
	/** Root of the first `size` records. */
	rootAt(size: number): Promise<TreeHash>;
	/** The line of a record, without its newline. */
	line(seq: number): Promise<string | undefined>;
	inclusion(seq: number, size: number): Promise<TreeHash[]>;
	/**
	 * Appends the lines (without newlines), as far as each is what was written and follows on the one before; on disk
	 * when it resolves. `refused` is why the next one is not.
	 */
	append(lines: readonly string[]): Promise<{ refused?: string }>;
	/** Keeps checkpoints, oldest first, whose roots are those of the records here. */
	accept(checkpoints: readonly Checkpoint[]): Promise<void>;
	close(): Promise<void>;
}

/** The key that a copy was begun with; undefined for a new one. */
export async function keyOfCopy(folder: string): Promise<NoteVerifier | undefined> {
	try {
		const line = await readFile(join(folder, verifierName), 'utf8');
		const verifier = parseVerifier(line);
		if (!verifier) throw auditKeyUnusable(`${join(folder, verifierName)} holds no key of a log`);
		return verifier;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw error;
	}
}

/**
 * Opens a copy, or begins one for the log that this key signs.
 *
 * @throws BimetalError AuditLocked, AuditCorrupt; AuditKeyUnusable when the copy is of a log with another key
 */
export async function openCopy(deps: {
	folder: string;
	clock: Clock;
	verifier: NoteVerifier;
}): Promise<LogCopy> {
	const { folder, clock, verifier } = deps;
	await makeFolderDurably(folder);
	const lock = await lockFile(join(folder, 'audit.lock'), clock);
	if (!lock.locked) throw auditLocked(folder, lock.holder);
	const opened: (() => Promise<void>)[] = [() => lock.release()];
	const close = (): Promise<void> => closeAll(opened);
	try {
		const kept = await keyOfCopy(folder);
		if (kept && kept.text !== verifier.text) {
			throw auditKeyUnusable(`${folder} is a copy of the log of ${kept.text}, not of ${verifier.text}`);
		}
		if (!kept) await writeFileDurably(join(folder, verifierName), `${verifier.text}\n`, 0o644);
		return await openKept(folder, verifier, new Date(clock.now()).toISOString(), opened, close);
	} catch (error) {
		await close();
		throw error;
	}
}

const largestFile = 64 * 1024 * 1024;

async function openKept(
	folder: string,
	verifier: NoteVerifier,
	time: string,
	opened: (() => Promise<void>)[],
	close: () => Promise<void>,
): Promise<LogCopy> {
	let recovered = await recoverLog(folder, time);
	const checkpoints = await openCheckpointFile(join(folder, checkpointsName));
	opened.push(() => checkpoints.close());
	const stored = checkpoints.last();
	let signed = stored && readCheckpoint(stored.note, verifier);
	if (stored && !signed)
		throw auditKeyUnusable(`${checkpointsName}:${stored.line} was not signed with its key`);
	// What was copied when nothing vouched for it yet, before a crash or a contradiction, is copied again.
	if (recovered.head.seq > (signed?.size ?? 0)) {
		await cutLogAfter(folder, signed?.size ?? 0);
		recovered = await recoverLog(folder, time);
	}
	let head = recovered.head;
	const tree = await openHashTree(folder, head, signed);
	opened.push(() => tree.close());
	let file: LogFile | undefined;
	let size = recovered.file?.size ?? 0;
	opened.push(async () => file?.close());

	const fileFor = async (first: number): Promise<LogFile> => {
		if (file && size < largestFile) return file;
		await file?.close();
		const goOn = !file && recovered.file && size < largestFile;
		if (!goOn) size = 0;
		file = await openLogFile(goOn ? (recovered.file as { path: string }).path : logFilePath(folder, first));
		return file;
	};

	return {
		folder,
		verifier,
		head: () => head,
		signed: () => signed,
		rootAt: async within => rootOf(await edgeAt(tree.read, within)),
		async line(seq) {
			const options = { after: seq - 1, upTo: head.seq, limit: 1, bytes: 1 };
			return (await readRecordLines(folder, options))[0];
		},
		inclusion: (seq, within) => inclusionProof(tree.read, seq - 1, within),
		async append(lines) {
			const good: SealedRecord[] = [];
			let refused: string | undefined;
			for (const line of lines) {
				const sealed = unseal(Buffer.from(`${line}\n`));
				const before = good.at(-1) ?? head;
				refused = sealed
					? whyNotNext(before, sealed)
					: `what follows record ${before.seq} is not what was written`;
				if (!sealed || refused !== undefined) break;
				good.push(sealed);
			}
			const [first] = good;
			const last = good.at(-1);
			if (first && last) {
				const bytes = Buffer.from(`${lines.slice(0, good.length).join('\n')}\n`);
				const target = await fileFor(first.seq);
				await target.write(bytes);
				await target.sync();
				size += bytes.length;
				for (const { hash } of good) tree.add(hash);
				await tree.flush();
				head = { seq: last.seq, hash: last.hash };
			}
			return refused === undefined ? {} : { refused };
		},
		async accept(found) {
			await checkpoints.append(found.map(({ note }) => note));
			signed = found.at(-1) ?? signed;
		},
		close,
	};
}
