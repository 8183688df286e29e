import { randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Store } from '../../common/store/store.ts';
import { type Answer, jsonAnswer } from '../answer/answer.ts';
import type { Call } from '../call.ts';
import type { CanonicalRequest } from '../canonicalise/canonical-request.ts';
import { boundBytes, digestRequest } from '../canonicalise/digest.ts';
import { propertiesUnder } from '../classify/properties.ts';
import type { EvaluatedPolicy, Verdict } from '../decide/decide.ts';
import { proxyErrors } from '../errors.ts';
import { addPrefix } from '../forward/links.ts';
import type { Operator } from '../operator.ts';
import type { Operation } from '../policy/policy-set.ts';
import type { Signed } from './check-signature.ts';
import { isRequestId, newRequestId, type RequestDocument, requests } from './request-document.ts';
import { renderTask, taskMonitorPath } from './task.ts';

export interface WaitingRequestsDeps {
	readonly store: Store;
	readonly clock: Clock;
	/** Milliseconds that a request waits before it expires. */
	readonly expireAfter: number;
	/** Milliseconds within which it must be being executed once its last approval has arrived. */
	readonly executeWithin: number;
	/** Requests that one operator may have waiting at once. */
	readonly maxPerOperator: number;
	/** Called after each change of a request's state, once it is on disk. */
	readonly onChange: (request: RequestDocument) => void;
}

/** The requests that wait, or waited, for others: kept durably, changed only by valid transitions. */
export interface WaitingRequests {
	/** Keeps a request until its missing authorizations arrive. A read that waits already is found, not kept twice. */
	hold(
		call: Call,
		verdict: Verdict & { kind: 'wait' },
		decided: { operations: readonly Operation[]; policyVersion: string },
	): Promise<RequestDocument>;
	get(id: string): Promise<RequestDocument | undefined>;
	list(options: {
		state?: RequestDocument['state'] | undefined;
		after?: string | undefined;
		limit: number;
		bmc?: string | undefined;
		/** Only what concerns this party. */
		party?: string | undefined;
	}): Promise<RequestDocument[]>;
	/** The approved request, if there is one, that this handshake opens. */
	approvedFor(call: Call): Promise<RequestDocument | undefined>;
	/** Replaces a request that is still in state `from`; throws RequestNotWaiting when it is not. */
	change(
		id: string,
		from: RequestDocument['state'],
		next: (request: RequestDocument) => RequestDocument,
	): Promise<RequestDocument>;
	/** Notes that an executing request may have been sent from now on; nobody is told. */
	markSent(id: string): Promise<void>;
	/** Ends what has waited too long: by the time of day, or by the time that passed in this process. */
	expire(): Promise<number>;
	/** True of one that waits, or is approved, and has done so for too long; `expire` ends it. */
	isLate(request: Pick<RequestDocument, 'id' | 'expiresAt'>): boolean;
	/** An approval that came in time is in hand: until the function is called, `expire` leaves the request alone. */
	spare(id: string): () => void;
	/**
	 * After a crash: what was being sent may have been executed (`unknown`), what was about to be was not (`failed`);
	 * neither is ever sent again. Gives those that it has ended.
	 */
	recover(): Promise<readonly RequestDocument[]>;
}

