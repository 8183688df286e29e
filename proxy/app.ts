import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Registry } from 'prom-client';
import { type Clock, systemClock } from '../common/clock.ts';
import { createApp, type Route } from '../common/http/app.ts';
import { type Listening, listen } from '../common/http/listen.ts';
import { createOpsServer } from '../common/http/ops-server.ts';
import type { Logger } from '../common/log/logger.ts';
import { aggregateMetrics } from '../common/metrics/registry.ts';
import { requestMetrics } from '../common/metrics/request-metrics.ts';
import type { Store } from '../common/store/store.ts';
import { renderRedfishError } from './answer/redfish-error.ts';
import { createAuditRoutes } from './api/audit-routes.ts';
import { createLockoutRoutes } from './api/lockout-routes.ts';
import { requireOperator } from './api/operator-route.ts';
import { createApiRoutes } from './api/routes.ts';
import { type Approver, createApprover } from './approve/approver.ts';
import { createFollowTask } from './approve/follow-task.ts';
import { recordLostOutcomes } from './approve/lost-outcomes.ts';
import { createOpenApproved } from './approve/open-approved.ts';
import { type RequestDocument, requests } from './approve/request-document.ts';
import { createReviewer } from './approve/review.ts';
import { createTaskService } from './approve/task-service.ts';
import { createWaitingRequests } from './approve/waiting-requests.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { PublishedLog } from './audit/published-log.ts';
import { createClockWatch } from './audit/watch-clock.ts';
import { createAuthenticator } from './authenticate/authenticate.ts';
import { createBasicCheck } from './authenticate/basic.ts';
import { createCertificateCheck } from './authenticate/certificate.ts';
import { openIdleTimeouts } from './authenticate/idle-timeouts.ts';
import { openLockouts } from './authenticate/lockouts.ts';
import { createPasswordCheck } from './authenticate/password-check.ts';
import type { Roster, RosterEntry } from './authenticate/roster.ts';
import { createSessionService, operatorOrThrow } from './authenticate/session-service.ts';
import { openSessions, type SessionBinding } from './authenticate/sessions.ts';
import type { JsonValue } from './canonicalise/canonical-request.ts';
import { openClaims } from './claims/claims.ts';
import type { ReservedSource } from './claims/reservations.ts';
import type { ConsoleDocument } from './console/console-document.ts';
import { type Consoles, createConsoles } from './console/consoles.ts';
import { createConsoleRoutes } from './console/routes.ts';
import { type ConsoleSettings, consoleSettings } from './console/settings.ts';
import { createUpgradeHandler, refuse } from './console/upgrade-handler.ts';
import { activate, type ConsiderDeps, considerHead, createConsider } from './decide/consider.ts';
import { createLanes } from './decide/lanes.ts';
import { type DoorsOptions, startDoorsService } from './enrol/doors-service.ts';
import { createRepairRoutes } from './enrol/routes.ts';
import { proxyErrors } from './errors.ts';
import { type Events, type EventsDeps, openEvents } from './events/events.ts';
import { createExplainRoutes } from './explain/routes.ts';
import {
	type BmcConnection,
	type BmcTarget,
	connectBmc,
	type ForwardLimits,
} from './forward/bmc-connection.ts';
import { createBmcTasks } from './forward/bmc-tasks.ts';
import type { Windows } from './governance/windows.ts';
import { limitConnections } from './limits/connections.ts';
import { createInFlight } from './limits/in-flight.ts';
import { createLimits, type UsageLimits } from './limits/limits.ts';
import { createTlsServer, type TlsMaterial } from './listener/listeners.ts';
import { inviteBody } from './listener/read-body.ts';
import { createRedfishHandler } from './listener/redfish-handler.ts';
import { createRouter } from './listener/route.ts';
import { writeAnswer } from './listener/write-answer.ts';
import { createMediator, isRead, type Mediator } from './mediator.ts';
import type { Operator } from './operator.ts';
import type { PolicySources } from './policy/load-policy-files.ts';
import type { PolicySet } from './policy/policy-set.ts';
import { type Crew, startCrew } from './processes/crew.ts';
import type { Update } from './processes/message.ts';
import { shareLimits, shareUsage } from './processes/share-limits.ts';
import { listenShared } from './processes/shared-port.ts';
import { durably } from './record.ts';
import { countRecords, showState } from './service-metrics.ts';
import type { UploadLimits } from './upload/receive-upload.ts';
import type { Spool } from './upload/spool.ts';
import { createUploadService } from './upload/upload-service.ts';
import { removeImageOf, sweepSpool } from './upload/waiting-images.ts';

