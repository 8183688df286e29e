// Longer than most files: the one place where every stage is given what it needs, so that who uses what can be read here.
import type { Socket } from 'node:net';
import { pause } from '../common/clock.ts';
import { createApp } from '../common/http/app.ts';
import { type Listening, listen, urlOf } from '../common/http/listen.ts';
import { createOpsServer } from '../common/http/ops-server.ts';
import { aggregateMetrics } from '../common/metrics/registry.ts';
import { requestMetrics } from '../common/metrics/request-metrics.ts';
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
import { createClockWatch } from './audit/watch-clock.ts';
import { createSessionService, operatorOrThrow } from './authenticate/session-service.ts';
import { openClaims } from './claims/claims.ts';
import { type Consoles, createConsoles } from './console/consoles.ts';
import { createConsoleRoutes } from './console/routes.ts';
import { consoleSettings } from './console/settings.ts';
import { createUpgradeHandler } from './console/upgrade-handler.ts';
import { activate, considerHead, createConsider } from './decide/consider.ts';
import { createLanes } from './decide/lanes.ts';
import { startDoorsService } from './enrol/doors-service.ts';
import { createRepairRoutes } from './enrol/routes.ts';
import { proxyErrors } from './errors.ts';
import { type Events, openEvents } from './events/events.ts';
import { createExplainRoutes } from './explain/routes.ts';
import { type BmcConnection, connectBmc } from './forward/bmc-connection.ts';
import { createBmcTasks } from './forward/bmc-tasks.ts';
import { limitConnections } from './limits/connections.ts';
import { createInFlight } from './limits/in-flight.ts';
import { createLimits } from './limits/limits.ts';
import { createTlsServer, type TlsMaterial } from './listener/listeners.ts';
import { createMainPort, createOwnPort, type Door } from './listener/main-port.ts';
import { createRedfishHandler } from './listener/redfish-handler.ts';
import { createMediator, isRead, type Mediator } from './mediator.ts';
import type { Operator } from './operator.ts';
import { openPeople } from './people.ts';
import type { Crew } from './processes/crew.ts';
import { entriesOf, hireCrew, sourcesOf } from './processes/hire-crew.ts';
import type { Update } from './processes/message.ts';
import { shareLimits, shareUsage } from './processes/share-limits.ts';
import { listenShared } from './processes/shared-port.ts';
import type { Address, P2cProxy, ProxyDeps } from './proxy-deps.ts';
import { durably } from './record.ts';
import { countRecords, showState } from './service-metrics.ts';
import { createUploadService } from './upload/upload-service.ts';
import { removeImageOf, sweepSpool } from './upload/waiting-images.ts';

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

	const roots = Object.entries(deps.parties).flatMap(([name, { rootPem }]) =>
		rootPem ? [{ name, rootPem }] : [],
	);
	let consoles: Consoles | undefined;
	const people = await openPeople({
		store,
		clock,
		logger,
		audit,
		roster: () => roster,
		sessions: deps.sessions,
		roots,
		tell: workers > 0 ? tell : undefined,
		onSessionEnd: id => consoles?.sessionEnded(id),
	});
	const { sessions } = people;

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
	const personOf = (operator: Operator) => people.entryOf(operator)?.person;
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
		keyOf: operator => people.entryOf(operator)?.key,
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
			const found = people.identify(head.fields, request);
			return found instanceof Promise ? found.then(operatorOrThrow) : operatorOrThrow(found);
		},
		sessions: createSessionService({
			authenticator: people.authenticator,
			sessions: {
				...sessions,
				async end(id) {
					const wasOpen = await sessions.end(id);
					events.check();
					return wasOpen;
				},
			},
			idleTimeouts: people.idleTimeouts,
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
		authenticate: people.identify,
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
			...createLockoutRoutes({ lockouts: people.lockouts, audit, roster: () => roster }),
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
				return operatorOrThrow(await people.identify({ authorization, authToken }, request));
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
	const tls: TlsMaterial = { ...deps.tls, partyRoots: roots.map(({ rootPem }) => rootPem), patient };
	const listening: Listening[] = [];
	const open = async (door: string, address: Address, { handle, upgrade: onUpgrade }: Door) => {
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
			crew = await hireCrew({
				deps,
				roots,
				limits: limits.worker,
				usage: sharedUsage,
				basicSecret: people.basicSecret,
				state: () => ({
					policies: sourcesOf(active.set),
					roster: entriesOf(roster),
					sessions: sessions.records(),
					idleTimeouts: people.idleTimeouts.own(),
				}),
				audit,
				bmcs,
				touch: id => sessions.touch(id),
				admission: usage.admission,
			});
			const ways = { bmcs, hosts, management, redfish: handleRedfish, upgrade };
			mainUrl = await open('', main, createMainPort(ways));
			for (const { name, listen: own } of deps.bmcs) {
				const bmc = bmcs.get(name);
				if (!own || !bmc) continue;
				bmcUrls.set(name, await open(name, own, createOwnPort(bmc, ways)));
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
			await people.lockouts.settled();
		},
		hurry: () => hurryUp(),
	};
}

/** Milliseconds that answers to reads may still take when there are no more changes to wait for. */
const cutReadsAfter = 1000;

/** Milliseconds between two looks for requests that have waited too long. */
const expiryInterval = 5000;
