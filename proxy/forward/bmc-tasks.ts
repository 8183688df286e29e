import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import type { Answer } from '../answer/answer.ts';
import { type Call, readOf, targetOf } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import type { Lanes } from '../decide/lanes.ts';
import { proxyErrors } from '../errors.ts';
import type { MaskPolicy, PolicySet } from '../policy/policy-set.ts';
import { hideHeaders } from './answer-headers.ts';
import { addPrefix } from './links.ts';
import { type Posts, perform, renderSight, type Sight } from './perform.ts';

const bmcTask = z.strictObject({
	operator: z.string(),
	party: z.string().default(''),
	/** When it began, milliseconds since the epoch. */
	at: z.int(),
	/** The Task that tells of its progress, where the 202 named one. */
	task: z.string().nullable().default(null),
	/** The resource that its request was about; null when it began under an earlier version. */
	target: z.string().nullable().default(null),
	/** Whose post-policies, written for which row, shape the result as they shaped the 202. */
	filters: z.array(z.strictObject({ operation: z.string(), party: z.string() })).default([]),
	/** The result as its requester may see it, without a path prefix: the BMC gives it once. */
	result: z
		.strictObject({
			status: z.int(),
			headers: z.record(z.string(), z.string()),
			body: z.base64().nullable(),
			/** The Task's TaskState then, where the BMC told it. */
			state: z.string().nullable().default(null),
		})
		.nullable()
		.default(null),
});
type BmcTask = z.infer<typeof bmcTask>;
const bmcTasks = defineCollection('bmc-tasks', bmcTask);

/** Milliseconds after which nobody comes back for a result any more. */
const kept = 7 * 24 * 3_600_000;

/** Where a task of a BMC stands, for the operator whose request began it. */
export type Collected =
	/** `answer` is the BMC's own 202. */
	| { readonly kind: 'running'; readonly answer: Answer }
	/** `state` is the Task's TaskState where the BMC tells it: a monitor's 204 says nothing of success. */
	| { readonly kind: 'ended'; readonly answer: Answer; readonly state: string | undefined }
	/** The BMC knows nothing of it (any more), as after a restart, and never gave its result to the proxy. */
	| { readonly kind: 'forgotten'; readonly answer: Answer };

/**
 * The results of tasks that BMCs began. A BMC hands the result of a task to whoever asks first, and then forgets it:
 * so only the operator whose request began it may ask, and the proxy keeps what it was told.
 */
export interface BmcTasks {
	/** Notes the task that a 202 of the BMC names. `posts` are what its answer was filtered by. */
	began(call: Call, sight: Pick<Sight, 'headers' | 'json'>, posts: Posts): Promise<void>;
	/** Throws NotFound unless the call is about a task, or task monitor, of its own operator. */
	requireOwner(call: Call): Promise<void>;
	/** Asks the BMC's task monitor that the call reads, unless its result is here already. */
	collect(call: Call): Promise<Collected>;
	/** What shapes the BMC's Tasks for a reader, whatever policies say: nobody else's request stands in a Payload. */
	postsFor(call: Call): Promise<Posts>;
}

export interface BmcTasksDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly lanes: Lanes;
	/** The policies in force. */
	readonly policies: () => PolicySet;
	/** What a change's answer shows its operator: nothing that reading the resource in it would hide. */
	readonly show: (call: Call, sight: Sight) => Promise<Sight>;
}

