import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Registry } from 'prom-client';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import { requestMetrics } from '../../common/metrics/request-metrics.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { createAuthenticator } from '../authenticate/authenticate.ts';
import { createBasicMarks, type VerifiedBasic } from '../authenticate/basic.ts';
import { createCertificateCheck } from '../authenticate/certificate.ts';
import { type Roster, type RosterEntry, rosterOf } from '../authenticate/roster.ts';
import type { CanonicalRequest } from '../canonicalise/canonical-request.ts';
import { type ActivePolicies, activate, type Consider, createConsider } from '../decide/consider.ts';
import { type BmcConnection, type BmcShare, connectBmc } from '../forward/bmc-connection.ts';
import type { Grant } from '../limits/admission.ts';
import { createLeasedAdmission } from '../limits/leased-admission.ts';
import { createLimits } from '../limits/limits.ts';
import { createTlsServer, inTurn } from '../listener/listeners.ts';
import { type Address, createRedfishHandler } from '../listener/redfish-handler.ts';
import { createRouter } from '../listener/route.ts';
import { createMediator } from '../mediator.ts';
import type { Operator } from '../operator.ts';
import { compilePolicies } from '../policy/load-policies.ts';
import type { PolicySources } from '../policy/load-policy-files.ts';
import { HandOver } from './hand-over.ts';
import type { Update, WorkerConfig } from './message.ts';
import { createRelay } from './relay.ts';
import { createSessionCopy } from './session-copy.ts';

export interface WorkerDeps {
	readonly config: WorkerConfig;
	/** Home's log: see record-channel.ts. */
	readonly audit: Pick<AuditLog, 'append' | 'healthy'>;
	readonly shareOf: (bmc: string) => BmcShare;
	readonly touched: (sessions: readonly string[]) => void;
	/** Asks home for a share of an operator's allowance; the answer is told to `granted`. */
	readonly lease: (operator: Operator, unused: Grant) => void;
	readonly giveBack: (operator: Operator, grant: Grant) => void;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry: Registry;
}

export interface Worker {
	/** The server of a port, which listens nowhere: connections are given to it. */
	serverOf(door: string): TlsServer | undefined;
	/** Home's answer to `lease`. */
	granted(operator: Operator, grant: Grant): void;
	/** The update is in force when it returns. */
	take(update: Update): void;
	close(): Promise<void>;
}

/**
 * What a worker does by itself: reads of BMCs whose decision needs nothing that home alone has. It is the very
 * pipeline of a proxy alone, with parts that throw HandOver wherever something else is asked of them.
 */
