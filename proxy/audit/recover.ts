import { open, rm } from 'node:fs/promises';
import { syncFolder, writeFileDurably } from '../../common/store/durable-file.ts';
import { genesis, type Head } from './chain.ts';
import { auditCorrupt } from './errors.ts';
import { listLogFiles } from './log-files.ts';
import { offsetOf } from './record-pages.ts';
import { createUnansweredChanges, type UnansweredChange } from './unanswered.ts';
import { walk } from './walk.ts';

export interface Recovered {
	readonly head: Head;
	/** The file to go on with; undefined for a new log. */
	readonly file: { readonly path: string; readonly size: number } | undefined;
	/** As far as the two newest files tell. */
	readonly unanswered: readonly UnansweredChange[];
}

/**
 * Finds where the log ends. A last line without its newline was never acknowledged: it is moved to a file beside it
 * (`….<time>.torn`) and cut off. Looks at the two newest files; verifyAudit looks at all.
 *
 * @throws BimetalError AuditCorrupt on any other damage
 */
export async function recoverLog(folder: string, time: string): Promise<Recovered> {
	const files = await listLogFiles(folder);
	const last = files.at(-1);
	if (!last) return { head: genesis, file: undefined, unanswered: [] };
	let head: Head | undefined;
	const unanswered = createUnansweredChanges();
	for await (const step of walk(files.slice(-2), files.length <= 2)) {
		if (step.kind === 'damage') throw auditCorrupt(step.file, step.line, step.reason);
		if (step.kind === 'record') {
			head = { seq: step.sealed.seq, hash: step.sealed.hash };
			unanswered.see(step.sealed);
		} else {
			await writeFileDurably(`${step.file}.${time.replaceAll(':', '')}.torn`, step.bytes);
			await cutFile(step.file, step.offset);
		}
	}
	if (!head && last.first > 1) throw auditCorrupt(last.path, 1, 'the files before it are empty');
	return {
		head: head ?? genesis,
		file: { path: last.path, size: await sizeOf(last.path) },
		unanswered: unanswered.list(),
	};
}

/** Takes the records after number `seq` away. */
export async function cutLogAfter(folder: string, seq: number): Promise<void> {
	// The newest first: a crash in between leaves a log that is whole, and longer than wanted.
	for (const { path, first } of (await listLogFiles(folder)).reverse()) {
		if (first > seq) await rm(path);
		else {
			await cutFile(path, await offsetOf(path, seq + 1));
			break;
		}
	}
	await syncFolder(folder);
}

/** Shortens a file, and has that on disk. */
export async function cutFile(path: string, size: number): Promise<void> {
	const handle = await open(path, 'r+');
	try {
		await handle.truncate(size);
		await handle.sync();
	} finally {
		await handle.close();
	}
}

async function sizeOf(path: string): Promise<number> {
	const handle = await open(path, 'r');
	try {
		return (await handle.stat()).size;
	} finally {
		await handle.close();
	}
}
