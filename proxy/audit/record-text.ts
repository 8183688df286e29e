import type { AuditRecord } from './audit-record.ts';

/**
 * The canonical JSON of a record, some five times as fast as `canonicalJson`, because each kind's members are written
 * down here in their order. What is not named here does not get into the log, whatever the caller's object holds.
 */
export function recordText(record: AuditRecord): string {
	return JSON.stringify(inOrder(record));
}

function inOrder(record: AuditRecord): unknown {
	const { kind } = record;
	switch (kind) {
		case 'start':
			return { kind, version: record.version };
		case 'stop':
			return { kind, reason: record.reason };
		case 'policies':
			return { kind, outcome: record.outcome, problems: record.problems, version: record.version };
		case 'login':
			return { from: record.from, kind, operator: record.operator, outcome: record.outcome };
		case 'decision':
			return {
				bmc: record.bmc,
				breakGlass: record.breakGlass,
				clause: record.clause,
				digest: record.digest,
				kind,
				method: record.method,
				operations: record.operations,
				operator: record.operator,
				party: record.party,
				path: record.path,
				policies: record.policies.map(({ expression, holds, operation, party, reason, values }) => ({
					expression,
					holds,
					operation,
					party,
					reason,
					values: values?.map(used => ({ expression: used.expression, value: used.value })),
				})),
				policyVersion: record.policyVersion,
				request: record.request && changeText(record.request),
				requestId: record.requestId,
				status: record.status,
				verdict: record.verdict,
			};
		case 'approval':
			return {
				comment: record.comment,
				decision: record.decision,
				digest: record.digest,
				kind,
				operator: record.operator,
				party: record.party,
				requestId: record.requestId,
				signature: record.signature,
				statement: record.statement,
			};
		case 'answer':
			return {
				bmc: record.bmc,
				decision: record.decision,
				kind,
				outcome: record.outcome,
				requestId: record.requestId,
				status: record.status,
				tookMs: record.tookMs,
			};
		case 'governance':
			return {
				action: record.action,
				change: record.change,
				comment: record.comment,
				digest: record.digest,
				kind,
				operator: record.operator,
				party: record.party,
				replaces: record.replaces,
				scopes: record.scopes,
				signature: record.signature,
				version: record.version,
			};
		case 'break-glass':
			return {
				action: record.action,
				id: record.id,
				kind,
				operations: record.operations,
				operator: record.operator,
				party: record.party,
				reason: record.reason,
				signature: record.signature,
				until: record.until,
				uses: record.uses,
			};
		case 'console':
			return {
				action: record.action,
				at: record.at,
				bmc: record.bmc,
				by: record.by,
				detail: record.detail,
				kind,
				outcome: record.outcome,
			};
		case 'outage':
			return { kind, reason: record.reason, refused: record.refused, since: record.since };
		case 'clock':
			return { jumpedMs: record.jumpedMs, kind };
		case 'lockout':
			return {
				action: record.action,
				by: record.by,
				failures: record.failures,
				from: record.from,
				kind,
				operator: record.operator,
				party: record.party,
				until: record.until,
			};
		case 'events':
			return {
				action: record.action,
				bmc: record.bmc,
				detail: record.detail,
				id: record.id,
				kind,
				operator: record.operator,
				party: record.party,
			};
		case 'sessions':
			return {
				action: record.action,
				kind,
				operator: record.operator,
				party: record.party,
				timeout: record.timeout,
			};
		case 'transcript-deleted':
			return { id: record.id, kind, olderThanMs: record.olderThanMs };
		case 'console-session':
			return {
				action: record.action,
				approvedBy: record.approvedBy.map(({ operator, party }) => ({ operator, party })),
				bmc: record.bmc,
				bytesIn: record.bytesIn,
				bytesOut: record.bytesOut,
				clause: record.clause,
				console: record.console,
				endedBy: record.endedBy && { operator: record.endedBy.operator, party: record.endedBy.party },
				id: record.id,
				kind,
				operator: record.operator,
				party: record.party,
				path: record.path,
				reason: record.reason,
				requestId: record.requestId,
				tookMs: record.tookMs,
				transcript: record.transcript && {
					bytes: record.transcript.bytes,
					complete: record.transcript.complete,
					sha256: record.transcript.sha256,
				},
			};
		case 'doors':
			return { bmc: record.bmc, kind, open: record.open, operator: record.operator, state: record.state };
		default:
			throw new TypeError(`no audit record: ${String(kind satisfies never)}`);
	}
}

function changeText(change: NonNullable<Extract<AuditRecord, { kind: 'decision' }>['request']>): unknown {
	const { body, contentType, image, query, size } = change;
	if (!image) return { body, contentType, query, size };
	const { fileName, sha256 } = image;
	return { body, contentType, image: { fileName, sha256, size: image.size }, query, size };
}