export function createWorker(deps: WorkerDeps): Worker {
	const { config, clock, logger } = deps;
	let active = activated(config.state.policies);
	let roster: Roster = rosterOf(config.state.roster);
	const idleTimeouts = new Map(Object.entries(config.state.idleTimeouts));
	const sessions = createSessionCopy(
		{
			clock,
			roster: () => roster,
			idleTimeout: party => Math.min(idleTimeouts.get(party) ?? config.idleTimeout, config.idleTimeout),
			lifetime: config.sessionLifetime,
			boundTo: config.sessionBinding,
			tell: deps.touched,
		},
		config.state.sessions,
	);
	const basics = verifiedBasics(config.basicSecret, clock, () => roster);
	const bmcs = new Map(
		config.bmcs.map(target => {
			const bmc = connectBmc(
				{ ...target, username: '', password: '' },
				config.limits,
				deps.shareOf(target.name),
			);
			return [target.name, bmc];
		}),
	);
	const authenticator = createAuthenticator({
		sessions: {
			use: (token, from) => sessions.use(token, from) ?? forHome('a session'),
			open: () => forHome('a log-in'),
		},
		checkBasic: header => {
			const entry = basics.find(header);
			return entry ? { kind: 'right', entry } : forHome('a password');
		},
		checkPassword: () => forHome('a password'),
		checkCertificate: createCertificateCheck({ clock, roster: () => roster, parties: config.parties }),
	});
	const mediator = createMediator({
		policies: () => active ?? forHome('policies that come from no file'),
		consider: considerReads(
			createConsider({
				readExternal: () => forHome('External facts'),
				personOf: ({ name, party }) => {
					const entry = roster.find(name);
					return entry?.operator.party === party ? entry.person : undefined;
				},
				clock,
				claims: {
					overlay: external => external,
					executions: () => [],
					claim: () => nothingClaimed,
					release: async () => undefined,
				},
			}),
			new Set(config.reservedOperations),
		),
		audit: { ...deps.audit, head: () => forHome('the log'), close: () => forHome('the log') },
		clock,
		lanes: { run: () => forHome('a lane') },
		claims: {
			overlay: () => forHome('claims'),
			executions: () => forHome('claims'),
			claim: () => forHome('claims'),
			release: () => forHome('claims'),
		},
		waiting: refusing('requests that wait'),
		bmcTasks: refusing('tasks of BMCs'),
		own: { has: () => false, answer: () => forHome('a resource of the proxy’s own') },
		onChanged: () => undefined,
		considerHead: () => forHome('an upload'),
	});

	const usage = createLimits(config.usage, {
		clock,
		registry: deps.registry,
		parties: config.partyNames,
		bmc: config.limits,
		coalesce: config.coalesce,
	});
	const admission =
		usage.admission &&
		createLeasedAdmission({
			ask: deps.lease,
			giveBack: deps.giveBack,
			leave: () => forHome('more than the share at hand'),
			clock,
		});
	const relay = createRelay({ path: config.socket });
	const observe = requestMetrics(deps.registry);
	const handlerOf = (door: string) =>
		createRedfishHandler({
			authenticate(head, request) {
				const found = authenticator.authenticate({
					authorization: head.fields.authorization,
					authToken: head.fields.authToken,
					socket: request.socket as TLSSocket,
					remoteAddress: request.socket.remoteAddress,
				});
				// Refusals are home's: it counts them.
				if (found instanceof Promise || found.kind !== 'operator') return forHome('a refusal');
				return found.operator;
			},
			sessions: {
				isLogin: () => false,
				logIn: () => forHome('a log-in'),
				answer: ({ segments }) => (segments[2] === 'SessionService' ? forHome('sessions') : undefined),
			},
			tasks: refusing('tasks'),
			events: {
				isStream: ({ request }) => request.segments[2] === 'EventService' && forHome('events'),
				follow: () => forHome('events'),
			},
			mediator,
			admit: admission?.admit,
			share: usage.share,
			holdUnread: usage.holdUnread,
			uploads: { bodyLimit: 0, take: () => forHome('an upload') },
			clock,
			logger,
			observe,
			handOver: (request, response) => relay.request(request, response, door),
		});

	const hosts = new Map<string, BmcConnection>();
	for (const { name, host } of config.bmcs) {
		const bmc = bmcs.get(name);
		if (host && bmc) hosts.set(host, bmc);
	}
	const route = createRouter(bmcs, hosts);
	const addressOf = (door: string, request: IncomingMessage): Address | undefined => {
		const url = request.url ?? '';
		if (door !== '') return { bmc: bmcs.get(door), prefix: '', url };
		const destination = route(request.headers.host, url);
		return destination.kind === 'bmc' ? destination : undefined;
	};

	const servers = new Map(
		['', ...bmcs.keys()].map(door => {
			const handle = handlerOf(door);
			const serve = (request: IncomingMessage, response: ServerResponse): void => {
				const address = isPlainRead(request) ? addressOf(door, request) : undefined;
				if (address?.bmc) handle(request, response, address);
				else relay.request(request, response, door);
			};
			const server = serverFor(config, relay, door, serve);
			return [door, server] as const;
		}),
	);

	return {
		serverOf: door => servers.get(door),
		granted: (operator, grant) => admission?.granted(operator, grant),
		take(update) {
			switch (update.what) {
				case 'policies':
					active = activated(update.policies);
					break;
				case 'roster':
					roster = rosterOf(update.roster);
					basics.clear();
					break;
				case 'session-opened':
					sessions.opened(update.session);
					break;
				case 'idle-timeout':
					idleTimeouts.set(update.party, update.milliseconds);
					break;
				case 'session-ended':
					sessions.ended(update.id);
					break;
				case 'basic-verified':
					basics.add(update.verified);
			}
		},
		async close() {
			sessions.close();
			await Promise.all([...bmcs.values()].map(bmc => bmc.close()));
		},
	};
}