export interface Address {
	readonly host: string;
	/** 0 takes a free one. */
	readonly port: number;
}

export interface ProxyDeps {
	readonly name: string;
	readonly version: string;
	readonly parties: Readonly<
		Record<string, { readonly description: string; readonly rootPem: string | undefined }>
	>;
	readonly tls: Omit<TlsMaterial, 'partyRoots' | 'patient'>;
	readonly bmcs: readonly (BmcTarget & {
		readonly listen: Address | undefined;
		readonly host: string | undefined;
	})[];
	readonly policies: PolicySet;
	readonly roster: Roster;
	readonly store: Store;
	readonly audit: AuditLog;
	/** What parties may follow of it. */
	readonly published: PublishedLog;
	readonly readExternal: ConsiderDeps['readExternal'];
	/** What operations add to External sources before a sensor shows it, by source. */
	readonly reserved?: Readonly<Record<string, ReservedSource>> | undefined;
	/** Something of this BMC was changed: what External sources read before is stale. */
	readonly onChanged: (bmc: string) => void;
	/** After each step of a request that waits. */
	readonly onRequest: (request: RequestDocument) => void;
	/** After a console session has opened or ended. */
	readonly onConsole?: (console: ConsoleDocument) => void;
	/** As in the site file, and the folder of the transcripts; the defaults, and none, when absent. */
	readonly consoles?:
		| {
				readonly settings: ConsoleSettings;
				readonly folder: string;
				/** Milliseconds: see ConsolesDeps. */
				readonly secondLookAfter: number;
		  }
		| undefined;
	readonly approvals: {
		/** Milliseconds, as in the site file. */
		readonly expireAfter: number;
		readonly executeWithin: number;
		readonly approvalValidFor?: number | undefined;
		readonly signed?: 'required' | 'optional' | undefined;
		readonly maxPerOperator: number;
	};
	readonly sessions: {
		readonly idleTimeout: number;
		readonly lifetime: number;
		/** `address` when absent. */
		readonly boundTo?: SessionBinding;
	};
	readonly limits: ForwardLimits;
	/** Where uploaded images are kept until they are sent, and what may be uploaded. */
	readonly spool: Spool;
	readonly uploads: UploadLimits;
	/** Where events may be pushed to, and limits where the usual ones do not fit. */
	readonly events?: Pick<EventsDeps, 'limits' | 'destinations'> | undefined;
	/** How much anybody may use. */
	readonly usage: UsageLimits;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly registry: Registry;
	/** Versions and changes of the policies, and break-glass where they are signed. */
	readonly governance?:
		| { readonly windows: Windows | undefined; readonly routes: readonly Route[] }
		| undefined;
	/** What keeps watch over the other ways into enrolled BMCs. */
	readonly doors?: DoorsOptions | undefined;
	/** Processes that serve besides this one, which then does what they hand over; none when absent. */
	readonly workers?:
		| { readonly size: number; readonly logLevel: 'debug' | 'info' | 'warn' | 'error' }
		| undefined;
	/** Identical concurrent reads share an exchange with the BMC: see forward/coalesce.ts. */
	readonly coalesce?: boolean | undefined;
	/** Readiness checks besides the proxy's own, by name. */
	readonly checks: Readonly<Record<string, () => unknown>>;
}

