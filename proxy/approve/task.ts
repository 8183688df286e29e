import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { seenBy } from '../decide/hidden-policies.ts';
import type { RequestDocument } from './request-document.ts';

export const taskPath = (id: string): string => `/redfish/v1/TaskService/Tasks/${id}`;
export const taskMonitorPath = (id: string): string => `/redfish/v1/TaskService/TaskMonitors/${id}`;

const taskStates: Readonly<Record<RequestDocument['state'], [state: string, status: string]>> = {
	waiting: ['Pending', 'OK'],
	approved: ['Pending', 'OK'],
	executing: ['Running', 'OK'],
	executed: ['Completed', 'OK'],
	denied: ['Cancelled', 'Warning'],
	withdrawn: ['Cancelled', 'OK'],
	expired: ['Cancelled', 'Warning'],
	failed: ['Exception', 'Critical'],
	unknown: ['Exception', 'Critical'],
};

/**
 * A request as a Redfish Task (Task.v1_4_3, DSP0266 §12.2). No Payload: the body may hold what only the
 * requester and the approvers may see, and they see it at `/p2c/v1/requests`.
 * @param at where the resource is given: a TaskMonitor gives the Task as its own while it goes on
 */
export function renderTask(request: RequestDocument, at = taskPath(request.id)): JsonValue {
	const [state, status] = request.follows === null ? taskStates[request.state] : taskStates.executing;
	const failed = hasFailed(request);
	return {
		'@odata.id': at,
		'@odata.type': '#Task.v1_4_3.Task',
		Id: request.id,
		Name: `${request.request.method} ${request.request.path} on ${request.bmc}`,
		TaskState: failed ? 'Exception' : state,
		TaskStatus: failed ? 'Warning' : status,
		StartTime: new Date(request.createdAt).toISOString(),
		...(((request.outcome && request.follows === null) || request.ended) && {
			EndTime: new Date(request.outcome?.at ?? request.ended?.at ?? request.createdAt).toISOString(),
		}),
		TaskMonitor: taskMonitorPath(request.id),
		HidePayload: true,
		Messages: [
			{
				'@odata.type': '#Message.v1_1_1.Message',
				MessageId: `Bimetal.1.0.Request${state}`,
				Message: describe(request),
				MessageArgs: [],
				MessageSeverity: failed ? 'Warning' : status,
				Resolution:
					request.state === 'waiting'
						? `An operator of ${waitsFor(request)} approves or denies request ${request.id} at /p2c/v1/requests/${request.id}.`
						: 'None.',
			},
		],
		Oem: {
			Bimetal: {
				'@odata.type': '#Bimetal.v1_0_0.Request',
				RequestId: request.id,
				Digest: request.digest,
				NeedsAuthorizationOf: request.needs,
				...(request.parts.length > 0 && {
					Properties: request.parts.flatMap(({ properties, needs }) =>
						properties.map(property => ({ Property: property, NeedsAuthorizationOf: needs })),
					),
				}),
				ExpiresAt: new Date(request.expiresAt).toISOString(),
			},
		},
	};
}

/** What the BMC did not do: it said so, or its task ended otherwise than completed. */
const hasFailed = ({ outcome, bmcTaskState }: RequestDocument): boolean =>
	(outcome !== null && outcome.status >= 400) || (bmcTaskState !== null && bmcTaskState !== 'Completed');

/** One sentence on where the request stands. */
export function describe(request: RequestDocument): string {
	switch (request.state) {
		case 'waiting': {
			// A Task is shown to every party that the request concerns.
			const failing = seenBy(undefined, request.policies).filter(policy => !policy.holds);
			const why =
				failing.length > 0
					? ` (${[...new Set(failing.map(policy => `${policy.party}: ${policy.reason}`))].join('; ')})`
					: '';
			return `Waiting for ${waitsFor(request)} to approve${why}.${describeParts(request)}`;
		}
		case 'approved':
			return `Approved: ${request.requester.name} opens it by the same handshake again, once, until ${new Date(request.expiresAt).toISOString()}.`;
		case 'executing':
			return 'Approved; being sent to the BMC.';
		case 'executed':
			if (request.follows !== null) return 'Approved and sent; the BMC has begun a task for it.';
			if (request.bmcTaskState !== null)
				return `Executed under "${request.clause}"; the BMC's task ended as ${request.bmcTaskState}.`;
			return `Executed under "${request.clause}"; the BMC answered ${request.outcome?.status}.`;
		default:
			return `${request.state[0]?.toUpperCase()}${request.state.slice(1)}: ${request.ended?.reason ?? 'no reason given'}`;
	}
}

/** Which properties hold up which: whoever needs the others now can send those by themselves. */
function describeParts({ parts }: RequestDocument): string {
	const open = parts.filter(({ needs }) => needs.length > 0);
	if (open.length === 0 || open.length === parts.length) return '';
	const held = open.map(({ properties, needs }) => {
		const who = needs.map(alternative => alternative.join(' and ')).join(', or ');
		return `${properties.join(', ')} ${properties.length === 1 ? 'needs' : 'need'} ${who}`;
	});
	const free = parts.filter(({ needs }) => needs.length === 0).flatMap(({ properties }) => properties);
	return ` ${held.join('; ')}. Nobody more is needed for ${free.join(', ')}, but a request is never split.`;
}

/** `CP`, `CP and SI`, or `CP (one more of security), or SI`. */
export function waitsFor({ needs, lacking }: Pick<RequestDocument, 'needs' | 'lacking'>): string {
	const named = (party: string) => {
		const lack = Object.hasOwn(lacking, party) ? lacking[party] : undefined;
		return lack === undefined ? party : `${party} (${lack})`;
	};
	return needs.map(alternative => alternative.map(named).join(' and ')).join(', or ') || 'nobody';
}