export function createWaitingRequests(deps: WaitingRequestsDeps): WaitingRequests {
	const { store, clock, onChange } = deps;
	/** By id, approvals in hand. */
	const spared = new Map<string, number>();
	/** When what waits expires, by id: so that looking for what is due reads nothing. May hold what has ended. */
	const expiries = new Map<
		string,
		{
			readonly at: number;
			/** On the clock that nobody sets. */
			readonly atElapsed: number;
			readonly state: 'waiting' | 'approved';
		}
	>();
	let isScanned = false;
	const follow = (request: RequestDocument): void => {
		const { id, state, expiresAt: at } = request;
		if (state !== 'waiting' && state !== 'approved') {
			expiries.delete(id);
			return;
		}
		const known = expiries.get(id);
		// Of one that is known already no time is measured anew: the time of day may have been set meanwhile.
		if (known?.at === at && known.state === state) return;
		expiries.set(id, { at, atElapsed: clock.elapsed() + at - clock.now(), state });
	};
	const isLate: WaitingRequests['isLate'] = ({ id, expiresAt }) =>
		expiresAt <= clock.now() || (expiries.get(id)?.atElapsed ?? Number.POSITIVE_INFINITY) <= clock.elapsed();

	/** What waited already when the proxy started is found by reading it once, in pages. */
	const scanOnce = async (): Promise<void> => {
		if (isScanned) return;
		for (const equals of ['waiting', 'approved']) {
			for (let after: string | undefined; ; ) {
				const page = await store.read(tx =>
					tx.list(requests, {
						where: { index: 'state', equals },
						limit: 200,
						...(after !== undefined && { after }),
					}),
				);
				for (const { document } of page) follow(document);
				after = page.at(-1)?.id;
				if (page.length < 200) break;
			}
		}
		isScanned = true;
	};

	const replace: WaitingRequests['change'] = (id, from, next) =>
		store.transact(async tx => {
			const request = await tx.get(requests, id);
			if (!request) throw noSuchRequest(id);
			if (request.state !== from) throw notIn(request, from);
			const after = next(request);
			await tx.put(requests, id, after);
			return after;
		});

	const change: WaitingRequests['change'] = async (id, from, next) => {
		const changed = await replace(id, from, next);
		follow(changed);
		onChange(changed);
		return changed;
	};

	/** Moves requests of a state to another, one by one, so that a large number never blocks. */
	const endAll = async (
		ids: readonly string[],
		from: RequestDocument['state'],
		to: 'expired' | 'unknown' | 'failed',
		reason: string,
	): Promise<readonly RequestDocument[]> => {
		const ended: RequestDocument[] = [];
		for (const id of ids) {
			const work = change(id, from, request => ({
				...request,
				state: to,
				needs: [],
				lacking: {},
				ended: { by: null, reason, at: clock.now() },
			}));
			// Someone may have been faster.
			const changed = await work.catch(ignoreLost);
			if (changed) ended.push(changed);
			expiries.delete(id);
		}
		return ended;
	};

	return {
		async hold(call, verdict, decided) {
			const document = newDocument(call, verdict, decided, clock.now(), deps);
			const { held, isNew } = await store.transact(async tx => {
				// A client that polls a resource must not pile up one request for each poll.
				const key = requests.indexes.waitingRead?.(document);
				const [same] =
					typeof key === 'string'
						? await tx.list(requests, { where: { index: 'waitingRead', equals: key }, limit: 1 })
						: [];
				if (same && !isLate(same.document) && same.document.policyVersion === decided.policyVersion) {
					return { held: same.document, isNew: false };
				}
				const waiting = { index: 'waitingOf', equals: call.operator.name };
				if ((await tx.count(requests, waiting)) >= deps.maxPerOperator) {
					throw proxyErrors.TooManyWaiting(
						`${call.operator.name} has ${deps.maxPerOperator} requests waiting; withdraw some first`,
					);
				}
				// Ids are short: of many requests in one millisecond two may draw the same.
				let { id } = document;
				while (await tx.get(requests, id)) id = newRequestId(clock.now());
				const held = { ...document, id };
				await tx.insert(requests, id, held);
				return { held, isNew: true };
			});
			follow(held);
			if (isNew) onChange(held);
			return held;
		},
		get: async id => (isRequestId(id) ? store.read(tx => tx.get(requests, id)) : undefined),
		async list({ state, after, limit, bmc, party }) {
			const where =
				party !== undefined
					? { index: 'seenBy', equals: JSON.stringify([party, state ?? null, bmc ?? null]) }
					: state && { index: 'state', equals: state };
			const fits = (request: RequestDocument) => !bmc || request.bmc === bmc;
			const page: RequestDocument[] = [];
			let from = after;
			for (;;) {
				const batch = await store.read(tx =>
					tx.list(requests, {
						...(where && { where }),
						...(from !== undefined && { after: from }),
						limit,
					}),
				);
				page.push(...batch.map(({ document }) => document).filter(fits));
				from = batch.at(-1)?.id;
				if (page.length >= limit || batch.length < limit || from === undefined) return page.slice(0, limit);
			}
		},
		async approvedFor({ operator, bmc, request }) {
			const equals = JSON.stringify([operator.name, bmc.target.name, request.path]);
			const found = await store.read(tx =>
				tx.list(requests, { where: { index: 'approvedFor', equals }, limit: 1 }),
			);
			return found[0]?.document;
		},
		change,
		async markSent(id) {
			await replace(id, 'executing', before => ({ ...before, sentAt: clock.now() }));
		},
		async expire() {
			await scanOnce();
			const due = (wanted: 'waiting' | 'approved') =>
				[...expiries].flatMap(([id, { at, state }]) =>
					state === wanted && isLate({ id, expiresAt: at }) && !spared.has(id) ? [id] : [],
				);
			const late = await endAll(due('waiting'), 'waiting', 'expired', 'it was not approved in time');
			const unused = 'it was approved, and not opened in time';
			return late.length + (await endAll(due('approved'), 'approved', 'expired', unused)).length;
		},
		isLate,
		spare(id) {
			spared.set(id, (spared.get(id) ?? 0) + 1);
			return () => {
				const rest = (spared.get(id) ?? 1) - 1;
				if (rest > 0) spared.set(id, rest);
				else spared.delete(id);
			};
		},
		async recover() {
			const where = { index: 'state', equals: 'executing' };
			const found = await store.read(tx => tx.list(requests, { where }));
			const idsOf = (wasSent: boolean) =>
				found.flatMap(({ id, document }) => ((document.sentAt !== null) === wasSent ? [id] : []));
			return [
				...(await endAll(
					idsOf(false),
					'executing',
					'failed',
					'the proxy stopped before it was sent: nothing was executed; make it again',
				)),
				...(await endAll(
					idsOf(true),
					'executing',
					'unknown',
					'the proxy stopped while it was being sent: it may have been executed; look at the resource',
				)),
			];
		},
	};
}

