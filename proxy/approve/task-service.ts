import { type Answer, resourceAnswer } from '../answer/answer.ts';
import { redfishMessage } from '../answer/redfish-error.ts';
import type { Call } from '../call.ts';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import { answerQuery } from '../filter/answer-query.ts';
import { parseQueryOptions } from '../filter/query-options.ts';
import { isObject } from '../filter/resource-type.ts';
import { addPrefix } from '../forward/links.ts';
import type { Operator } from '../operator.ts';
import type { Approver } from './approver.ts';
import type { FollowTask } from './follow-task.ts';
import { concernsParty, isRequestId, type RequestDocument } from './request-document.ts';
import { describe, renderTask, taskPath } from './task.ts';
import { accepted, type WaitingRequests } from './waiting-requests.ts';

/**
 * The proxy's own Tasks and TaskMonitors, which stand among the BMC's under `/redfish/v1/TaskService`. A Task
 * is seen by its requester and by the parties it needs, or that have authorized it; a TaskMonitor by its
 * requester alone, and reading it takes nothing away: bmcweb's gives its answer once, to whoever comes first.
 */
export interface TaskService {
	/** Undefined when the request is not about one of the proxy's own tasks. */
	answer(
		request: CanonicalRequest,
		operator: Operator,
		bmc: string,
		prefix: string,
	): Promise<Answer | undefined>;
	/**
	 * The BMC's collection of tasks with the waiting requests that this operator may see. `answer` gives the
	 * BMC's; query options are worked out over both.
	 */
	list(call: Call, answer: (call: Call) => Promise<Answer>): Promise<Answer>;
}

export function createTaskService(deps: {
	waiting: WaitingRequests;
	approver: Approver;
	follow: FollowTask;
}): TaskService {
	const find = async (
		id: string,
		bmc: string,
		may: (request: RequestDocument) => boolean,
	): Promise<RequestDocument> => {
		const request = await deps.waiting.get(id);
		if (!request || request.bmc !== bmc || !may(request)) {
			throw proxyErrors.NotFound(`there is no task ${id}`);
		}
		return request;
	};

	return {
		async answer(request, operator, bmc, prefix) {
			const [, , service, kind, id, ...rest] = request.segments;
			if (service !== 'TaskService' || id === undefined || rest.length > 0 || !isRequestId(id))
				return undefined;
			const read = request.method === 'GET' || request.method === 'HEAD';
			if (kind === 'Tasks' && read) {
				const task = await deps.follow(await find(id, bmc, found => concerns(found, operator)));
				const options = parseQueryOptions(request.query);
				const shown = await answerQuery(renderTask(task), options, {
					path: request.path,
					look: async () => undefined,
				});
				return resourceAnswer(addPrefix(shown, prefix) as object, prefix, 'GET, HEAD');
			}
			if (kind === 'TaskMonitors') {
				const monitored = await find(id, bmc, found => found.requester.name === operator.name);
				if (read) return monitor(await deps.follow(monitored), prefix);
				if (request.method === 'DELETE') {
					await deps.approver.withdraw(id, operator, 'its task monitor was deleted');
					return { status: 204, headers: { 'odata-version': '4.0' }, body: undefined };
				}
			}
			throw proxyErrors.MethodNotAllowed(`${request.method} is not possible on a task`, {
				headers: { allow: kind === 'TaskMonitors' ? 'GET, HEAD, DELETE' : 'GET, HEAD' },
			});
		},
		async list(call, answer) {
			const { operator, bmc } = call;
			const waiting = await deps.waiting.list({
				state: 'waiting',
				limit: 1000,
				bmc: bmc.target.name,
				party: operator.party,
			});
			if (waiting.length === 0) return answer(call);
			const own = new Map(waiting.map(one => [taskPath(one.id), one]));
			const add = (collection: JsonValue): JsonValue => {
				if (!isObject(collection) || !Array.isArray(collection.Members)) return collection;
				const links = [...own.keys()].map(path => ({ '@odata.id': path }));
				const members = [...(collection.Members as readonly JsonValue[]), ...links];
				return { ...collection, Members: members, 'Members@odata.count': members.length };
			};
			const look = (path: string): JsonValue | undefined => {
				const task = own.get(path);
				return task && renderTask(task);
			};
			return answer({ ...call, own: { add, look } });
		},
	};
}

const concerns = (request: RequestDocument, operator: Operator): boolean =>
	request.requester.name === operator.name || concernsParty(request, operator.party);

/** 202 while it goes on; then the BMC's own answer, or why there is none (DSP0266 §12.2). */
function monitor(request: RequestDocument, prefix: string): Answer {
	if (request.follows !== null) return accepted(request, prefix);
	if (request.outcome) {
		const { status, headers, body } = request.outcome;
		return {
			status,
			headers: { ...headers, 'cache-control': 'no-store' },
			body: body === null ? undefined : Buffer.from(body, 'base64'),
		};
	}
	switch (request.state) {
		case 'waiting':
		case 'approved':
		case 'executing':
			return accepted(request, prefix);
		case 'withdrawn':
			return redfishMessage(410, 'RequestWithdrawn', describe(request));
		case 'expired':
			return redfishMessage(410, 'RequestExpired', describe(request));
		case 'denied':
			return redfishMessage(403, 'RequestDenied', describe(request));
		case 'failed':
			return redfishMessage(503, 'NotExecuted', describe(request));
		default:
			return redfishMessage(504, 'OutcomeUnknown', describe(request));
	}
}
