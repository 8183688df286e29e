import { z } from 'zod';
import { type AuditRecord, auditRecord } from './audit-record.ts';
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