const forHome = (why: string): never => {
	throw new HandOver(why);
};

/** A part of which everything is asked at home. */
const refusing = <Part extends object>(name: string): Part =>
	new Proxy({} as Part, { get: () => () => forHome(name) });

const nothingClaimed = Object.freeze({ durable: Promise.resolve(), release: () => undefined });

/** Reads without a body; of what they ask for, the pipeline decides. */
const isPlainRead = ({ method, headers }: IncomingMessage): boolean =>
	(method === 'GET' || method === 'HEAD') &&
	headers['content-length'] === undefined &&
	headers['transfer-encoding'] === undefined &&
	headers.expect === undefined;

/** Unknown is denied, and that is on the record: home's. */
function activated(sources: PolicySources | undefined): ActivePolicies | undefined {
	if (!sources) return undefined;
	const policies = activate(compilePolicies(sources));
	const classify = (request: CanonicalRequest) => {
		const found = policies.classify(request);
		return found.kind === 'known' ? found : forHome('what no row covers');
	};
	const { methodsAt } = policies.classify;
	return { ...policies, classify: Object.assign(classify, { methodsAt }) };
}

/** Where the proxy adds to, or takes from, what the BMC has, by what it keeps. */
const ownServices = new Set(['SessionService', 'TaskService', 'EventService', 'UpdateService']);

/** Query options for which nothing but the resource itself is looked at. */
const ownOptions = new Set(['$select', '$top', '$skip']);

/** Whatever is not let through at once, and whatever counts or reserves something, is decided on at home. */
function considerReads(consider: Consider, reserved: ReadonlySet<string>): Consider {
	return async (policies, operations, call, authorizers, how) => {
		const { query, segments } = call.request;
		if (ownServices.has(segments[2] ?? '')) forHome('a service of which the proxy keeps some itself');
		if (!query.every(([name]) => ownOptions.has(name))) forHome('other resources as well');
		for (const { name, handledBy, policies: each } of operations) {
			if (handledBy === 'proxy' || reserved.has(name) || policies.counted.has(name))
				forHome('what is counted');
			for (const { pre } of each.values()) if (pre?.needs.executions?.length) forHome('counts');
		}
		const verdict = await consider(policies, operations, call, authorizers, how);
		return verdict.kind === 'execute' ? verdict : forHome('what is not let through at once');
	};
}

/** Basic headers that home has verified lately. */
function verifiedBasics(secret: Uint8Array, clock: Clock, roster: () => Roster) {
	const markOf = createBasicMarks(secret);
	const known = new Map<string, VerifiedBasic>();
	return {
		find(header: string): RosterEntry | undefined {
			const found = known.get(markOf(header));
			if (!found || clock.now() >= found.until) return undefined;
			const entry = roster().find(found.operator);
			return entry?.version === found.credentials ? entry : undefined;
		},
		add(verified: VerifiedBasic): void {
			known.delete(verified.mark);
			known.set(verified.mark, verified);
			if (known.size > maxBasics) known.delete(known.keys().next().value ?? '');
		},
		clear: () => known.clear(),
	};
}

const maxBasics = 1000;

function serverFor(
	{ tls }: WorkerConfig,
	relay: ReturnType<typeof createRelay>,
	door: string,
	serve: (request: IncomingMessage, response: ServerResponse) => void,
): TlsServer {
	const toHome = (request: IncomingMessage, socket: Duplex, rest: Buffer): void =>
		relay.connection(request, socket as Socket, rest, door);
	const server = createTlsServer({ ...tls, patient: relay.patient }, serve, toHome);
	server.removeAllListeners('connect');
	server.on('connect', inTurn(toHome));
	// node:http begins to look after slow clients when it listens, which this one never does.
	server.emit('listening');
	return server;
}
