import type { z } from 'zod';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import {
	bmcList,
	type LockoutView,
	lockoutList,
	operatorView,
	policiesView,
	problem,
	type RequestState,
	type ReviewView,
	repairView,
	requestPage,
	requestView,
	reviewView,
	serviceView,
	unlockView,
} from './api/schemas.ts';
import type { JsonValue } from './canonicalise/canonical-request.ts';
import { type AuditCalls, createAuditCalls } from './client/audit-calls.ts';
import { type ConsoleCalls, createConsoleCalls } from './client/console-calls.ts';
import { redfishMessages } from './client/messages.ts';
import {
	type Answer,
	type Call,
	createTransport,
	type Transport,
	type TransportOptions,
} from './client/transport.ts';
import { type ExplanationView, explanationView } from './explain/schemas.ts';
import { createGovernanceClient, type GovernanceClient } from './governance/governance-client.ts';

export type { LockoutView, RequestState, RequestView, ReviewView } from './api/schemas.ts';
export { approvalPurpose, renderStatement, type Statement } from './approve/statement.ts';
export type { JsonValue } from './canonicalise/canonical-request.ts';
export type { AuditCalls } from './client/audit-calls.ts';
export type { ConsoleCalls, OpenConsole } from './client/console-calls.ts';
export type { RedfishMessage } from './client/messages.ts';
export type { Answer, Credential } from './client/transport.ts';
export type { ConsoleView } from './console/schemas.ts';
export type { ExplanationView } from './explain/schemas.ts';
export type {
	AgreementView,
	ChangeAnswer,
	ChangeView,
	VersionSummary,
	WindowView,
} from './governance/schemas.ts';
export { redfishMessages };
export type OperatorView = z.infer<typeof operatorView>;
export type ServiceView = z.infer<typeof serviceView>;
export type BmcView = z.infer<typeof bmcList>['bmcs'][number];
export type PoliciesView = z.infer<typeof policiesView>;
export type RepairView = z.infer<typeof repairView>;
export type RequestPage = z.infer<typeof requestPage>;

export interface RequestQuery {
	readonly state?: RequestState | undefined;
	readonly bmc?: string | undefined;
	readonly limit?: number | undefined;
	/** The `next` of the page before. */
	readonly after?: string | undefined;
}

export interface RedfishCall {
	readonly bmc: string;
	readonly method: string;
	/** Plain, as the BMC knows it: `/redfish/v1/Systems/system`, with or without a query. */
	readonly path: string;
	readonly body?: JsonValue | undefined;
	readonly ifMatch?: string | undefined;
}

/** An operator's signature of a decision, as `signText` makes it over `renderStatement`. */
export interface Signature {
	/** When it was signed, ISO 8601: as in the statement. */
	readonly at: string;
	readonly signature: string;
}

/** A session as the proxy opened it; `session` is the path to DELETE when it ends. */
export interface Session {
	readonly token: string;
	readonly session: string;
}

/**
 * The proxy's management API (`/p2c/v1`), its log-in, and Redfish through it. Every call of the management
 * API throws a BimetalError with the problem's code and status when it is refused, `BadAnswer` when the
 * answer does not fit its schema, and the transport's errors. Redfish answers are returned as they are,
 * whatever their status.
 */
export interface ProxyClient {
	service(): Promise<ServiceView>;
	me(): Promise<OperatorView>;
	bmcs(): Promise<readonly BmcView[]>;
	/** Shuts again what stands open at an enrolled BMC, as the client's operator. */
	repair(bmc: string): Promise<RepairView>;
	requests(query?: RequestQuery): Promise<RequestPage>;
	request(id: string): Promise<z.infer<typeof requestView>>;
	/** The request with what it meets now, as the client's operator may see it. */
	review(id: string): Promise<ReviewView>;
	/** The uploaded image of a request that has one and waits, as it comes. */
	image(id: string): Promise<AsyncIterable<Uint8Array>>;
	/** `digest`: the 64 hex digits of the request that the approver has looked at. */
	approve(
		id: string,
		body: { digest: string; comment?: string | undefined; signed?: Signature | undefined },
	): Promise<z.infer<typeof requestView>>;
	deny(
		id: string,
		body: { reason: string; signed?: Signature | undefined },
	): Promise<z.infer<typeof requestView>>;
	withdraw(
		id: string,
		body?: { reason?: string | undefined; signed?: Signature | undefined },
	): Promise<z.infer<typeof requestView>>;
	policies(): Promise<PoliciesView>;
	/** What would come of a Redfish call, and why; nothing is executed. `as`: another party asks. */
	explain(call: RedfishCall & { as?: string | undefined }): Promise<ExplanationView>;
	/** Operators of the own party who have to wait after wrong passwords. */
	lockouts(): Promise<readonly LockoutView[]>;
	/** Lets an operator of the own party try again, at one address or everywhere. False: nothing was locked. */
	unlock(operator: string, from?: string): Promise<boolean>;
	/** Versions and changes of the policies, and break-glass. */
	readonly governance: GovernanceClient;
	readonly audit: AuditCalls;
	/** Sessions on consoles: opened, watched, ended. */
	readonly consoles: ConsoleCalls;
	/** Opens a Redfish session with the client's user name and password; throws `CredentialRefused` (401). */
	login(): Promise<Session>;
	/** Ends the session at `session`; one that is gone already is no error. */
	logout(session: string): Promise<void>;
	redfish(call: RedfishCall): Promise<Answer>;
	close(): Promise<void>;
}

