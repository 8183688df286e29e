import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import { makeFolderDurably } from '../../common/store/durable-file.ts';
import { lockFile } from '../../common/store/file-lock.ts';
import type { AuditRecord } from './audit-record.ts';
import { type Head, seal } from './chain.ts';
import { auditClosed, auditFailed, auditFull, auditLocked, auditTooLong } from './errors.ts';
import { type LogFile, logFilePath, longestLine, openLogFile } from './log-files.ts';
import { recordText } from './record-text.ts';
import { cutFile, recoverLog } from './recover.ts';
import type { UnansweredChange } from './unanswered.ts';

export interface AuditLog {
	/**
	 * Puts the record on its way to the disk; takes some microseconds. `durable` resolves once it is there, and rejects with
	 * AuditFailed, AuditFull, AuditTooLong or AuditClosed when it is not: then what it records must not happen.
	 * A rejection that nobody looks at does no harm. `seq` is the record's number, unless it was refused at once.
	 * `taken`, where the log is another process's, resolves once that has it in hand: what else follows at once has
	 * to wait for this.
	 */
	append(
		record: AuditRecord,
		options?: AppendOptions,
	): { durable: Promise<void>; seq?: number; taken?: Promise<void> };
	/**
	 * False once the disk has failed: until there is room again where it was full, which the log finds out by itself,
	 * else until the log is opened again.
	 */
	healthy(): boolean;
	/** The newest record that is on disk. */
	head(): Head;
	/** Of what the log held when it was opened: changes of which it does not say what came of them. */
	readonly unanswered?: readonly UnansweredChange[];
	/** Writes what was appended, then closes. */
	close(): Promise<void>;
}

export interface AppendOptions {
	/**
	 * True: nobody waits for `durable`, so that the record may wait (milliseconds: `patience`) for others to go
	 * to the disk with. What is appended without it goes at once and takes along what was waiting.
	 */
	readonly patient?: boolean;
}

/** Milliseconds after which a disk that was full is tried again; doubles. */
const firstMend = 1000;
const longestMend = 10_000;

/** What a disk, a quota or a limit says that has no more room; nothing else is certain to leave the rest whole. */
const isFull = (error: unknown): boolean =>
	['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');

/** Milliseconds that a patient record waits at most before it is written. */
const patience = 20;

export interface AuditLogDeps {
	readonly folder: string;
	readonly clock: Clock;
	/** Opens a file for appending; the disk's own when absent. */
	readonly openFile?: (path: string) => Promise<LogFile>;
	/** Bytes after which a new file is begun. */
	readonly largestFile?: number;
	/** Characters of records that may wait for the disk. */
	readonly largestQueue?: number;
	/** Told of what is on disk, in order. */
	readonly observer?: {
		/** Hashes of further records, in hex. */
		durable(hashes: readonly string[]): void;
		/** Nothing more comes; the folder is still locked. */
		closing(): Promise<void>;
	};
}

/** Lines that go to the disk together. */
interface Group {
	readonly first: number;
	readonly lines: string[];
	readonly hashes: string[];
	length: number;
	head: Head;
	readonly durable: Promise<void>;
	resolve(): void;
	reject(reason: BimetalError): void;
}

/**
 * The append-only log of what was decided: JSON lines, each bound to the one before by its hash. While one group of
 * records is written and synced, the next one gathers.
 *
 * @throws BimetalError AuditLocked, AuditCorrupt
 */
export async function openAuditLog(deps: AuditLogDeps): Promise<AuditLog> {
	const { folder, clock } = deps;
	await makeFolderDurably(folder);
	const lock = await lockFile(join(folder, 'audit.lock'), clock);
	if (!lock.locked) throw auditLocked(folder, lock.holder);
	try {
		const { head, file, unanswered } = await recoverLog(folder, new Date(clock.now()).toISOString());
		const path = file?.path ?? logFilePath(folder, head.seq + 1);
		const openFile = deps.openFile ?? openLogFile;
		const newest = { path, size: file?.size ?? 0, file: await openFile(path) };
		return { ...appendTo(deps, head, newest, () => lock.release()), unanswered };
	} catch (error) {
		await lock.release();
		throw error;
	}
}