function ignoreLost(fault: unknown): undefined {
	if (!(fault instanceof BimetalError && fault.code === 'RequestNotWaiting')) throw fault;
}

export const noSuchRequest = (id: string) => proxyErrors.NoSuchRequest(`there is no request ${id}`);

const notIn = (request: RequestDocument, state: string) =>
	proxyErrors.RequestNotWaiting(`request ${request.id} is ${request.state}, no longer ${state}`);

/**
 * 202 as DSP0266 §12.2: the Task in the body, its TaskMonitor in Location. Two things are as unmodified clients
 * need them: sushy polls what the body calls its `@odata.id`, so that names the TaskMonitor; and there is no
 * Retry-After, since sushy cannot sleep for one in seconds and redfishtool not for a date. Both ask each second.
 */
export function accepted(request: RequestDocument, prefix: string): Answer {
	return jsonAnswer(202, addPrefix(renderTask(request, taskMonitorPath(request.id)), prefix), {
		location: prefix + taskMonitorPath(request.id),
		'cache-control': 'no-store',
	});
}

function newDocument(
	call: Call,
	verdict: Verdict & { kind: 'wait' },
	decided: { operations: readonly Operation[]; policyVersion: string },
	now: number,
	{ expireAfter, executeWithin }: Pick<WaitingRequestsDeps, 'expireAfter' | 'executeWithin'>,
): RequestDocument {
	const { request, operator, bmc } = call;
	const nonce = randomBytes(16).toString('hex');
	const bytes = request.bytes === undefined ? null : Buffer.from(request.bytes).toString('base64');
	return {
		id: newRequestId(now),
		state: 'waiting',
		bmc: bmc.target.name,
		request: {
			method: request.method,
			path: request.path,
			query: request.query.map(([name, value]) => [name, value]),
			ifMatch: request.ifMatch ?? null,
			ifNoneMatch: request.ifNoneMatch ?? null,
			contentType: request.contentType ?? null,
			bytes,
			...(request.image && { image: { ...request.image, fileName: request.image.fileName ?? null } }),
		},
		prefix: call.prefix,
		digest: digestRequest({
			method: request.method,
			path: request.path,
			query: request.query,
			ifMatch: request.ifMatch,
			contentType: request.contentType,
			bodyBytes: boundBytes(request),
			bmc: bmc.target.name,
			policyVersion: decided.policyVersion,
			nonce,
		}),
		nonce,
		policyVersion: decided.policyVersion,
		operations: decided.operations.map(operation => operation.name),
		requester: { name: operator.name, party: operator.party },
		concerns: partiesOf(operator, decided.operations),
		createdAt: now,
		expiresAt: now + expireAfter,
		executeWithin,
		authorizations: [authorizationOf(operator, now, null)],
		needs: verdict.needs.map(alternative => [...alternative]),
		lacking: { ...verdict.lacking },
		parts: partsOf(call.request, decided.operations, verdict),
		clause: null,
		policies: viewPolicies(verdict.policies),
		ended: null,
		outcome: null,
		follows: null,
		bmcTaskState: null,
	};
}

function partiesOf({ party }: Operator, operations: readonly Operation[]): string[] {
	const clauses = operations.flatMap(({ authorization }) => authorization.clauses);
	const named = clauses.flatMap(({ authorizations, policies }) => [...authorizations, ...policies]);
	return [...new Set([party, ...named])].sort();
}

/** Which properties of a PATCH wait for whom; nothing where all of it falls under one row. */
export function partsOf(
	{ method, body }: CanonicalRequest,
	operations: readonly Operation[],
	{ open }: Pick<Verdict & { kind: 'wait' }, 'open'>,
): RequestDocument['parts'] {
	if (method !== 'PATCH' || operations.length < 2) return [];
	return operations.map(({ name, properties }) => ({
		properties: propertiesUnder(body, properties),
		needs: (Object.hasOwn(open, name) ? (open[name] ?? []) : []).map(alternative => [...alternative]),
	}));
}

export const authorizationOf = (
	operator: Operator,
	at: number,
	comment: string | null,
	more: { validUntil?: number | null; signed?: Signed | undefined } = {},
): RequestDocument['authorizations'][number] => ({
	name: operator.name,
	party: operator.party,
	at,
	comment,
	validUntil: more.validUntil ?? null,
	...(more.signed && { signed: { ...more.signed } }),
});

export const viewPolicies = (policies: readonly EvaluatedPolicy[]): RequestDocument['policies'] =>
	policies.map(({ party, operation, expression, holds, reason, private: isPrivate }) => ({
		party,
		operation,
		expression,
		holds,
		reason,
		...(isPrivate && { private: true }),
	}));
