import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Answer } from '../answer/answer.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type Call, readOf } from '../call.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { type BmcTasks, isMonitor } from '../forward/bmc-tasks.ts';
import type { RequestDocument } from './request-document.ts';
import { callOf } from './stored-call.ts';
import type { WaitingRequests } from './waiting-requests.ts';

export interface FollowDeps {
	readonly waiting: Pick<WaitingRequests, 'change' | 'get'>;
	readonly bmcTasks: Pick<BmcTasks, 'collect'>;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	readonly audit: Pick<AuditLog, 'append'>;
	readonly clock: Clock;
}

/**
 * A request that waited may have begun a task of the BMC: its own answer was a 202. Then the proxy's TaskMonitor goes
 * on until that task has ended, and gives what the BMC's monitor gave. Who asks for it makes the proxy look.
 */
export type FollowTask = (request: RequestDocument) => Promise<RequestDocument>;

/** The task monitor of the BMC to follow, when an answer is a 202 that names one. */
export function monitorNamed({ status, headers }: Answer, prefix: string): string | null {
	const path = status === 202 ? headers.location?.slice(prefix.length).replace(/\/$/, '') : undefined;
	return path !== undefined && isMonitor(path) ? path : null;
}

export function createFollowTask({ waiting, bmcTasks, bmcs, audit, clock }: FollowDeps): FollowTask {
	const end = async (
		{ id, follows }: RequestDocument,
		next: (before: RequestDocument) => RequestDocument,
		onEnd: () => void = () => undefined,
	): Promise<RequestDocument> => {
		try {
			// Two who ask at once see the same end; the second one has nothing more to change.
			let isFirst = false;
			const ended = await waiting.change(id, 'executed', before => {
				isFirst = before.follows === follows;
				return isFirst ? { ...next(before), follows: null } : before;
			});
			if (isFirst) onEnd();
			return ended;
		} catch (fault) {
			const now = await waiting.get(id);
			if (now && now.follows === null) return now;
			throw fault;
		}
	};

	return async request => {
		const { id: requestId, follows, bmc } = request;
		if (follows === null || !bmcs.has(bmc)) return request;
		const call: Call = readOf(callOf(request, bmcs), follows);
		// A BMC that is restarting, or breaks off: the task may be going on, and is asked for again next time.
		const found = await bmcTasks.collect(call).catch(ignoreUnreachable);
		if (found === undefined || found.kind === 'running') return request;
		const at = clock.now();
		if (found.kind === 'forgotten') {
			const reason =
				'the BMC began it as a task, and has forgotten that (it may have restarted): look at the resource';
			return end(request, before => ({
				...before,
				state: 'unknown',
				outcome: null,
				ended: { by: null, reason, at },
			}));
		}
		const { status, headers, body } = found.answer;
		const tookMs = at - (request.outcome?.at ?? at);
		return end(
			request,
			before => ({
				...before,
				bmcTaskState: found.state ?? null,
				outcome: {
					status,
					headers: { ...headers },
					body: body ? Buffer.from(body).toString('base64') : null,
					at,
				},
			}),
			() => audit.append({ kind: 'answer', requestId, bmc, status, tookMs }),
		);
	};
}

function ignoreUnreachable(fault: unknown): undefined {
	if (!(fault instanceof BimetalError && fault.status >= 500)) throw fault;
}
