import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Answer, jsonAnswer, resourceAnswer } from '../answer/answer.ts';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import { addPrefix } from '../forward/links.ts';
import type { Operator } from '../operator.ts';
import type { Authentication, Authenticator, Credentials, Refused } from './authenticate.ts';
import { type IdleTimeouts, shortestIdleTimeout } from './idle-timeouts.ts';
import type { Session, Sessions } from './sessions.ts';

export interface SessionServiceDeps {
	readonly authenticator: Authenticator;
	readonly sessions: Sessions;
	readonly idleTimeouts: IdleTimeouts;
	/** Rejects when it cannot be recorded. */
	readonly record: (
		operator: Operator,
		change: { readonly action: 'set-timeout' | 'end'; readonly timeout: number | null },
	) => Promise<void>;
	readonly onLogin: (login: { operator: string | null; outcome: string; from: string }) => void;
}

/**
 * `/redfish/v1/SessionService`, which the proxy answers itself: a client's session is with the proxy, and the
 * BMC's own sessions are the proxy's alone.
 */
export interface SessionService {
	isLogin(head: { readonly method: string | undefined; readonly path: string }): boolean;
	logIn(
		request: CanonicalRequest,
		from: Pick<Credentials, 'socket' | 'remoteAddress'>,
		prefix: string,
	): Promise<Answer>;
	/** Undefined when the request is not about sessions. */
	answer(request: CanonicalRequest, operator: Operator, prefix: string): Promise<Answer> | undefined;
}

const service = '/redfish/v1/SessionService';
const collection = `${service}/Sessions`;

/** DSP0266 §13.3.4.3; strict, so that a misspelt property is not taken for an empty one. */
const loginBody = z.strictObject({
	UserName: z.string().min(1).max(256),
	Password: z.string().min(1).max(1024),
	Token: z.string().max(256).optional(),
});

export function createSessionService(deps: SessionServiceDeps): SessionService {
	const { sessions } = deps;

	const member = async (
		request: CanonicalRequest,
		id: string,
		operator: Operator,
	): Promise<JsonValue | undefined> => {
		const session = sessions.get(id);
		// Another party's session is as good as none: who is logged in there is that party's business.
		if (!session || session.operator.party !== operator.party)
			throw proxyErrors.NotFound(`there is no session ${id}`);
		switch (request.method) {
			case 'GET':
			case 'HEAD':
				return renderSession(session);
			case 'DELETE':
				if (session.operator.name !== operator.name) {
					throw new BimetalError('NotYours', 'only its operator can end a session', { status: 403 });
				}
				await sessions.end(id);
				// Who wants to be logged out is, also while nothing can be recorded.
				deps.record(operator, { action: 'end', timeout: null }).catch(() => undefined);
				return undefined;
			default:
				throw notHere(request);
		}
	};

	const resource = async (request: CanonicalRequest, operator: Operator): Promise<JsonValue | undefined> => {
		const isRead = request.method === 'GET' || request.method === 'HEAD';
		if (request.path === service) {
			if (request.method === 'PATCH') await setTimeouts(request, operator);
			else if (!isRead) throw notHere(request);
			return renderService(deps.idleTimeouts.of(operator.party));
		}
		if (request.path === collection) {
			if (!isRead) throw notHere(request);
			return renderCollection(sessions.list(operator.party));
		}
		const [, , , , id = '', ...rest] = request.segments;
		if (rest.length > 0) throw proxyErrors.NotFound('there is no such resource');
		return member(request, id, operator);
	};

	/** SessionTimeout as the client's party has it: nobody else's sessions end sooner or later for it. */
	const setTimeouts = async ({ body, ifMatch }: CanonicalRequest, operator: Operator): Promise<void> => {
		if (ifMatch !== undefined && ifMatch.trim() !== '*')
			throw proxyErrors.PreconditionFailed('the session service has no entity tag');
		const others = Object.keys((body ?? {}) as object).filter(name => name !== 'SessionTimeout');
		const seconds = (body as { SessionTimeout?: unknown } | undefined)?.SessionTimeout;
		if (others.length > 0 || seconds === undefined) {
			throw proxyErrors.PropertyNotWritable(
				others.length > 0
					? `${others.join(', ')} of the session service cannot be set; SessionTimeout alone can`
					: 'SessionTimeout is missing',
			);
		}
		const [least, most] = [shortestIdleTimeout / 1000, Math.floor(deps.idleTimeouts.longest / 1000)];
		if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < least || seconds > most) {
			throw proxyErrors.PropertyValueOutOfRange(
				`SessionTimeout is a whole number of seconds from ${least} to ${most}, which the site file sets`,
			);
		}
		await deps.record(operator, { action: 'set-timeout', timeout: seconds });
		await deps.idleTimeouts.set(operator.party, seconds * 1000);
	};

	return {
		isLogin: ({ method, path }) =>
			method === 'POST' && (path === collection || path === `${collection}/Members`),
		async logIn({ body }, from, prefix) {
			const parsed = loginBody.safeParse(body);
			if (!parsed.success) {
				throw new BimetalError('LoginMalformed', 'a log-in is {"UserName": "…", "Password": "…"}', {
					status: 400,
				});
			}
			const { UserName, Password } = parsed.data;
			const result = await deps.authenticator.logIn(UserName, Password, from);
			const operator = result.kind === 'session' ? result.operator.name : null;
			deps.onLogin({
				operator,
				outcome: result.kind === 'session' ? 'session' : result.code,
				from: from.remoteAddress ?? '',
			});
			if (result.kind === 'refused') throw refusalOf(result);
			const session = sessions.get(result.id);
			if (!session) throw proxyErrors.InternalError('a session that was just opened is gone');
			return jsonAnswer(201, addPrefix(renderSession(session), prefix), {
				location: `${prefix}${collection}/${result.id}`,
				'x-auth-token': result.token,
				'cache-control': 'no-store',
			});
		},
		answer(request, operator, prefix) {
			if (
				request.path !== service &&
				!request.path.startsWith(`${collection}/`) &&
				request.path !== collection
			)
				return undefined;
			return resource(request, operator).then(json =>
				json === undefined
					? { status: 204, headers: { 'odata-version': '4.0' }, body: undefined }
					: resourceAnswer(addPrefix(json, prefix) as object, prefix, allowed(request.path)),
			);
		},
	};
}

