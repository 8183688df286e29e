import type { AuditRecord } from '../audit/audit-record.ts';
import { policyRecords, requestText } from '../audit/request-text.ts';
import type { Call } from '../call.ts';
import type { Verdict } from '../decide/decide.ts';
import type { RequestDocument } from './request-document.ts';

/** The decision to execute a request that waited, for the audit log: in the words in which it was approved. */
export function executionRecord(
	request: RequestDocument,
	call: Call,
	verdict: Verdict & { kind: 'execute' },
): AuditRecord {
	return {
		kind: 'decision',
		requestId: request.id,
		operator: request.requester.name,
		party: request.requester.party,
		bmc: request.bmc,
		method: request.request.method,
		path: request.request.path,
		operations: request.operations,
		verdict: 'execute',
		clause: verdict.clause,
		policyVersion: request.policyVersion,
		digest: request.digest,
		request: requestText(call.request),
		policies: policyRecords(verdict.policies),
		status: null,
	};
}
