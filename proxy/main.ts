import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../common/clock.ts';
import { closeAll } from '../common/close-all.ts';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import type { EventBus } from '../common/events/bus.ts';
import { createLogger, type Logger } from '../common/log/logger.ts';
import { createRegistry } from '../common/metrics/registry.ts';
import { openStore } from '../common/store/open-store.ts';
import type { Store } from '../common/store/store.ts';
import { readVersion } from '../common/version.ts';
import { createProxy } from './app.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { openSignedLog } from './audit/signed-log.ts';
import { watchRoster } from './authenticate/watch-roster.ts';
import { reservationsWithoutRow } from './claims/reservations.ts';
import { keepRecording } from './enrol/console-records.ts';
import { type Enrolment, parseEnrolment } from './enrol/enrolment-file.ts';
import { createExternalSources, type ExternalSources } from './external/external-sources.ts';
import { reservedOf, unitsOf } from './external/units.ts';
import { openGovernance } from './governance/open-governance.ts';
import { createWebhooks } from './notify/webhooks.ts';
import type { Operator } from './operator.ts';
import { unknownMembers } from './policy/members.ts';
import type { PolicySet } from './policy/policy-set.ts';
import type { P2cProxy, ProxyDeps } from './proxy-deps.ts';
import { offerSnapshots } from './recovery/snapshot-socket.ts';
import { processesOf, readSite, type Site } from './site.ts';
import { openSpool } from './upload/spool.ts';

export interface RunningProxy {
	readonly url: string;
	readonly ops: string;
	/** URL of each BMC's own port, by name. */
	readonly bmcs: Readonly<Record<string, string>>;
	/** Resolves when every External source has a value, or after 10 s with the names of those that have none. */
	warmUp(): Promise<readonly string[]>;
	/** Finishes the changes under way, cuts the rest off, and closes what was opened. */
	close(): Promise<void>;
	/** While it closes: waits for nothing any more. */
	hurry(): void;
}

/** `bimetal proxy -c site.yaml`: runs until SIGINT or SIGTERM; a second one hurries. */
export async function main(options: { config: string }): Promise<void> {
	const site = readSite(options.config);
	const logger = createLogger({ service: 'proxy', level: site.log.level });
	const running = await startProxy(site, { logger });
	logger.info({ url: running.url, ops: running.ops }, 'the proxy listens');
	let isStopping = false;
	await new Promise<void>(resolve => {
		for (const signal of ['SIGINT', 'SIGTERM'] as const) {
			process.on(signal, () => {
				if (isStopping) running.hurry();
				isStopping = true;
				resolve();
			});
		}
	});
	logger.info('changes under way are finished, then it ends; a second signal hurries');
	await running.close();
}

export interface StartOptions {
	readonly logger: Logger;
	/** For tests of faults, which nothing but code can set: comes between the proxy and its disk. */
	readonly through?: (parts: { readonly store: Store; readonly audit: AuditLog }) => {
		readonly store: Store;
		readonly audit: AuditLog;
	};
}

/**
 * Starts the proxy of a site. Throws a ConfigError with every problem of its files, before anything is opened;
 * what was opened is closed again when a later step fails.
 */
