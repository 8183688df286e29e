import type { Clock } from '../../common/clock.ts';
import type { Account } from './accounts.ts';
import type { Answer, AnyAnswer } from './answer.ts';
import { type AuthMethod, type Caller, createGate } from './gate.ts';
import type { Admission, HttpHandler } from './http-server.ts';
import type { ImageReader } from './image-form.ts';
import { type JsonObject, renderJson } from './json.ts';
import { failed, type Outcome } from './outcome.ts';
import { COMPONENTS_AND_MANAGER, HOST_CONSOLE, mayUse, type Role } from './privileges.ts';
import { applyQuery, pageOf, parseNoQuery, parseQuery, type Query } from './query-parameters.ts';
import { etagOf, finish, missing } from './render-outcome.ts';
import { parseBody, readValues } from './request-body.ts';
import { header, type RequestHead } from './request-head.ts';
import { type Call, createRouteTable, type Route } from './route-table.ts';
import type { Sessions } from './sessions.ts';
import type { SocketRoute } from './socket-route.ts';
import { parseTarget, type Target } from './target.ts';
import { acceptWebSocket } from './websocket.ts';

/** One request that reached a handler, as it was understood. */
export interface ExecutedRequest {
	readonly method: string;
	/** The path that was routed on. */
	readonly path: string;
	readonly query: readonly (readonly [string, string])[];
	/** The parsed JSON body; undefined where there was none, or one of more than 16 KiB. */
	readonly body: JsonObject | undefined;
	readonly account: string | undefined;
	readonly status: number;
	/** What came as an image. */
	readonly image?: { readonly size: number; readonly sha256: string } | undefined;
}

export interface ServiceOptions {
	readonly routes: readonly Route[];
	readonly clock: Clock;
	readonly sessions: Sessions;
	/** The account of this name, as it stands now. */
	readonly findAccount: (name: string) => Account | undefined;
	/** Changes whenever anything that a resource shows has changed. */
	readonly generation: () => number;
	/** Called before a request that may change something is handled. */
	readonly touch: () => void;
	/** Milliseconds that a wrong password waits (PAM's delay). */
	readonly failedLoginDelayMs: number;
	/** Which query parameters there are: bmcweb's, or none as on many a BMC. */
	readonly query?: 'bmcweb' | 'none' | undefined;
	/** Collections of more members than this come in pages; whole when absent. */
	readonly pageSize?: number | undefined;
	/** Bytes of a body of who is logged in; bmcweb's 30 MiB when absent. */
	readonly bodyLimit?: number | undefined;
	/** Takes the body of a request of somebody who is logged in as it comes; undefined: it is kept whole. */
	readonly receive?: ((head: RequestHead, account: Account) => ImageReader | undefined) | undefined;
	/** Which ways to log in are on; all when absent. */
	readonly allows?: ((method: AuthMethod) => boolean) | undefined;
	/** Paths that take WebSockets; none when absent. */
	readonly sockets?: readonly SocketRoute[];
}

export interface RedfishService {
	readonly handler: HttpHandler<Caller>;
	/** What was really carried out, oldest first; the last thousand or so. */
	readonly executed: ExecutedRequest[];
	/** A resource as a role sees it, without going through HTTP. */
	read(path: string, role: Role): JsonObject | undefined;
}

const JOURNAL = 1000;
const JOURNALLED_BODY = 16 * 1024;
const CACHED = 400;
const SAFE = new Set(['GET', 'HEAD']);
const BAD_REQUEST: Answer = { status: 400, headers: [] };
const UNAUTHORIZED: Answer = { status: 401, headers: [['WWW-Authenticate', 'Basic']] };
const NOT_FOUND: Answer = { status: 404, headers: [] };

