import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Answer } from '../answer/answer.ts';
import type { WaitingRequests } from '../approve/waiting-requests.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Operator } from '../operator.ts';
import { durably } from '../record.ts';
import type { Change, Door } from './doors.ts';
import type { DoorsReport, DoorsWatch } from './watch-doors.ts';

/** What became of shutting some doors. */
export interface Repair {
	readonly doors: readonly string[];
	readonly outcome: 'shut' | 'waiting' | 'denied' | 'failed' | 'by hand';
	/** The request that waits for other parties. */
	readonly requestId: string | null;
	readonly detail: string;
}

export interface RepairDeps {
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	readonly watch: DoorsWatch;
	readonly mediator: { answer(call: Call): Promise<Answer> };
	readonly waiting: Pick<WaitingRequests, 'list'>;
	readonly policies: () => ActivePolicies;
	readonly consider: Consider;
	readonly audit: AuditLog;
}

/**
 * Shuts what stands open at a BMC, as this operator: each change is a request like any other, which the table's
 * row decides on and other parties may have to approve. Only sessions and event subscriptions are ended by the proxy
 * itself, whose they are on a BMC (the rows "Log in and out" and "Subscribe to events"). @throws BimetalError UnknownBmc, AuditUnavailable
 */
export async function repairDoors(
	deps: RepairDeps,
	name: string,
	operator: Operator,
): Promise<{ repairs: Repair[]; report: DoorsReport }> {
	const bmc = deps.bmcs.get(name);
	if (!bmc) throw proxyErrors.UnknownBmc(`there is no BMC ${name}`);
	const { open } = await deps.watch.look(name);
	const repairs: Repair[] = [];
	for (const door of open) {
		if (isOurs(door) && door.shut) repairs.push(await endAtOnce(deps, bmc, operator, door));
		else if (!door.shut)
			repairs.push({
				doors: [door.name],
				outcome: 'by hand',
				requestId: null,
				detail: 'no request mends this: look who answers at its address, then enrol it again',
			});
	}
	for (const { doors, change } of repairRequests(open)) {
		repairs.push(
			await request(
				deps,
				{
					request: plainRequest(change.method, change.path, change.body as JsonValue | undefined),
					operator,
					bmc,
					prefix: '',
				},
				doors,
			),
		);
	}
	return { repairs, report: await deps.watch.look(name) };
}

/** On the BMC it is the proxy's alone: it stands in the way of no party when it ends. */
const isOurs = ({ kind }: Pick<Door, 'kind'>): boolean => kind === 'session' || kind === 'subscription';

/** One request for all properties of a resource: one approval for what belongs together. Pure. */
function repairRequests(open: readonly Door[]): { doors: string[]; change: Change }[] {
	const byResource = new Map<string, { doors: string[]; change: Change }>();
	for (const { kind, name, shut } of open) {
		if (!shut || isOurs({ kind })) continue;
		const key = `${shut.method} ${shut.path}`;
		const known = byResource.get(key);
		if (!known) byResource.set(key, { doors: [name], change: shut });
		else {
			known.doors.push(name);
			known.change = { ...shut, body: merge(known.change.body ?? {}, shut.body ?? {}) };
		}
	}
	return [...byResource.values()];
}

type Body = NonNullable<Change['body']>;
function merge(one: Body, two: Body): Body {
	const merged: Body = { ...one };
	for (const [key, value] of Object.entries(two)) {
		const there = merged[key];
		merged[key] = isObject(there) && isObject(value) ? merge(there, value) : value;
	}
	return merged;
}
const isObject = (value: unknown): value is Body =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

async function request(deps: RepairDeps, call: Call, doors: string[]): Promise<Repair> {
	const same = (await deps.waiting.list({ state: 'waiting', bmc: call.bmc.target.name, limit: 1000 })).find(
		({ request: held }) =>
			held.method === call.request.method &&
			held.path === call.request.path &&
			held.bytes === Buffer.from(call.request.bytes ?? []).toString('base64'),
	);
	if (same) return { doors, outcome: 'waiting', requestId: same.id, detail: 'it was asked for already' };
	try {
		const { status, headers } = await deps.mediator.answer(call);
		if (status === 202 && headers.location) {
			const requestId = headers.location.split('/').at(-1) ?? null;
			return { doors, outcome: 'waiting', requestId, detail: 'other parties must approve it' };
		}
		if (status < 300)
			return { doors, outcome: 'shut', requestId: null, detail: `the BMC answered ${status}` };
		return { doors, outcome: 'failed', requestId: null, detail: `the BMC answered ${status}` };
	} catch (fault) {
		return refused(doors, fault);
	}
}

async function endAtOnce(
	deps: RepairDeps,
	bmc: BmcConnection,
	operator: Operator,
	door: Door & { shut?: Change | undefined },
): Promise<Repair> {
	const doors = [door.name];
	const { method, path, body } = door.shut as Change;
	const request = plainRequest(method, path, body as JsonValue | undefined);
	const call: Call = { request, operator, bmc, prefix: '' };
	const policies = deps.policies();
	const row = policies.classify(call.request);
	const verdict =
		row.kind === 'known' ? await deps.consider(policies, row.operations, call, [operator]) : undefined;
	if (verdict?.kind !== 'execute') {
		const detail = verdict?.kind === 'deny' ? verdict.reason : 'no row of the table allows it to one party';
		return { doors, outcome: 'denied', requestId: null, detail };
	}
	const ended = { kind: 'doors', bmc: bmc.target.name, state: 'open', open: doors } as const;
	await durably(deps.audit.append({ ...ended, operator: operator.name }));
	try {
		const { status } = await bmc.send({
			method: 'DELETE',
			target: call.request.path,
			headers: {},
			body: undefined,
		});
		const isGone = status < 300 || status === 404;
		return {
			doors,
			outcome: isGone ? 'shut' : 'failed',
			requestId: null,
			detail: `the BMC answered ${status}`,
		};
	} catch (fault) {
		return refused(doors, fault);
	}
}

/** What may not be told is a fault of the proxy's, and answered like one. */
function refused(doors: string[], fault: unknown): Repair {
	if (!(fault instanceof BimetalError) || !fault.expose) throw fault;
	const outcome = fault.status === 403 ? 'denied' : 'failed';
	return { doors, outcome, requestId: null, detail: fault.message };
}