export async function startProxy(
	site: Site,
	{ logger, through = parts => parts }: StartOptions,
): Promise<RunningProxy> {
	const clock = systemClock;
	const parties = Object.keys(site.parties);
	const folder = {
		folder: site.policies.folder,
		parties,
		externalSources: Object.keys(site.external),
		units: unitsOf(site.external),
	};
	const reserved = reservedOf(site.external);
	let proxy: P2cProxy | undefined;
	const roster = watchRoster({
		file: site.operators,
		parties,
		clock,
		onChange: changed => {
			void proxy?.useRoster(changed);
			logger.info({ operators: changed.operators.length }, 'changed operators are in force');
		},
		onProblems: fault =>
			logger.error({ err: fault }, 'the changed operators have problems; the last good ones stay in force'),
	});
	const isActive = ({ name, party }: Operator): boolean =>
		roster.current().find(name)?.operator.party === party;
	const warnOfStrangers = ({ members }: PolicySet): void => {
		const strangers = unknownMembers(members, isActive);
		if (strangers.length > 0) logger.warn({ strangers }, 'a members.yaml names who is no operator');
	};

	const opened: (() => unknown)[] = [() => roster.close()];
	const close = (): Promise<void> => closeAll(opened);
	try {
		const { log, published } = await openSignedLog({
			folder: site.audit.folder,
			keyFile: site.audit.key,
			origin: `bimetal/${site.site.replace(/[^\w.-]+/g, '-')}`,
			clock,
			onFault: fault => logger.error({ err: fault }, 'a checkpoint of the audit log could not be written'),
		});
		opened.push(() => log.close());
		const opening = await openStore(site.store);
		opened.push(() => opening.close());
		const { store, audit } = through({ store: opening, audit: log });
		const spool = await openSpool({
			folder: join(dirname(site.store.file), 'uploads'),
			total: site.limits.uploads,
			free: site.limits.diskFree,
		});
		const snapshots = await offerSnapshots(site, store, logger);
		opened.push(() => snapshots.close());
		const events = site.events && (await connectSiteEvents(site.events, logger));
		if (events) opened.push(() => events.close());
		const publish = (topic: string, payload: unknown): void => {
			events
				?.publish(topic, payload)
				.catch(fault => logger.warn({ err: fault, topic }, 'an event was not published'));
		};
		const governance = await openGovernance({
			site: site.site,
			roots: fingerprintsOf(site),
			policies: folder,
			signed: site.policies.signed === 'required',
			versions: join(dirname(site.store.file), 'policy-versions'),
			siteFolder: site.policies.siteFolder,
			changesExpireAfter: site.policies.changesExpireAfter,
			store,
			audit,
			clock,
			logger,
			isActive,
			publish,
			onPolicies: set => {
				const unmeant = reservationsWithoutRow(set, reserved);
				if (unmeant.length > 0)
					logger.error({ unmeant }, 'reservations of the site file name no row any more');
				warnOfStrangers(set);
				return proxy?.usePolicies(set);
			},
		});
		opened.push(() => governance.close());
		// A misspelt one would reserve nothing, and nobody would notice.
		const [unmeant] = reservationsWithoutRow(governance.current(), reserved);
		warnOfStrangers(governance.current());
		if (unmeant !== undefined) throw new BimetalError('SiteInvalid', unmeant, { expose: false });
		const registry = createRegistry({ service: 'proxy', process: true });

		const external = createExternalSources({
			sources: site.external,
			targets: Object.keys(site.bmcs),
			fetchRedfish: (bmc, path) => {
				if (!proxy) throw new Error('the proxy is not open yet');
				return proxy.readBmc(bmc, path);
			},
			...(events && { events }),
			clock,
			logger,
		});
		opened.push(() => external.close());
		const webhooks = createWebhooks({
			hooks: site.notify.map(({ url, events: told, secret, ca }) => ({
				url,
				events: told,
				secret: readSecret(secret),
				ca: ca && readFileSync(ca, 'utf8'),
			})),
			clock,
			logger,
			registry,
		});
		opened.push(() => webhooks.close());
		proxy = await createProxy({
			...depsOfSite(site),
			policies: governance.current(),
			roster: roster.current(),
			store,
			spool,
			audit,
			published,
			readExternal: names => external.read(names),
			reserved,
			onChanged: () => external.invalidate(),
			onRequest: request => {
				const { id, state, bmc, requester, needs } = request;
				publish(`bimetal/proxy/requests/${id}`, { id, state, bmc, requester, needs });
				webhooks.tell(request);
			},
			onConsole: console => {
				const { id, state, bmc, path, kind, operator, consent, ended } = console;
				publish(`bimetal/proxy/consoles/${id}`, { id, state, bmc, path, kind, operator, consent, ended });
				webhooks.tellConsole(console);
			},
			consoles: {
				settings: site.consoles,
				folder: join(dirname(site.store.file), 'consoles'),
				// By then whatever a source said before is too old to be said again.
				secondLookAfter: Math.max(5000, ...Object.values(site.external).map(({ maxAge }) => maxAge)),
			},
			clock,
			logger,
			registry,
			governance,
			events: {
				limits: {
					perOperator: site.eventService.streamsPerOperator,
					subscriptions: site.eventService.subscriptionsPerParty,
				},
				destinations: destinationsOf(site),
			},
			doors: {
				enrolments: enrolmentsOf(site),
				every: site.doors.every,
				random: Math.random,
				onChange: (bmc, doors) => publish(`bimetal/proxy/drift/${bmc}`, { bmc, ...doors }),
			},
			checks: {
				checkpoints: () => {
					if (published.fault()) throw new Error('checkpoints of the audit log cannot be written');
				},
				...(events && {
					events: () => {
						if (!events.connected()) throw new Error('no connection to the MQTT broker');
					},
				}),
			},
		});
		const { close: closeProxy } = proxy;
		opened.push(closeProxy);
		await proxy.usePolicies(governance.current());
		await proxy.useRoster(roster.current());

		const addresses = await proxy.listen(site.listen, site.ops);
		audit.append({ kind: 'start', version: readVersion() });
		const recording = await keepRecording({ folder: site.folder, audit, clock, logger });
		opened.push(() => recording.close());
		opened.push(async () => {
			await audit.append({ kind: 'stop', reason: 'asked to' }).durable.catch(() => undefined);
		});
		return {
			...addresses,
			close,
			hurry: () => proxy?.hurry(),
			warmUp: () => warmUp(external, Object.keys(site.external)),
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

async function warmUp(external: ExternalSources, names: readonly string[]): Promise<readonly string[]> {
	for (const end = systemClock.now() + 10_000; ; ) {
		const values = Object.entries(await external.read(names));
		const missing = values.filter(([, value]) => value.status !== 'fresh').map(([name]) => name);
		if (missing.length === 0 || systemClock.now() >= end) return missing;
		await new Promise<void>(resolve => systemClock.after(200, resolve));
	}
}

async function connectSiteEvents(events: NonNullable<Site['events']>, logger: Logger): Promise<EventBus> {
	// Only here: a site without a broker, such as a BMC's own, does without the client of MQTT in its memory.
	const { connectEvents } = await import('../common/events/bus.ts');
	return connectEvents({
		url: events.url,
		username: events.username,
		password: readSecret(events.password),
		...(events.ca && { ca: readFileSync(events.ca, 'utf8') }),
		logger,
		clock: systemClock,
	});
}

/** SHA-256 of each party's root certificate, as the founding agreement names it. */
const fingerprintsOf = (site: Site): Record<string, string | undefined> =>
	Object.fromEntries(
		Object.entries(site.parties).map(([name, { root }]) => [
			name,
			root && new X509Certificate(readFileSync(root)).fingerprint256.replaceAll(':', '').toLowerCase(),
		]),
	);

/** Where each party may have events pushed to, with the authorities that are named read. */
const destinationsOf = ({ eventService, parties }: Site) => {
	const stranger = Object.keys(eventService.destinations).find(party => !Object.hasOwn(parties, party));
	if (stranger !== undefined) {
		const message = `eventService.destinations names ${stranger}, which is no party of the site`;
		throw new BimetalError('SiteInvalid', message, { expose: false });
	}
	return Object.fromEntries(
		Object.entries(eventService.destinations).map(([party, list]) => [
			party,
			list.map(line => ({ ...line, ca: line.ca && readFileSync(line.ca, 'utf8') })),
		]),
	);
};

const enrolmentsOf = (site: Site): Record<string, Enrolment> =>
	Object.fromEntries(
		Object.entries(site.bmcs).flatMap(([name, { enrolment }]) =>
			enrolment ? [[name, parseEnrolment(enrolment, readFileSync(enrolment, 'utf8'))]] : [],
		),
	);

type SiteDeps = Pick<
	ProxyDeps,
	| 'name'
	| 'version'
	| 'parties'
	| 'tls'
	| 'bmcs'
	| 'approvals'
	| 'sessions'
	| 'limits'
	| 'workers'
	| 'coalesce'
	| 'uploads'
	| 'usage'
>;

/** What the site file says, with the files that it names read. */
function depsOfSite(site: Site): SiteDeps {
	const { client } = site.tls;
	const processes = processesOf(site);
	const identity = client && {
		certificate: readFileSync(client.certificate, 'utf8'),
		key: readFileSync(client.key, 'utf8'),
	};
	return {
		name: site.site,
		version: readVersion(),
		parties: Object.fromEntries(
			Object.entries(site.parties).map(([name, { description, root }]) => [
				name,
				{ description, rootPem: root && readFileSync(root, 'utf8') },
			]),
		),
		tls: { certificate: readFileSync(site.tls.certificate, 'utf8'), key: readFileSync(site.tls.key, 'utf8') },
		bmcs: Object.entries(site.bmcs).map(([name, bmc]) => ({
			name,
			rack: bmc.rack,
			url: bmc.url,
			ca: bmc.ca && readFileSync(bmc.ca, 'utf8'),
			fingerprint: bmc.fingerprint,
			identity,
			username: bmc.username,
			password: readSecret(bmc.password),
			listen: bmc.listen,
			host: bmc.host,
		})),
		approvals: site.approvals,
		sessions: site.sessions,
		limits: {
			timeout: site.limits.bmcTimeout,
			answer: site.limits.answer,
			connections: site.limits.bmcConnections,
		},
		workers: processes > 1 ? { size: processes, logLevel: site.log.level } : undefined,
		coalesce: site.coalesce,
		uploads: { image: site.limits.upload, time: site.limits.uploadTime, silence: 30_000 },
		usage: { ...site.limits, perAddress: site.limits.connectionsPerAddress },
	};
}

/** A secret is a file's one line. */
const readSecret = (file: string): string => readFileSync(file, 'utf8').trim();
