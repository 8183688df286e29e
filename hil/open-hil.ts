import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { systemClock } from '../common/clock.ts';
import { closeAll } from '../common/close-all.ts';
import { createEndings } from '../common/endings.ts';
import { listen, urlOf } from '../common/http/listen.ts';
import { createOpsServer } from '../common/http/ops-server.ts';
import { hashPassword } from '../common/identity/passwords.ts';
import { createSecretBox, openSecretKey } from '../common/identity/secret-box.ts';
import type { Logger } from '../common/log/logger.ts';
import { createRegistry } from '../common/metrics/registry.ts';
import { openStore } from '../common/store/open-store.ts';
import type { Store } from '../common/store/store.ts';
import { readVersion } from '../common/version.ts';
import { createHil } from './app.ts';
import { openAuthentication } from './authenticate/open-authentication.ts';
import { createChanges } from './change/changes.ts';
import { forgetInterruptedObm } from './core/obm-actions.ts';
import { createUser } from './core/users.ts';
import { setVlanPool } from './core/vlans.ts';
import { createDepartures } from './departure/departures.ts';
import { createNoHypervisor } from './headnode/hypervisor.ts';
import type { HilDeps } from './hil-deps.ts';
import { createLeases } from './lease/leases.ts';
import { createListener } from './listener.ts';
import { createAnnouncer } from './maintenance/announcer.ts';
import { users } from './model/project.ts';
import { createWorkers } from './network/workers.ts';
import { createConsoles } from './obm/consoles.ts';
import { createNoObm } from './obm/no-obm.ts';
import { createProxyObm } from './obm/proxy-obm.ts';
import { createRetention } from './retention.ts';
import type { HilSite } from './site.ts';
import type { SwitchTrust, SwitchType } from './switches/driver.ts';
import { switchTypes } from './switches/types.ts';

export interface RunningHil {
	readonly url: string;
	readonly ops: string;
	/** Finishes what is under way and closes what was opened. */
	close(): Promise<void>;
}

/** What hil has to do with outside itself. */
export interface Surroundings {
	readonly store: Store;
	readonly types: ReadonlyMap<string, SwitchType>;
}

export interface OpenHilOptions {
	readonly logger: Logger;
	/** Puts something between hil and its surroundings: for tests that look on, or make faults. */
	readonly through?: (surroundings: Surroundings) => Surroundings;
}

