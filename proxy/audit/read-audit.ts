import { z } from 'zod';
import { type AuditRecord, auditRecord } from './audit-record.ts';
import { genesis, type Head } from './chain.ts';
import { auditCorrupt } from './errors.ts';
import { listLogFiles } from './log-files.ts';
import { walk } from './walk.ts';

export interface AuditEntry {
	readonly seq: number;
	/** ISO 8601, UTC. */
	readonly time: string;
	readonly record: AuditRecord;
	readonly hash: string;
}

/**
 * The records after number `after`, oldest first, at most `limit`. Reads files, so it may be used while another
 * process appends; a line that is being written is not seen yet.
 *
 * @throws BimetalError AuditCorrupt where the log is not what was written
 */
export async function* readAudit(options: {
	folder: string;
	after?: number;
	limit?: number;
}): AsyncGenerator<AuditEntry> {
	const { folder, after = 0, limit = Number.POSITIVE_INFINITY } = options;
	const files = await listLogFiles(folder);
	const start = Math.max(
		0,
		files.findLastIndex(file => file.first <= after + 1),
	);
	let given = 0;
	if (limit <= 0) return;
	for await (const step of walk(files.slice(start), start === 0)) {
		if (step.kind === 'torn') return;
		if (step.kind === 'damage') throw auditCorrupt(step.file, step.line, step.reason);
		const { seq, time, hash, record } = step.sealed;
		if (seq <= after) continue;
		const parsed = auditRecord.safeParse(record);
		if (!parsed.success) throw auditCorrupt(step.file, step.line, z.prettifyError(parsed.error));
		yield { seq, time, record: parsed.data, hash };
		if (++given >= limit) return;
	}
}

export type AuditVerdict =
	| { readonly ok: true; readonly records: number; readonly head: Head }
	| { readonly ok: false; readonly file: string; readonly line: number; readonly reason: string };

/**
 * Walks the whole chain and finds altered, removed, inserted and reordered records. That the newest ones were
 * removed shows only against `expect`: a head that an earlier verification returned and that was kept elsewhere.
 */
export async function verifyAudit(options: { folder: string; expect?: Head }): Promise<AuditVerdict> {
	const { folder, expect } = options;
	let head: Head = genesis;
	let at = { file: folder, line: 0 };
	for await (const step of walk(await listLogFiles(folder), true)) {
		const { file, line } = step;
		if (step.kind === 'torn') return { ok: false, file, line, reason: 'the last line is incomplete' };
		if (step.kind === 'damage') return { ok: false, file, line, reason: step.reason };
		at = { file, line };
		head = { seq: step.sealed.seq, hash: step.sealed.hash };
		if (head.seq === expect?.seq && head.hash !== expect.hash) {
			return { ok: false, file, line, reason: `record ${head.seq} is not the one that was there before` };
		}
	}
	if (expect && head.seq < expect.seq) {
		return {
			ok: false,
			...at,
			reason: `the log ends with record ${head.seq}, but record ${expect.seq} was there`,
		};
	}
	return { ok: true, records: head.seq, head };
}
