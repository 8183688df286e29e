import type { AuditRecord } from '../audit/audit-record.ts';
import type { ConsoleDocument } from './console-document.ts';

export type ConsoleRecord = Extract<AuditRecord, { kind: 'console-session' }>;

/** What goes on the record when a session opens, and when it ends. */
export function recordOf(document: ConsoleDocument, action: 'open' | 'end'): ConsoleRecord {
	const { ended, operator, approvedBy } = document;
	return {
		kind: 'console-session',
		action,
		id: document.id,
		bmc: document.bmc,
		path: document.path,
		console: document.kind,
		operator: operator.name,
		party: operator.party,
		requestId: document.requestId,
		clause: document.clause,
		approvedBy: approvedBy.map(({ name, party }) => ({ operator: name, party })),
		endedBy: ended?.by ? { operator: ended.by.name, party: ended.by.party } : null,
		reason: ended?.reason ?? null,
		bytesIn: document.bytesIn,
		bytesOut: document.bytesOut,
		tookMs: (ended?.at ?? document.openedAt) - document.openedAt,
		transcript: document.transcript,
	};
}
