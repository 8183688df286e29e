import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { durably } from '../record.ts';
import { type ConsoleDocument, consoleDocuments, isConsoleId } from './console-document.ts';
import { recordOf } from './console-record.ts';
import { transcriptLeft } from './transcript.ts';

export interface KeptConsolesDeps {
	readonly store: Store;
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly logger: Pick<Logger, 'error' | 'warn'>;
	/** Folder of the transcripts. */
	readonly folder: string;
	/** Milliseconds from a session's end until its transcript is deleted. */
	readonly transcriptAge: number;
}

/** What is known of console sessions on disk: their documents, their records in the audit log, their transcripts. */
export interface KeptConsoles {
	/** Where the transcript of a session is. */
	fileOf(id: string): string;
	/** In the store and on the record, before it is so. Throws when it cannot be. */
	opened(document: ConsoleDocument): Promise<void>;
	/** Resolves after the first attempt; what could not be recorded is tried again until it is. Never throws. */
	ended(document: ConsoleDocument): Promise<void>;
	get(id: string): Promise<ConsoleDocument | undefined>;
	list(state?: ConsoleDocument['state']): Promise<ConsoleDocument[]>;
	/** After a start: puts the end of what was open when the proxy died on the record. How many there were. */
	recover(): Promise<number>;
	/** Deletes transcripts that are older than they may get, and puts that on the record. */
	deleteOld(): Promise<void>;
	/** Tries no more what could not be recorded: the next start finds it as still open. */
	close(): void;
}

/** Ended sessions that are kept to be listed; the audit log has them all. */
const mostKept = 500;
/** Milliseconds until an end that could not be recorded is tried again. */
const retryAfter = 5000;

export function createKeptConsoles(deps: KeptConsolesDeps): KeptConsoles {
	const { store, audit, clock, logger } = deps;
	/** Ended, and not yet in the store as such: `isRecorded` when the audit log has it already. */
	const unkept = new Map<string, { readonly document: ConsoleDocument; isRecorded: boolean }>();
	let cancel: (() => void) | undefined;
	let isClosed = false;

	const fileOf = (id: string): string => join(deps.folder, `${id}.cast`);

	const save = (document: ConsoleDocument): Promise<void> =>
		store.transact(async tx => {
			await tx.put(consoleDocuments, document.id, document);
			const where = { index: 'state', equals: 'ended' };
			if ((await tx.count(consoleDocuments, where)) <= mostKept) return;
			const [oldest] = await tx.list(consoleDocuments, { where, limit: 1 });
			if (oldest) await tx.delete(consoleDocuments, oldest.id);
		});

	/** First the record: a session that the store has as ended is one whose end is on the record. */
	const keep = async (id: string): Promise<void> => {
		const found = unkept.get(id);
		if (!found) return;
		try {
			if (!found.isRecorded) await audit.append(recordOf(found.document, 'end')).durable;
			found.isRecorded = true;
			await save(found.document);
			unkept.delete(id);
		} catch (fault) {
			logger.error({ err: fault, console: id }, 'the end of a console could not be recorded yet');
			if (!isClosed) cancel ??= clock.after(retryAfter, retry);
		}
	};
	const retry = (): void => {
		cancel = undefined;
		for (const id of unkept.keys()) void keep(id);
	};
	const ended = (document: ConsoleDocument): Promise<void> => {
		unkept.set(document.id, { document, isRecorded: false });
		return keep(document.id);
	};

	const deleteOne = async (id: string): Promise<void> => {
		const document = await store.read(tx => tx.get(consoleDocuments, id));
		// Of one that is open, or whose end is not on the record, nothing is deleted, however old it is.
		if (document?.state === 'open') return;
		const file = fileOf(id);
		const endedAt = document?.ended?.at ?? (await stat(file)).mtimeMs;
		if (clock.now() - endedAt < deps.transcriptAge) return;
		await durably(audit.append({ kind: 'transcript-deleted', id, olderThanMs: deps.transcriptAge }));
		await rm(file, { force: true });
	};

	return {
		fileOf,
		async opened(document) {
			await save(document);
			await durably(audit.append(recordOf(document, 'open')));
		},
		ended,
		get: async id =>
			unkept.get(id)?.document ??
			(isConsoleId(id) ? await store.read(tx => tx.get(consoleDocuments, id)) : undefined),
		async list(state) {
			// What the store still has as open may be in memory as ended.
			const all = await store.read(tx => tx.list(consoleDocuments));
			return all
				.map(({ id, document }) => unkept.get(id)?.document ?? document)
				.filter(document => state === undefined || document.state === state);
		},
		async recover() {
			const where = { index: 'state', equals: 'open' };
			const lost = await store.read(tx => tx.list(consoleDocuments, { where }));
			for (const { document } of lost) {
				const transcript = document.recorded ? await transcriptLeft(fileOf(document.id)) : null;
				const reason = 'the proxy stopped while it was open';
				await ended({
					...document,
					state: 'ended',
					ended: { by: null, reason, at: clock.now() },
					transcript,
				});
			}
			return lost.length;
		},
		async deleteOld() {
			const names = await readdir(deps.folder).catch(fault => {
				if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return [];
				throw fault;
			});
			for (const name of names) {
				const id = name.replace(/\.cast$/, '');
				if (isConsoleId(id) && name.endsWith('.cast')) await deleteOne(id);
			}
		},
		close() {
			isClosed = true;
			cancel?.();
		},
	};
}