/** A Redfish service over a route table: from a parsed request to an answer, as bmcweb goes about it. */
export function createService(options: ServiceOptions): RedfishService {
	const { sessions } = options;
	const table = createRouteTable(options.routes);
	const executed: ExecutedRequest[] = [];
	const cache = new Map<string, { generation: number; answer: Answer; target: Target }>();
	const gate = createGate(options);
	const sockets = createRouteTable(
		(options.sockets ?? []).map(({ pattern, guard }) => ({
			method: 'GET',
			pattern,
			requirement: guard === 'hostconsole' ? HOST_CONSOLE : COMPONENTS_AND_MANAGER,
			handle: () => ({ status: 404 }),
		})),
	);

	function journal(entry: ExecutedRequest): void {
		if (executed.length >= JOURNAL * 2) executed.splice(0, JOURNAL);
		executed.push(entry);
	}

	function answer(head: RequestHead, body: Buffer, caller: Caller): AnyAnswer | Promise<AnyAnswer> {
		if (head.minor === 1 && header(head, 'host') === undefined) return BAD_REQUEST;
		if (caller.account && head.method === 'GET' && !isConditional(head)) {
			const hit = cache.get(`${caller.account.name} ${head.target}`);
			if (hit && hit.generation === options.generation()) {
				const { path, query } = hit.target;
				journal({ method: 'GET', path, query, body: undefined, account: caller.account.name, status: 200 });
				return hit.answer;
			}
		}
		const target = parseTarget(head.target);
		if (!target) return BAD_REQUEST;
		if (!caller.account && !isOpen(head.method, target.path)) return gate.refuse(caller, UNAUTHORIZED);
		if (caller.csrfMissing && !SAFE.has(head.method)) return UNAUTHORIZED;
		return route(head, target, body, caller);
	}

	function admit(head: RequestHead, remote: string): Admission<Caller> {
		const admission = gate.admit(head, remote, sessions);
		const { account } = admission.context;
		const upload = account && options.receive?.(head, account);
		if (!upload) return admission;
		return { ...admission, take: upload.push, context: { ...admission.context, upload } };
	}

	function route(
		head: RequestHead,
		target: Target,
		body: Buffer,
		caller: Caller,
	): AnyAnswer | Promise<AnyAnswer> {
		if (wantsWebSocket(head)) return upgrade(head, target, caller);
		const redfish = isRedfish(target.path);
		const { route: chosen, params, allow } = table.find(head.method, target.path);
		// Server-sent events have a router of their own there, which knows no other resource.
		if (wantsStream(head) && !chosen?.stream) return NOT_FOUND;
		const headers: [string, string][] = [];
		if (redfish || allow.length > 0) headers.push(['Allow', allow.join(', ')]);
		if (!chosen) {
			if (!redfish && allow.length === 0) return NOT_FOUND;
			headers.push(['OData-Version', '4.0']);
			return finish(missing(head.method, target.path, allow), headers, undefined, head);
		}
		if (chosen.requirement.length > 0) {
			if (!caller.account) return gate.refuse(caller, UNAUTHORIZED);
			if (!mayUse(caller.account.role, chosen.requirement)) return { status: 403, headers };
		}
		if (chosen.unannounced) headers.length = 0;
		else if (!chosen.outside) headers.push(['OData-Version', '4.0']);

		let volatile = chosen.volatile === true;
		const call: Call = makeCall(head, target, params, body, caller, path => {
			const inner = table.find('GET', path);
			if (!inner.route || !mayUse(caller.account?.role ?? 'ReadOnly', inner.route.requirement))
				return undefined;
			volatile ||= inner.route.volatile === true;
			const outcome = inner.route.handle({ ...call, target: { path, query: [] }, params: inner.params });
			return outcome instanceof Promise || outcome.status !== 200 ? undefined : outcome.body;
		});
		const query: Query | { refusal: Outcome } = chosen.outside
			? parseQuery({ path: '', query: [] })
			: (options.query === 'none' ? parseNoQuery : parseQuery)(target);
		if ('refusal' in query) return finish(query.refusal, headers, undefined, head);
		if (chosen.stream) return chosen.stream(call);
		const ifMatch = header(head, 'if-match');
		if (ifMatch !== undefined && !SAFE.has(head.method) && !matches(ifMatch, call)) {
			return finish(failed(412, 'PreconditionFailed'), headers, undefined, head);
		}
		if (!SAFE.has(head.method)) options.touch();
		const outcome = chosen.handle(call);
		const settle = (result: Outcome): Answer => {
			if (!SAFE.has(head.method)) options.touch();
			const parsed = body.length > 0 && body.length <= JOURNALLED_BODY ? call.json() : undefined;
			journal({
				method: head.method,
				path: target.path,
				query: target.query,
				body: parsed?.ok ? parsed.value : undefined,
				account: caller.account?.name,
				status: result.status,
				...(caller.upload && { image: caller.upload.end()?.image }),
			});
			const settled = complete(head, result, query, call, headers, chosen);
			if (
				head.method === 'GET' &&
				settled.status === 200 &&
				caller.account &&
				!volatile &&
				!isConditional(head)
			) {
				if (cache.size >= CACHED) cache.clear();
				cache.set(`${caller.account.name} ${head.target}`, {
					generation: options.generation(),
					answer: settled,
					target,
				});
			}
			return settled;
		};
		return outcome instanceof Promise ? outcome.then(settle) : settle(outcome);
	}

	/** WebSockets have a router of their own there, which knows no resource. */
	function upgrade(head: RequestHead, target: Target, caller: Caller): AnyAnswer {
		const { route: found, params } = sockets.find('GET', target.path);
		const chosen = found && options.sockets?.find(({ pattern }) => pattern === found.pattern);
		const note = (status: number): void =>
			journal({
				method: 'GET',
				path: target.path,
				query: target.query,
				body: undefined,
				account: caller.account?.name,
				status,
			});
		const refused = (answer: Answer): Answer => {
			note(answer.status);
			return answer;
		};
		if (!chosen) return refused(NOT_FOUND);
		if (!mayUse(caller.account?.role ?? 'ReadOnly', found.requirement))
			return refused({ status: 403, headers: [] });
		const token = header(head, 'sec-websocket-protocol');
		if (caller.byCookie && token !== caller.session?.csrf) return refused(UNAUTHORIZED);
		return {
			upgrade(socket, rest) {
				acceptWebSocket(head, socket, rest, options.clock, opened => {
					note(101);
					chosen.open(opened, params);
				});
			},
		};
	}

	function complete(
		head: RequestHead,
		outcome: Outcome,
		query: Query,
		call: Call,
		headers: [string, string][],
		chosen: Route,
	): Answer {
		if (head.method !== 'GET' || outcome.status !== 200 || !outcome.body) {
			return finish(outcome, headers, chosen, head);
		}
		if (query.only && Array.isArray(outcome.body.Members)) {
			const [member, ...others] = outcome.body.Members as JsonObject[];
			const uri = member?.['@odata.id'];
			const only = others.length === 0 && typeof uri === 'string' ? call.read(uri) : undefined;
			if (only && typeof uri === 'string') {
				const { route: memberRoute, allow } = table.find('GET', uri);
				const memberHeaders: [string, string][] = [
					['Allow', allow.join(', ')],
					['OData-Version', '4.0'],
				];
				const body = query.select ? applyQuery(only, query, call.read) : only;
				return finish({ status: 200, body: body ?? only }, memberHeaders, memberRoute, head);
			}
		}
		const size = options.pageSize;
		const paged = size === undefined ? outcome.body : pageOf(outcome.body, size, call.target);
		const body = applyQuery(paged, query, call.read);
		if (!body) return finish(failed(400, 'QueryNotSupportedOnResource'), headers, undefined, head);
		return finish({ ...outcome, body }, headers, chosen, head);
	}

	function makeCall(
		head: RequestHead,
		target: Target,
		params: readonly string[],
		body: Buffer,
		caller: Caller,
		read: (path: string) => JsonObject | undefined,
	): Call {
		let parsed: ReturnType<typeof parseBody> | undefined;
		const json = () => {
			parsed ??= parseBody(body, header(head, 'content-type'));
			return parsed;
		};
		return {
			head,
			target,
			params,
			body,
			account: caller.account,
			session: caller.session,
			upload: caller.upload,
			remoteAddress: caller.remoteAddress,
			json,
			values(shape, required) {
				const content = json();
				if (!content.ok) return content;
				if (head.method === 'PATCH' && Object.keys(content.value).length === 0) {
					return { ok: false, outcome: failed(400, 'EmptyJSON') };
				}
				if (head.method !== 'PATCH') return readValues(content.value, shape, required);
				// As bmcweb: what a client sends back of a resource's own annotations is dropped.
				const own = Object.entries(content.value).filter(([name]) => !name.startsWith('@odata.'));
				if (own.length === 0) return { ok: false, outcome: failed(400, 'NoOperation') };
				return readValues(Object.fromEntries(own), shape, required);
			},
			read,
		};
	}

	function matches(ifMatch: string, call: Call): boolean {
		const current = call.read(call.target.path);
		if (!current) return false;
		const tags = ifMatch.split(',').map(tag => tag.trim());
		return tags.includes('*') || tags.includes(etagOf(renderJson(current)));
	}

	return {
		executed,
		handler: { admit, answer },
		read(path, role) {
			const { route: found, params } = table.find('GET', path);
			if (!found || !mayUse(role, found.requirement)) return undefined;
			const target = { path, query: [] };
			const head: RequestHead = {
				method: 'GET',
				target: path,
				minor: 1,
				headers: [],
				framing: { kind: 'none' },
			};
			const caller: Caller = {
				account: { name: '', role, enabled: true, salt: '', hash: '' },
				session: undefined,
				remoteAddress: '',
				csrfMissing: false,
				byCookie: false,
				wrongPassword: false,
			};
			const call = makeCall(head, target, params, Buffer.alloc(0), caller, () => undefined);
			const outcome = found.handle(call);
			return outcome instanceof Promise || outcome.status !== 200 ? undefined : outcome.body;
		},
	};
}

function isRedfish(path: string): boolean {
	return path === '/redfish' || path.startsWith('/redfish/');
}

const OPEN_PATHS = new Set([
	'GET /redfish',
	'GET /redfish/v1',
	'GET /redfish/v1/odata',
	'GET /redfish/v1/$metadata',
	'POST /redfish/v1/SessionService/Sessions',
	'POST /redfish/v1/SessionService/Sessions/Members',
	'POST /login',
]);

function isOpen(method: string, path: string): boolean {
	return OPEN_PATHS.has(`${method} ${path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path}`);
}

function isConditional(head: RequestHead): boolean {
	return header(head, 'if-none-match') !== undefined || wantsStream(head) || wantsWebSocket(head);
}

function wantsWebSocket(head: RequestHead): boolean {
	return head.method === 'GET' && header(head, 'upgrade')?.toLowerCase() === 'websocket';
}

function wantsStream(head: RequestHead): boolean {
	if (head.method !== 'GET') return false;
	const accept = header(head, 'accept');
	return accept?.split(',').some(type => type.split(';')[0]?.trim() === 'text/event-stream') ?? false;
}
