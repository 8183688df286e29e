import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../common/store/durable-file.ts';
import { claimedSize } from './checkpoint.ts';
import { checkpointsName, parseNotes } from './checkpoint-file.ts';
import type { LogSource, Parting } from './follow-log.ts';
import type { LogCopy } from './log-copy.ts';

/**
 * Keeps what shows that a log was not the same for everybody: both checkpoints, and of the first record that differs
 * both versions with their proofs, so that `audit check-proof` convinces a third party. Returns the file's path.
 */
export async function keepEvidence(
	copy: LogCopy,
	source: LogSource,
	parting: Parting,
	time: string,
): Promise<string> {
	const { seq, reason, theirs, record } = parting;
	const size = claimedSize(theirs) ?? 0;
	const path =
		seq !== null && record !== null && seq <= size
			? await source.inclusion(seq, size).catch(() => null)
			: null;
	const document = {
		kind: 'parting',
		found: time,
		key: copy.verifier.text,
		reason,
		seq,
		ours: await ourSide(copy, seq),
		theirs: { checkpoint: theirs, record, path },
	};
	const file = join(copy.folder, `parted-${time.replace(/[:.]/g, '')}.json`);
	await writeFile(file, `${JSON.stringify(document, null, '\t')}\n`, {
		flag: 'wx',
		mode: 0o600,
		flush: true,
	});
	await syncFolder(copy.folder);
	return file;
}

/** Our record, proven by the earliest checkpoint that covers it. */
async function ourSide(copy: LogCopy, seq: number | null) {
	const newest = copy.signed()?.note ?? null;
	const record = seq === null ? null : ((await copy.line(seq)) ?? null);
	if (seq === null || record === null) return { checkpoint: newest, record, path: null };
	const { notes } = parseNotes(await readFile(join(copy.folder, checkpointsName), 'utf8'));
	const covering = notes.find(({ size = 0 }) => size >= seq);
	if (!covering) return { checkpoint: newest, record, path: null };
	const path = await copy.inclusion(seq, covering.size ?? 0);
	return {
		checkpoint: covering.note,
		record,
		path: path.map(hash => Buffer.from(hash).toString('base64')),
	};
}