export interface P2cProxy {
	/** Opens the main port, the ports of the BMCs and the ops port. */
	listen(
		main: Address,
		ops: Address,
	): Promise<{ url: string; ops: string; bmcs: Readonly<Record<string, string>> }>;
	/**
	 * Takes another version of the policies; requests that wait under the old one must be made again. In force here
	 * at once, and in every worker when the promise resolves. Never rejects.
	 */
	usePolicies(set: PolicySet): Promise<void>;
	/** As usePolicies. */
	useRoster(roster: Roster): Promise<void>;
	/** Process ids of the workers that serve. */
	workers(): readonly number[];
	/** GET of a resource of one BMC with the proxy's own credential, for External sources. */
	readBmc(bmc: string, path: string): Promise<JsonValue>;
	/**
	 * Takes no more requests, finishes changes that are under way (as long as a BMC may take), cuts everything else off
	 * and closes what it has opened.
	 */
	close(): Promise<void>;
	/** While it closes: waits for nothing any more. What was being sent then has an unknown outcome. */
	hurry(): void;
}

/** Wires the stages together. Never listens by itself; nothing here knows of files. */
export async function createProxy(deps: ProxyDeps): Promise<P2cProxy> {
	const { store, clock, logger, registry, spool } = deps;
	const audit = countRecords(deps.audit, registry);
	let active = activate(deps.policies);
	let roster = deps.roster;
	const { size: workers = 0 } = deps.workers ?? {};
	const limits = shareLimits(deps.limits, workers);
	if (!limits) throw new RangeError('there are too few connections to a BMC for that many processes');
	const bmcs = new Map(deps.bmcs.map(target => [target.name, connectBmc(target, limits.home)]));
	let crew: Crew | undefined;
	const tell = async (update: Update): Promise<void> => crew?.tell(update);
	showState(registry, store, [...bmcs.values()]);
	const lanes = createLanes();
	const sharedUsage = shareUsage(deps.usage, workers);
	const usage = createLimits(sharedUsage, {
		clock,
		registry,
		parties: Object.keys(deps.parties),
		bmc: limits.home,
		coalesce: deps.coalesce ?? false,
		workers,
	});
	const admit = usage.admission?.admit;
	const changes = createInFlight();
	let hurryUp: () => void = () => undefined;
	const hurried = new Promise<void>(resolve => {
		hurryUp = resolve;
	});

	const idleTimeouts = await openIdleTimeouts(store, deps.sessions.idleTimeout, (party, milliseconds) =>
		tell({ what: 'idle-timeout', party, milliseconds }),
	);
	let consoles: Consoles | undefined;
	const sessions = await openSessions({
		store,
		clock,
		roster: () => roster,
		idleTimeout: idleTimeouts.of,
		absoluteTimeout: deps.sessions.lifetime,
		...(deps.sessions.boundTo && { boundTo: deps.sessions.boundTo }),
		onElsewhere: ({ operator: { name: operator } }, { network: from }) => {
			audit.append({ kind: 'login', operator, outcome: 'SessionElsewhere', from });
			logger.warn({ operator, from }, 'a session was used from elsewhere than it was opened from');
		},
		onEnd: id => consoles?.sessionEnded(id),
		onFault: fault => logger.error({ err: fault }, 'an ended session could not be erased'),
		follower:
			workers > 0
				? {
						opened: session => void tell({ what: 'session-opened', session }),
						ended: id => tell({ what: 'session-ended', id }),
					}
				: undefined,
	});
	const lockouts = await openLockouts({
		store,
		clock,
		roster: () => roster,
		onLock(lock) {
			audit.append({ kind: 'lockout', action: 'lock', ...lock, by: null });
			logger.warn(lock, 'log-ins have to wait after wrong passwords');
		},
		onFault: fault => logger.error({ err: fault }, 'a lockout could not be kept over a restart'),
	});
	const checkPassword = createPasswordCheck({ lockouts, roster: () => roster });
	const basicSecret = randomBytes(32);
	const roots = Object.entries(deps.parties).flatMap(([name, { rootPem }]) =>
		rootPem ? [{ name, rootPem }] : [],
	);
	const authenticator = createAuthenticator({
		sessions,
		checkPassword,
		checkBasic: createBasicCheck({
			clock,
			roster: () => roster,
			checkPassword,
			secret: basicSecret,
			onVerified: workers > 0 ? verified => void tell({ what: 'basic-verified', verified }) : undefined,
		}),
		checkCertificate: createCertificateCheck({ clock, roster: () => roster, parties: roots }),
	});

	const onChange = (request: RequestDocument): void => {
		if (request.state === 'expired') {
			// Nobody did it: the clock.
			const { id: requestId, digest } = request;
			const by = { operator: '', party: '', comment: null };
			audit.append({ kind: 'approval', requestId, decision: 'expire', digest, ...by });
		}
		removeImageOf(request, spool, logger);
		deps.onRequest(request);
	};
	const waiting = createWaitingRequests({ store, clock, ...deps.approvals, onChange });
	const personOf = ({ name, party }: Operator) => {
		const entry = roster.find(name);
		return entry?.operator.party === party ? entry.person : undefined;
	};
	const claims = await openClaims({
		store,
		clock,
		reserved: deps.reserved ?? {},
		onFault: fault => logger.warn({ err: fault }, 'a claim that has ended could not be taken from the disk'),
	});
	await recordLostOutcomes({ waiting, claims, audit, clock, logger });
	const orphans = await sweepSpool(spool, waiting);
	if (orphans > 0) logger.warn({ orphans }, 'images that no request waits for were removed from the spool');
	const consider = createConsider({ readExternal: deps.readExternal, personOf, clock, claims });
	const policies = () => active;
	const doors = startDoorsService(deps.doors, { bmcs, audit, registry, clock, logger });
	const bmcTasks = createBmcTasks({
		store,
		clock,
		lanes,
		policies: () => active.set,
		show: (call, sight) => mediator.show(call, sight),
	});
	const events: Events = await openEvents(
		{ bmcs, policies, consider, audit, clock, random: Math.random, logger, registry, store, ...deps.events },
		() => mediator,
	);
	const planned: Mediator = createMediator({
		own: events.own,
		bmcTasks,
		policies,
		consider,
		waiting,
		audit,
		lanes,
		claims,
		clock,
		onChanged(bmc) {
			deps.onChanged(bmc);
			// It may have shut what stood open.
			if (doors.report(bmc).state === 'open') doors.look(bmc);
		},
		breakGlass: deps.governance?.windows,
		considerHead: (set, operations, call) =>
			considerHead({ readExternal: deps.readExternal, clock, claims }, set, operations, call),
	});
	const mediator: Mediator = {
		...planned,
		mediate: (call, to) =>
			isRead(call) ? planned.mediate(call, to) : changes.run(() => planned.mediate(call, to)),
	};
	const follow = createFollowTask({ waiting, bmcTasks, bmcs, audit, clock });
	const patient = new WeakSet<Socket>();
	const uploads = createUploadService({ spool, mediator, limits: deps.uploads, patient, clock, logger });
	const deciding = createApprover({
		waiting,
		mediator,
		consider,
		policies,
		personOf,
		bmcs,
		share: usage.share,
		spool,
		audit,
		lanes,
		clock,
		approvalValidFor: deps.approvals.approvalValidFor,
		signed: deps.approvals.signed ?? 'optional',
		onFault: fault => logger.error({ err: fault }, 'the outcome of a request could not be kept yet'),
		keyOf({ name, party }) {
			const entry = roster.find(name);
			return entry?.operator.party === party ? entry.key : undefined;
		},
	});
	const approver: Approver = {
		...deciding,
		approve: (...decision) => changes.run(() => deciding.approve(...decision)),
	};

	const { settings = consoleSettings.parse({}), folder = '', secondLookAfter = 5000 } = deps.consoles ?? {};
	const openConsoles = await createConsoles({
		settings,
		folder,
		secondLookAfter,
		store,
		audit,
		clock,
		logger,
		sessions,
		personOf,
		policies,
		consider,
		mediator,
		openApproved: createOpenApproved({ waiting, consider, policies, personOf, audit, lanes, clock }),
		windows: deps.governance?.windows,
		onChange: console => deps.onConsole?.(console),
	});
	consoles = openConsoles;
	const lostConsoles = await openConsoles.recover();
	if (lostConsoles > 0) logger.warn({ lostConsoles }, 'consoles were open when the proxy stopped');

	const observe = requestMetrics(registry);
	const handleRedfish = createRedfishHandler({
		authenticate(head, request) {
			const found = authenticator.authenticate({
				authorization: head.fields.authorization,
				authToken: head.fields.authToken,
				socket: peerOf(request),
				remoteAddress: request.socket.remoteAddress,
			});
			return found instanceof Promise ? found.then(operatorOrThrow) : operatorOrThrow(found);
		},
		sessions: createSessionService({
			authenticator,
			sessions: {
				...sessions,
				async end(id) {
					const wasOpen = await sessions.end(id);
					events.check();
					return wasOpen;
				},
			},
			idleTimeouts,
			record: ({ name, party }, change) =>
				durably(audit.append({ kind: 'sessions', operator: name, party, ...change })),
			onLogin: login => audit.append({ kind: 'login', ...login }),
		}),
		tasks: createTaskService({ waiting, approver, follow }),
		mediator,
		events,
		uploads,
		admit,
		share: usage.share,
		holdUnread: usage.holdUnread,
		clock,
		logger,
		observe,
	});

	const upgrade = createUpgradeHandler({
		consoles: openConsoles,
		authenticate: ({ authorization, authToken }, request) =>
			authenticator.authenticate({
				authorization,
				authToken,
				socket: peerOf(request),
				remoteAddress: request.socket.remoteAddress,
			}),
		bmcs,
		origins: settings.origins,
		clock,
		logger,
		observe,
	});

	let mainUrl = '';
	const bmcUrls = new Map<string, string>();
	const management = createApp({
		routes: [
			...createAuditRoutes(deps.published),
			...createLockoutRoutes({ lockouts, audit, roster: () => roster }),
			...createApiRoutes({
				site: { name: deps.name, version: deps.version, parties: deps.parties },
				policies,
				waiting,
				spool,
				approver,
				review: createReviewer({ mediator, consider, policies, bmcs, share: usage.share, clock }),
				bmcs,
				doors,
				bmcUrl: name => bmcUrls.get(name) ?? null,
				mainUrl: () => mainUrl,
			}),
			...createRepairRoutes({ bmcs, watch: doors, mediator, waiting, policies, consider, audit }),
			...createExplainRoutes({
				parties: Object.keys(deps.parties),
				policies,
				bmcs,
				share: usage.share,
				readExternal: deps.readExternal,
				personOf,
				clock,
				claims,
			}),
			...createConsoleRoutes(openConsoles),
			...(deps.governance?.routes ?? []),
		],
		before: [
			requireOperator(async request => {
				const { authorization } = request.headers;
				const token = request.headers['x-auth-token'];
				const authToken = Array.isArray(token) ? token.join() : token;
				const { remoteAddress } = request.socket;
				return operatorOrThrow(
					await authenticator.authenticate({
						authorization,
						authToken,
						socket: peerOf(request),
						remoteAddress,
					}),
				);
			}, admit),
		],
		challenge: 'Basic realm="Bimetal", charset="UTF-8"',
		logger,
		registry,
		clock,
	});

	const hosts = new Map<string, BmcConnection>();
	for (const { name, host } of deps.bmcs) {
		const bmc = bmcs.get(name);
		if (host && bmc) hosts.set(host, bmc);
	}
	const route = createRouter(bmcs, hosts);
	const handleMain = (request: IncomingMessage, response: ServerResponse): void => {
		const destination = route(request.headers.host, request.url ?? '');
		switch (destination.kind) {
			case 'management':
				inviteBody(request, response);
				management(request, response);
				return;
			case 'bmc':
				handleRedfish(request, response, destination);
				return;
			case 'no-bmc':
				handleRedfish(request, response, { bmc: undefined, prefix: '', url: destination.url });
				return;
			case 'unknown-bmc':
				writeAnswer(
					request,
					response,
					renderRedfishError(proxyErrors.UnknownBmc('this site has no BMC of that name')),
				);
		}
	};

	const upgradeMain: Upgrade = (request, socket, head) => {
		const destination = route(request.headers.host, request.url ?? '');
		if (destination.kind === 'unknown-bmc') {
			const answer = renderRedfishError(proxyErrors.UnknownBmc('this site has no BMC of that name'));
			refuse(request, socket, answer);
			return;
		}
		const nowhere = { bmc: undefined, prefix: '', url: request.url ?? '' };
		upgrade(request, socket, head, destination.kind === 'bmc' ? destination : nowhere);
	};

	const tls: TlsMaterial = { ...deps.tls, partyRoots: roots.map(({ rootPem }) => rootPem), patient };
	const listening: Listening[] = [];
	const startWorkers = ({ size, logLevel }: NonNullable<ProxyDeps['workers']>): Promise<Crew> =>
		startCrew({
			size,
			config: {
				tls: { ...deps.tls, partyRoots: tls.partyRoots },
				parties: roots,
				bmcs: deps.bmcs.map(
					({ username: _username, password: _password, listen: _listen, ...target }) => target,
				),
				limits: limits.worker,
				coalesce: deps.coalesce ?? false,
				idleTimeout: deps.sessions.idleTimeout,
				sessionLifetime: deps.sessions.lifetime,
				sessionBinding: deps.sessions.boundTo ?? 'address',
				usage: sharedUsage,
				partyNames: Object.keys(deps.parties),
				reservedOperations: Object.values(deps.reserved ?? {}).flatMap(({ rules }) =>
					rules.operations.flatMap(({ operation }) => operation),
				),
				basicSecret,
				logLevel,
			},
			state: () => ({
				policies: sourcesOf(active.set),
				roster: entriesOf(roster),
				sessions: sessions.records(),
				idleTimeouts: idleTimeouts.own(),
			}),
			audit,
			bmcs,
			touch: id => sessions.touch(id),
			admission: usage.admission,
			// Processes live in the system's time, whatever clock the proxy is told.
			clock: systemClock,
			logger,
			registry,
		});
	const open = async (
		door: string,
		address: Address,
		handle: (request: IncomingMessage, response: ServerResponse) => void,
		onUpgrade: Upgrade,
	) => {
		const server = createTlsServer(tls, handle, onUpgrade);
		const count = usage.countConnections();
		const shared = crew;
		shared?.serve(door, server);
		if (!shared) limitConnections(server, count);
		const opened = shared
			? await listenShared({
					...address,
					give: (socket, leave) => shared.give(door, socket, leave),
					count,
					alone: server,
					clock,
				})
			: await listen(server, { ...address, clock });
		listening.push(opened);
		return urlOf('https', opened);
	};

	const recheckConsoles = (): void => {
		openConsoles
			.recheck()
			.catch(fault => logger.error({ err: fault }, 'consoles could not be looked at again'));
	};

	const watchClock = createClockWatch({ clock, audit, logger });
	let cancelExpiry: () => void = () => undefined;
	const expireRegularly = (): void => {
		cancelExpiry = clock.after(expiryInterval, () => {
			watchClock();
			waiting
				.expire()
				.catch(fault => logger.error({ err: fault }, 'expired requests could not be ended'))
				.finally(expireRegularly);
		});
	};
	expireRegularly();

	return {
		async listen(main, ops) {
			crew = deps.workers && (await startWorkers(deps.workers));
			mainUrl = await open('', main, handleMain, upgradeMain);
			for (const { name, listen: own } of deps.bmcs) {
				const bmc = bmcs.get(name);
				if (!own || !bmc) continue;
				const handle = (request: IncomingMessage, response: ServerResponse) =>
					handleRedfish(request, response, { bmc, prefix: '', url: request.url ?? '' });
				const onUpgrade: Upgrade = (request, socket, head) =>
					upgrade(request, socket, head, { bmc, prefix: '', url: request.url ?? '' });
				bmcUrls.set(name, await open(name, own, handle, onUpgrade));
			}
			const checks = {
				store: () => store.read(tx => tx.count(requests)),
				audit: () => {
					if (!audit.healthy()) throw new Error('the audit log cannot be written');
				},
				...(crew && { workers: () => crew?.check() }),
				...deps.checks,
			};
			const metrics = crew ? aggregateMetrics(registry, async () => crew?.metrics() ?? []) : registry;
			const opsServer = await listen(createOpsServer({ registry: metrics, checks, clock }), {
				...ops,
				clock,
			});
			listening.push(opsServer);
			return { url: mainUrl, ops: urlOf('http', opsServer), bmcs: Object.fromEntries(bmcUrls) };
		},
		usePolicies(set) {
			active = activate(set);
			events.check();
			recheckConsoles();
			return tell({ what: 'policies', policies: sourcesOf(set) });
		},
		useRoster(next) {
			roster = next;
			events.check();
			recheckConsoles();
			return tell({ what: 'roster', roster: entriesOf(next) });
		},
		workers: () => crew?.serving() ?? [],
		async readBmc(name, path) {
			const bmc = bmcs.get(name);
			if (!bmc) throw proxyErrors.UnknownBmc(`there is no BMC ${name}`);
			return bmc.read(path);
		},
		async close() {
			cancelExpiry();
			doors.close();
			events.close();
			await openConsoles.close();
			const longest = 2 * deps.limits.timeout + 1000;
			const closed = Promise.all(listening.map(server => server.close(longest + cutReadsAfter)));
			const changed = Promise.race([changes.settled(), pause(clock, longest)]);
			const due = changed.then(() => pause(clock, cutReadsAfter));
			await Promise.race([Promise.all([closed, changes.settled()]), due, hurried]);
			const workersEnded = crew?.close(0);
			for (const server of listening) void server.close(0);
			await closed;
			await workersEnded;
			// A client that has gone does not take its change with it.
			await Promise.race([changed, hurried]);
			await Promise.all([...bmcs.values()].map(bmc => bmc.close()));
			// Without their BMC they end soon, and how they ended is still to be kept.
			await Promise.race([changes.settled(), pause(clock, cutReadsAfter)]);
			await sessions.close();
			await lockouts.settled();
		},
		hurry: () => hurryUp(),
	};
}

/** What workers are told of policies; nothing of a set that was changed after it was compiled. */
const sourcesOf = ({ sources, version }: PolicySet): PolicySources | undefined =>
	sources?.files.version === version ? sources : undefined;

/** What workers are told of operators: no hash of a password. */
const entriesOf = (roster: Roster): RosterEntry[] =>
	roster.operators.flatMap(({ name }) => {
		const entry = roster.find(name);
		return entry ? [{ ...entry, password: undefined }] : [];
	});
type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Milliseconds that answers to reads may still take when there are no more changes to wait for. */
const cutReadsAfter = 1000;

const pause = (clock: Clock, ms: number): Promise<void> =>
	new Promise(resolve => void clock.after(ms, resolve));

/** Every listener of the proxy is TLS. */
const peerOf = (request: IncomingMessage): TLSSocket => request.socket as TLSSocket;

/** Milliseconds between two looks for requests that have waited too long. */
const expiryInterval = 5000;

const urlOf = (scheme: string, { host, port }: Listening): string =>
	`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