/** Opens what a site names, wires it and listens; what was opened is closed again when a later step fails. */
export async function openHil(
	site: HilSite,
	{ logger, through = surroundings => surroundings }: OpenHilOptions,
): Promise<RunningHil> {
	const clock = systemClock;
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	try {
		const engine = await openStore(site.store);
		opened.push(() => engine.close());
		const { store, types } = through({ store: engine, types: switchTypes(trustOf(site)) });
		const box = createSecretBox(await openSecretKey(site.key));
		await store.transact(async tx => {
			await setVlanPool(tx, site.vlans);
			await forgetInterruptedObm(tx);
		});
		await ensureAdministrator(store, site, logger);
		const registry = createRegistry({ service: 'hil', process: true });
		const shared = { store, clock, logger };
		const endings = createEndings(clock);
		const workers = createWorkers({
			...shared,
			types,
			unseal: box.unseal,
			random: Math.random,
			registry,
			checks: site.driftChecks,
			onEnded: id => {
				endings.tell(id);
				changes.actionEnded(id);
				departures.portsChanged();
			},
		});
		opened.push(() => workers.close());
		const obm = site.obm.length === 0 ? createNoObm() : createProxyObm(site.obm.map(accountOf));
		opened.push(() => obm.close());
		const { maintenance } = site;
		const announcer = maintenance?.url ? createAnnouncer({ ...shared, url: maintenance.url }) : undefined;
		if (announcer) opened.push(() => announcer.close());
		const listener = createListener(site.tls, { clock, logger });
		opened.push(() => listener.close());
		const authentication = openAuthentication(site.authenticate, {
			...shared,
			isCurrent: listener.isCurrent,
		});
		opened.push(() => authentication.close());
		const world: HilDeps['world'] = actor => ({
			actor,
			now: clock.now(),
			newId: randomUUID,
			switchKinds: types,
			seal: box.seal,
			images: site.headnodes.images,
			maintenance: maintenance?.project,
			detachReleases: site.detach === 'releases',
			marksUncleaned: site.uncleaned === 'marked',
			obmUrls: site.obm.map(({ proxy }) => proxy),
			showsPortsToProjects: site.topology === 'projects',
		});
		const changes = createChanges({
			...shared,
			wakeSwitch: label => workers.wake(label),
			world: () => world({ name: 'hil', isAdmin: true, projects: new Set() }),
			onEnded: id => endings.tell(id),
			random: Math.random,
		});
		opened.push(() => changes.close());
		const departures = createDepartures({
			...shared,
			obm: site.obm.length === 0 ? undefined : obm,
			wakeSwitch: label => workers.wake(label),
			world: () => world({ name: 'hil', isAdmin: true, projects: new Set() }),
			onLeft: () => announcer?.wake(),
			random: Math.random,
		});
		opened.push(() => departures.close());
		const consoles = createConsoles({ store, obm });
		const leases = createLeases({
			...shared,
			world: () => world({ name: 'hil', isAdmin: true, projects: new Set() }),
			onBegun: ({ id, node }) => {
				consoles.end(node);
				departures.wake(id);
			},
		});
		opened.push(() => leases.close());
		const retention = createRetention({ ...shared, keep: site.keepActions });
		opened.push(() => retention.close());
		const app = createHil({
			...shared,
			registry,
			workers,
			changes,
			departures,
			leases,
			consoles,
			endings,
			authentication,
			obm,
			hypervisor: createNoHypervisor(),
			world,
			wakeMaintenance: () => announcer?.wake(),
			extensions: [...types.keys()].map(extensionOf),
			version: readVersion(),
		});
		listener.server.on('request', app);
		const main = await listen(listener.server, { ...site.listen, clock });
		opened.push(() => main.close());
		// Whoever waits is answered before the listener closes.
		opened.push(() => endings.close());
		opened.push(() => consoles.close());
		const checks = { store: () => store.read(tx => tx.count(users)) };
		const ops = await listen(createOpsServer({ registry, checks, clock }), { ...site.ops, clock });
		opened.push(() => ops.close());
		await workers.start();
		await changes.start();
		await departures.start();
		leases.wake();
		retention.wake();
		announcer?.wake();
		return { url: urlOf(site.tls ? 'https' : 'http', main), ops: urlOf('http', ops), close };
	} catch (fault) {
		await close();
		throw fault;
	}
}

/** The first administrator, whom nobody could make over the interface. */
async function ensureAdministrator(store: Store, { admin }: HilSite, logger: Logger): Promise<void> {
	const count = await store.read(tx => tx.count(users, { index: 'admin', equals: 'yes' }));
	if (count > 0) return;
	if (!admin) {
		logger.warn('there is no administrator: name one in hil.yaml (admin) and start again');
		return;
	}
	const hash = await hashPassword(readFileSync(admin.password, 'utf8').trim());
	await store.transact(tx => createUser(tx, { user: admin.username, hash, is_admin: true }));
	logger.info({ user: admin.username }, 'the first administrator was made');
}

const trustOf = ({ switches: { ca, knownHosts } }: HilSite): SwitchTrust => ({
	ca: ca && readFileSync(ca, 'utf8'),
	knownHosts: knownHosts && readFileSync(knownHosts, 'utf8'),
});

const accountOf = ({ proxy, at, ca, username, password }: HilSite['obm'][number]) => ({
	url: proxy,
	at,
	ca: ca && readFileSync(ca, 'utf8'),
	username,
	password: readFileSync(password, 'utf8').trim(),
});

/** HIL's name of the driver that a type of switch belongs to. */
const extensionOf = (type: string): string => `hil.ext.switches.${type.split('/').at(-1)}`;