function appendTo(
	deps: AuditLogDeps,
	end: Head,
	newest: { readonly path: string; readonly size: number; readonly file: LogFile },
	release: () => Promise<void>,
): AuditLog {
	const { folder, clock, observer, openFile = openLogFile } = deps;
	const { largestFile = 64 * 1024 * 1024, largestQueue = 16 * 1024 * 1024 } = deps;
	/** `size`: bytes that are certainly on disk. */
	let { file, path, size } = newest;
	let sealed = end;
	let onDisk = end;
	let gathering: Group | undefined;
	let queued = 0;
	let writing: Promise<void> | undefined;
	let refusal: BimetalError | undefined;
	let failed = false;
	/** Since when nothing is taken because the disk is full, and how many records were refused since. */
	let outage: { readonly since: string; readonly reason: string; refused: number } | undefined;
	let mending: Promise<void> | undefined;
	let cancelMend: (() => void) | undefined;
	/** Somebody waits for the group that is being gathered. */
	let hurried = false;
	let cancelWait: (() => void) | undefined;
	let closing: Promise<void> | undefined;
	const isoTime = isoTimeOnce();

	async function writeGroup(group: Group): Promise<void> {
		const bytes = Buffer.from(group.lines.join(''));
		if (size > 0 && size + bytes.length > largestFile) {
			await file.close();
			const next = logFilePath(folder, group.first);
			file = await openFile(next);
			path = next;
			size = 0;
		}
		await file.write(bytes);
		await file.sync();
		size += bytes.length;
	}

	async function writeGroups(): Promise<void> {
		// What else is appended in this turn of the event loop belongs to the first group.
		await new Promise(resolve => setImmediate(resolve));
		while (gathering && hurried) {
			const group = gathering;
			gathering = undefined;
			hurried = false;
			try {
				if (failed) throw refusal;
				await writeGroup(group);
				onDisk = group.head;
				group.resolve();
				observer?.durable(group.hashes);
			} catch (error) {
				// After a failed sync nobody knows what is on disk, and a second one may succeed without it.
				if (!failed) {
					refusal = auditFailed(error);
					failed = true;
					if (isFull(error)) {
						const { message: reason } = refusal;
						outage = { since: isoTime(clock.now()), reason, refused: 0 };
						mendLater(firstMend);
					}
				}
				if (outage) outage.refused += group.lines.length;
				group.reject(refusal as BimetalError);
			}
			queued -= group.length;
		}
		writing = undefined;
		if (gathering) writeSoon();
	}

	const mendLater = (delay: number): void => {
		cancelMend = clock.after(delay, () => {
			mending = mend().catch(() => {
				if (!closing) mendLater(Math.min(2 * delay, longestMend));
			});
		});
	};

	/**
	 * Takes away what the failing writes may have left behind the last record that is certainly on disk (nobody was
	 * told that it is), and goes on with a record of what was missed. Throws while there is still no room.
	 */
	async function mend(): Promise<void> {
		while (gathering) writeNow();
		await writing;
		if (closing || !outage) return;
		await file.close().catch(() => undefined);
		await cutFile(path, size);
		file = await openFile(path);
		const { since, reason, refused: count } = outage;
		const next = seal(
			onDisk,
			isoTime(clock.now()),
			recordText({ kind: 'outage', since, reason, refused: count }),
		);
		await file.write(Buffer.from(next.line));
		await file.sync();
		size += Buffer.byteLength(next.line);
		onDisk = next.head;
		sealed = next.head;
		outage = undefined;
		failed = false;
		if (!closing) refusal = undefined;
		observer?.durable([next.head.hash]);
	}

	const writeNow = (): void => {
		hurried = true;
		cancelWait?.();
		cancelWait = undefined;
		writing ??= writeGroups();
	};

	const writeSoon = (): void => {
		if (!writing) cancelWait ??= clock.after(patience, writeNow);
	};

	return {
		append(record, { patient = false } = {}) {
			if (refusal) {
				if (outage) outage.refused++;
				return refused(refusal);
			}
			if (queued >= largestQueue) return refused(auditFull());
			const next = seal(sealed, isoTime(clock.now()), recordText(record));
			// A character takes at most three bytes.
			if (next.line.length * 3 > longestLine && Buffer.byteLength(next.line) > longestLine) {
				return refused(auditTooLong(longestLine));
			}
			sealed = next.head;
			gathering ??= newGroup(sealed);
			gathering.lines.push(next.line);
			if (observer) gathering.hashes.push(sealed.hash);
			gathering.head = sealed;
			gathering.length += next.line.length;
			queued += next.line.length;
			if (patient) writeSoon();
			else writeNow();
			return { durable: gathering.durable, seq: sealed.seq };
		},
		healthy: () => !failed,
		head: () => onDisk,
		close() {
			refusal ??= auditClosed();
			cancelMend?.();
			closing ??= (async () => {
				if (gathering) writeNow();
				await writing;
				await mending;
				try {
					await observer?.closing();
				} finally {
					await file.close().finally(release);
				}
			})();
			return closing;
		},
	};
}

/** Records of the same millisecond share its text: making it takes longer than hashing the record. */
function isoTimeOnce(): (now: number) => string {
	let last = Number.NaN;
	let text = '';
	return now => {
		if (now !== last) text = new Date(now).toISOString();
		last = now;
		return text;
	};
}

function newGroup(head: Head): Group {
	let settle: Pick<Group, 'resolve' | 'reject'> | undefined;
	const durable = new Promise<void>((resolve, reject) => {
		settle = { resolve, reject };
	});
	durable.catch(() => {});
	return {
		first: head.seq,
		lines: [],
		hashes: [],
		length: 0,
		head,
		durable,
		resolve: () => settle?.resolve(),
		reject: reason => settle?.reject(reason),
	};
}

function refused(reason: BimetalError): { durable: Promise<void> } {
	const durable = Promise.reject(reason);
	durable.catch(() => {});
	return { durable };
}