export function createBmcTasks({ store, clock, lanes, policies, show }: BmcTasksDeps): BmcTasks {
	const idOf = (bmc: string, path: string): string => `${bmc} ${path}`;
	const isOwner = (task: BmcTask | undefined, { operator }: Call): boolean =>
		task?.operator === operator.name;

	/** By monitor, or by Task. */
	const find = async ({ request, bmc }: Call): Promise<BmcTask | undefined> => {
		const { path } = request;
		if (isMonitor(path)) return store.read(tx => tx.get(bmcTasks, idOf(bmc.target.name, path)));
		const prefix = idOf(bmc.target.name, '');
		const all = await store.read(tx => tx.list(bmcTasks));
		return all.find(({ id, document }) => id.startsWith(prefix) && path === document.task)?.document;
	};

	/** The post-policies that shaped the 202, as they are now; what is no longer there cannot be filtered by. */
	const postsOf = (task: BmcTask): Posts =>
		task.filters.map(({ operation, party }) => {
			const row = policies().operations.find(({ name }) => name === operation);
			const policy = row?.policies.get(party);
			if (!policy) {
				throw proxyErrors.PolicyDenied(
					`${party}'s policy for "${operation}", which shaped the answer, is no longer there`,
				);
			}
			return policy.post;
		});

	const originOf = (post: Posts[number]): BmcTask['filters'][number] => {
		for (const { name, policies: own } of policies().operations) {
			for (const [party, policy] of own) if (policy.post === post) return { operation: name, party };
		}
		// Of policies that have been replaced while the request was under way: its result is shown to nobody.
		return { operation: 'what was decided on', party: 'Another version' };
	};

	const keep = (id: string, began: BmcTask, result: Answer, state: string | undefined): Promise<void> =>
		store.transact(async tx => {
			const { status, headers, body } = result;
			const encoded = body ? Buffer.from(body).toString('base64') : null;
			await tx.put(bmcTasks, id, {
				...began,
				result: { status, headers: { ...headers }, body: encoded, state: state ?? null },
			});
		});

	const stateOf = async ({ bmc }: Call, path: string | null): Promise<string | undefined> => {
		if (path === null) return undefined;
		const task = await bmc.read(path).catch(() => undefined);
		const state = (task as { TaskState?: unknown } | undefined)?.TaskState;
		return typeof state === 'string' ? state : undefined;
	};

	/** The BMC gives its result once: what cannot be decided on now is not told, that it has ended is. */
	const showResult = async (call: Call, { target }: BmcTask, sight: Sight): Promise<Sight> => {
		if (sight.json === undefined && sight.opaque === undefined) return sight;
		const about = { ...call, request: plainRequest('POST', target ?? call.request.path) };
		const { opaque: _opaque, ...rest } = sight;
		return show(about, sight).catch(() => ({
			...rest,
			headers: hideHeaders(sight.headers),
			json: undefined,
			bytes: undefined,
			etag: undefined,
		}));
	};

	const ask = async (call: Call): Promise<Collected> => {
		const id = idOf(call.bmc.target.name, call.request.path);
		const began = await store.read(tx => tx.get(bmcTasks, id));
		if (!began || !isOwner(began, call)) return { kind: 'forgotten', answer: gone };
		if (began.result) return ended(began.result, call.prefix);
		const plain: Call = { ...readOf(call, call.request.path), prefix: '' };
		const sight = await perform(plain, postsOf(began), undefined).catch(missing);
		const answer = renderSight(plain, await showResult(plain, began, sight));
		if (answer.status === 202) return { kind: 'running', answer: withPrefix(answer, call.prefix) };
		if (answer.status === 404) {
			// Another process of the proxy may have been first.
			const now = await store.read(tx => tx.get(bmcTasks, id));
			return now?.result ? ended(now.result, call.prefix) : { kind: 'forgotten', answer };
		}
		// A BMC that cannot say now has not said.
		if (answer.status >= 500) throw proxyErrors.BmcUnreachable(`the BMC answered ${answer.status}`);
		const state = await stateOf(call, began.task);
		await keep(id, began, answer, state);
		return { kind: 'ended', answer: withPrefix(answer, call.prefix), state };
	};

	return {
		async began(call, { headers, json }, posts) {
			const path = headers.location?.slice(call.prefix.length).replace(/\/$/, '');
			if (path === undefined || !isMonitor(path)) return;
			const task: BmcTask = {
				operator: call.operator.name,
				party: call.operator.party,
				at: clock.now(),
				task: taskNamed(json),
				target: targetOf(call.request),
				filters: posts.map(originOf),
				result: null,
			};
			await store.transact(async tx => {
				for (const { id, document } of await tx.list(bmcTasks)) {
					if (document.at < clock.now() - kept) await tx.delete(bmcTasks, id);
				}
				await tx.put(bmcTasks, idOf(call.bmc.target.name, path), task);
			});
		},
		async requireOwner(call) {
			const task = isMonitor(call.request.path) || isTask(call.request.path) ? await find(call) : undefined;
			if (!isOwner(task, call)) throw proxyErrors.NotFound('there is no such resource');
		},
		// Two who ask at once must not both get what is given once.
		collect: call => lanes.run(`task ${idOf(call.bmc.target.name, call.request.path)}`, () => ask(call)),
		async postsFor(call) {
			if (!call.request.path.startsWith(tasksPath)) return [];
			if (isTask(call.request.path) && isOwner(await find(call), call)) return [];
			return [[hidePayload]];
		},
	};
}

function ended({ status, headers, body, state }: NonNullable<BmcTask['result']>, prefix: string): Collected {
	const answer = { status, headers, body: body === null ? undefined : Buffer.from(body, 'base64') };
	return { kind: 'ended', answer: withPrefix(answer, prefix), state: state ?? undefined };
}

const gone: Answer = { status: 404, headers: {}, body: undefined };

/** A hidden or missing resource reads the same: 404. */
function missing(fault: unknown): Sight {
	if (!(fault instanceof BimetalError && fault.status === 404)) throw fault;
	return { status: 404, headers: {}, json: undefined, etag: undefined, bmcEtag: undefined, isFiltered: true };
}

/** DSP0266 §12.2: the body of a 202 is the Task. bmcweb names the Task there, others the monitor. */
function taskNamed(json: JsonValue | undefined): string | null {
	const id = (json as { '@odata.id'?: unknown } | undefined)?.['@odata.id'];
	return typeof id === 'string' && isTask(id) ? id : null;
}

function withPrefix(answer: Answer, prefix: string): Answer {
	if (prefix === '') return answer;
	const { status, headers, body } = answer;
	const { location } = headers;
	const moved = { ...headers, ...(location !== undefined && { location: prefix + location }) };
	const isJson = headers['content-type']?.startsWith('application/json') === true && body && body.length > 0;
	if (!isJson) return { status, headers: moved, body };
	const json = JSON.parse(Buffer.from(body).toString('utf8')) as JsonValue;
	return { status, headers: moved, body: Buffer.from(JSON.stringify(addPrefix(json, prefix))) };
}

/** A Payload repeats the request that began the task, with its body: whoever made it knows it, nobody else should. */
const hidePayload: MaskPolicy = {
	kind: 'mask',
	source: 'Task.Payload := null',
	where: { file: 'the proxy', line: 1, column: 1 },
	schema: 'Task',
	path: ['Payload'],
	value: null,
};

const tasksPath = '/redfish/v1/TaskService/Tasks';
export const isMonitor = (path: string): boolean =>
	/^\/redfish\/v1\/TaskService\/TaskMonitors\/[^/]+$/.test(path);
const isTask = (path: string): boolean => /^\/redfish\/v1\/TaskService\/Tasks\/[^/]+$/.test(path);
