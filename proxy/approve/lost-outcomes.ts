import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Claims } from '../decide/claims.ts';
import type { WaitingRequests } from './waiting-requests.ts';

export interface LostOutcomesDeps {
	readonly waiting: Pick<WaitingRequests, 'recover' | 'get'>;
	readonly claims: Pick<Claims, 'release'>;
	/** As it was opened: with what it found unanswered. */
	readonly audit: Pick<AuditLog, 'append' | 'unanswered'>;
	readonly clock: Pick<Clock, 'now'>;
	readonly logger: Logger;
}

/**
 * After a crash: puts on the record what became of the changes that were under way, so that every decision to execute
 * one has an answer in the log. Nothing is sent again; of what may have been executed it says that nobody knows.
 */
export async function recordLostOutcomes(deps: LostOutcomesDeps): Promise<void> {
	const { waiting, claims, audit, clock, logger } = deps;
	const since = (at: number): number => Math.max(0, clock.now() - at);
	const isTold = new Set<string>();
	for (const { id: requestId, bmc, state, claim, createdAt } of await waiting.recover()) {
		const isUnknown = state !== 'failed';
		logger.warn({ requestId, bmc, state }, 'the proxy had stopped while it executed this request');
		const status = isUnknown ? 504 : 503;
		const outcome = isUnknown ? { outcome: 'unknown' as const } : {};
		audit.append({ kind: 'answer', requestId, bmc, status, tookMs: since(createdAt), ...outcome });
		isTold.add(requestId);
		if (!isUnknown && claim !== undefined) await claims.release(claim);
	}
	for (const { decision, time, requestId, bmc, method, path, operator } of audit.unanswered ?? []) {
		const tookMs = since(Date.parse(time));
		if (requestId !== null) {
			if (isTold.has(requestId)) continue;
			// Its answer was kept, and only the record of it lost.
			const known = (await waiting.get(requestId))?.outcome;
			if (known) {
				audit.append({ kind: 'answer', requestId, bmc, status: known.status, tookMs });
				continue;
			}
		}
		logger.warn(
			{ decision, bmc, method, path, operator },
			'the proxy had stopped during this change: it may have been executed; look at the resource',
		);
		const of = requestId === null ? { requestId, decision } : { requestId };
		audit.append({ kind: 'answer', ...of, bmc, status: 504, tookMs, outcome: 'unknown' });
	}
}