const SESSIONS = '/redfish/v1/SessionService/Sessions';

export function createProxyClient(options: TransportOptions): ProxyClient {
	const transport = createTransport(options);

	async function ask<S extends z.ZodType>(schema: S, call: Call): Promise<z.infer<S>> {
		const answer = await transport.send(call);
		if (answer.status < 200 || answer.status > 299) throw refusal(answer);
		const parsed = schema.safeParse(answer.body);
		if (parsed.success) return parsed.data;
		const issue = parsed.error.issues[0];
		const where = issue ? `${issue.path.join('.') || 'the document'}: ${issue.message}` : 'unreadable';
		throw new BimetalError(
			'BadAnswer',
			`the proxy's answer to ${call.method} ${call.path} is not understood (${where})`,
			{
				status: 502,
			},
		);
	}
	const get = <S extends z.ZodType>(schema: S, path: string) => ask(schema, { method: 'GET', path });
	const act = (id: string, verb: string, body: JsonValue) =>
		ask(requestView, { method: 'POST', path: `${requestPath(id)}/${verb}`, body });

	return {
		service: () => get(serviceView, '/p2c/v1'),
		me: () => get(operatorView, '/p2c/v1/me'),
		bmcs: async () => (await get(bmcList, '/p2c/v1/bmcs')).bmcs,
		repair: bmc =>
			ask(repairView, { method: 'POST', path: `/p2c/v1/bmcs/${encodeURIComponent(bmc)}/repair`, body: {} }),
		requests: (query = {}) => get(requestPage, `/p2c/v1/requests${queryString(query)}`),
		request: id => get(requestView, requestPath(id)),
		review: id => get(reviewView, `${requestPath(id)}/review`),
		image: async id => {
			const answer = await transport.stream(`${requestPath(id)}/image`);
			if ('pieces' in answer) return answer.pieces;
			throw refusal(answer);
		},
		approve: (id, { digest, comment, signed }) =>
			act(id, 'approve', { digest, ...(comment && { comment }), ...(signed && { signed: { ...signed } }) }),
		deny: (id, { reason, signed }) => act(id, 'deny', { reason, ...(signed && { signed: { ...signed } }) }),
		withdraw: (id, { reason, signed } = {}) =>
			act(id, 'withdraw', { ...(reason && { reason }), ...(signed && { signed: { ...signed } }) }),
		policies: () => get(policiesView, '/p2c/v1/policies'),
		explain: call =>
			ask(explanationView, { method: 'POST', path: '/p2c/v1/explain', body: { ...call } as JsonValue }),
		lockouts: async () => (await get(lockoutList, '/p2c/v1/lockouts')).lockouts,
		unlock: async (operator, from) => {
			const body = { operator, ...(from !== undefined && { from }) };
			return (await ask(unlockView, { method: 'POST', path: '/p2c/v1/lockouts/unlock', body })).unlocked;
		},
		governance: createGovernanceClient(ask),
		audit: createAuditCalls(get),
		consoles: createConsoleCalls(transport, ask),
		login: () => openSession(transport),
		async logout(session) {
			const answer = await transport.send({ method: 'DELETE', path: session });
			if (![200, 202, 204, 401, 404].includes(answer.status)) throw refusal(answer);
		},
		redfish: ({ bmc, method, path, body, ifMatch }) => {
			if (!/^\/redfish(\/|$)/.test(path)) {
				throw new BimetalError('BadPath', `'${path}' does not start with /redfish`, { status: 400 });
			}
			return transport.send({
				method,
				path: `/bmc/${encodeURIComponent(bmc)}${path}`,
				headers: ifMatch === undefined ? {} : { 'if-match': ifMatch },
				body,
			});
		},
		close: () => transport.close(),
	};
}

async function openSession(transport: Transport): Promise<Session> {
	const { credential } = transport;
	if (!credential || !('username' in credential)) {
		throw new BimetalError('BadCredential', 'a session is opened with a user name and a password', {
			status: 400,
		});
	}
	const { username, password } = credential;
	const answer = await transport.send({
		method: 'POST',
		path: SESSIONS,
		body: { UserName: username, Password: password },
	});
	if (answer.status === 401) {
		throw new BimetalError('CredentialRefused', `the proxy refused the password of ${username}`, {
			status: 401,
		});
	}
	if (answer.status !== 201 && answer.status !== 200) throw refusal(answer);
	const token = answer.headers['x-auth-token'];
	const location = answer.headers.location;
	if (!token || !location) {
		throw new BimetalError('BadAnswer', 'the proxy opened a session without a token or a location', {
			status: 502,
		});
	}
	return { token, session: new URL(location, 'https://proxy.invalid').pathname };
}

function requestPath(id: string): string {
	return `/p2c/v1/requests/${encodeURIComponent(id)}`;
}

function queryString(query: RequestQuery): string {
	const parameters = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) {
		if (value !== undefined) parameters.set(name, String(value));
	}
	return parameters.size ? `?${parameters}` : '';
}

/** The error that a problem document (RFC 9457) or a Redfish error (DSP0266 §8.6) stands for. */
export function refusal(answer: Answer): BimetalError {
	const { status } = answer;
	const parsed = problem.safeParse(answer.body);
	if (parsed.success) return new BimetalError(parsed.data.code, parsed.data.detail, { status, expose: true });
	const redfish = redfishMessages(answer.body);
	return new BimetalError('Refused', redfish[0]?.message ?? `the proxy answered ${status}`, {
		status,
		expose: true,
	});
}