const allowed = (path: string): string =>
	path === service ? 'GET, HEAD, PATCH' : path === collection ? 'GET, HEAD, POST' : 'DELETE, GET, HEAD';

const notHere = ({ method, path }: CanonicalRequest) =>
	proxyErrors.MethodNotAllowed(`${method} is not possible on ${path}: the proxy keeps the sessions`, {
		headers: { allow: allowed(path) },
	});

/** The operator, or the refusal as an error for the answer stage. */
export function operatorOrThrow(authentication: Authentication): Operator {
	switch (authentication.kind) {
		case 'operator':
			return authentication.operator;
		case 'anonymous':
			throw proxyErrors.Unauthenticated('log in as an operator of a party first');
		case 'refused':
			throw refusalOf(authentication);
	}
}

const refusalOf = ({ code, reason, status, retryAfterSeconds }: Refused): BimetalError =>
	status === 401
		? proxyErrors.Unauthenticated(reason)
		: new BimetalError(
				code,
				retryAfterSeconds === undefined ? reason : `${reason} (${retryAfterSeconds} s)`,
				{ status, expose: true, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
			);

const renderService = (idleTimeout: number): JsonValue => ({
	'@odata.id': service,
	'@odata.type': '#SessionService.v1_1_9.SessionService',
	Id: 'SessionService',
	Name: 'Session Service',
	Description: 'Sessions with the proxy',
	ServiceEnabled: true,
	SessionTimeout: Math.round(idleTimeout / 1000),
	Sessions: { '@odata.id': collection },
});

const renderCollection = (list: readonly Session[]): JsonValue => ({
	'@odata.id': collection,
	'@odata.type': '#SessionCollection.SessionCollection',
	Name: 'Session Collection',
	Members: list.map(({ id }) => ({ '@odata.id': `${collection}/${id}` })),
	'Members@odata.count': list.length,
});

const renderSession = (session: Session): JsonValue => ({
	'@odata.id': `${collection}/${session.id}`,
	'@odata.type': '#Session.v1_7_0.Session',
	Id: session.id,
	Name: 'User Session',
	UserName: session.operator.name,
	SessionType: 'Redfish',
	ClientOriginIPAddress: session.origin.network,
	CreatedTime: new Date(session.createdAt).toISOString(),
	Oem: { Bimetal: { '@odata.type': '#Bimetal.v1_0_0.Session', Party: session.operator.party } },
});
