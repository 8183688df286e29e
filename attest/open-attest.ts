import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { systemClock } from '../common/clock.ts';
import { closeAll } from '../common/close-all.ts';
import { listen, urlOf } from '../common/http/listen.ts';
import { createOpsServer } from '../common/http/ops-server.ts';
import { createSiteServer } from '../common/http/site-server.ts';
import { createAuthenticator } from '../common/identity/asked-authenticator.ts';
import type { Logger } from '../common/log/logger.ts';
import { createRegistry } from '../common/metrics/registry.ts';
import type { Leadership } from '../common/store/leadership.ts';
import { openStore } from '../common/store/open-store.ts';
import type { Store } from '../common/store/store.ts';
import { readVersion } from '../common/version.ts';
import { askHil } from '../hil/client/ask-who.ts';
import { createAttest, type Role } from './app.ts';
import { askAccounts, readAccounts } from './authenticate/accounts.ts';
import type { Actor } from './authorize/actor.ts';
import { readCertificates } from './certificates/read-certificates.ts';
import { attestErrors } from './errors.ts';
import { lead } from './lead.ts';
import { enrolments } from './model/enrolment.ts';
import { openAirlock } from './passage/open-airlock.ts';
import { registrarRoutes } from './registrar/routes.ts';
import type { AttestSite } from './site.ts';
import { openVerifier } from './verifier/open-verifier.ts';
import { verifierRoutes } from './verifier/routes.ts';

export interface RunningAttest {
	readonly url: string;
	readonly ops: string;
	/** Lets what is under way end, and closes what was opened. */
	close(): Promise<void>;
}

interface OpenAttestOptions {
	readonly logger: Logger;
	/** Puts something between the service and its store: for tests that look on, or make faults. */
	readonly through?: (store: Store) => Store;
}

/** Bytes: the list of what a machine with many packages ran has some megabytes. */
const bodyLimit = 16 * 1024 * 1024;

/** Milliseconds: an agent that keeps its connection comes again before that, and is spared a handshake. */
const keptOpen = 75_000;

/** Opens what a site names, wires it and listens; what was opened is closed again when a later step fails. */
export async function openAttest(
	site: AttestSite,
	{ logger, through = store => store }: OpenAttestOptions,
): Promise<RunningAttest> {
	const clock = systemClock;
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	try {
		const engine = await openStore(site.store);
		opened.push(() => engine.close());
		const store = through(engine);
		if (site.verifier) await assertSameAirlock(site, store);
		const registry = createRegistry({ service: 'attest', process: true });
		const world = (actor: Actor) => ({ actor, now: clock.now(), newId: randomUUID });
		const shared = { store, world };
		const roles: Role[] = [];
		if (site.registrar) {
			const trust = {
				roots: site.registrar.roots.flatMap(readCertificates),
				intermediates: site.registrar.intermediates.flatMap(readCertificates),
			};
			roles.push({ name: 'registrar', routes: registrarRoutes({ ...shared, trust, random: randomBytes }) });
		}
		const onRevoked = (): void => airlock?.wake();
		const verifier =
			site.verifier &&
			(await openVerifier(site, site.verifier, { ...shared, clock, logger, onRevoked }, opened));
		const airlock =
			verifier &&
			site.airlock &&
			openAirlock(
				site.airlock,
				{ ...shared, clock, logger, newId: randomUUID, onTold: verifier.onTold },
				opened,
			);
		if (verifier) {
			const routes = [...verifierRoutes(verifier.deps), ...(airlock?.routes ?? [])];
			roles.push({ name: 'verifier', routes });
		}
		const app = createAttest({
			...shared,
			roles,
			authenticate: createAuthenticator({ ask: asks(site), clock }).authenticate,
			bodyLimit,
			version: readVersion(),
			clock,
			logger,
			registry,
		});
		const server = createSiteServer(site.tls, app);
		server.keepAliveTimeout = keptOpen;
		/** What comes by itself ends last: calls may still have something for it. */
		let leadership: Leadership | undefined;
		opened.push(() => leadership?.close());
		const main = await listen(server, { ...site.listen, clock });
		opened.push(() => main.close());
		opened.push(() => airlock?.endWaiting());
		const checks = {
			store: () => store.read(tx => tx.count(enrolments)),
			...verifier?.checks,
			...(airlock && { 'nodes to cut off': () => airlock.check() }),
		};
		const ops = await listen(createOpsServer({ registry, checks, clock }), { ...site.ops, clock });
		opened.push(() => ops.close());
		if (verifier) leadership = await lead({ store, verifier, airlock, clock, logger, registry });
		return { url: urlOf(site.tls ? 'https' : 'http', main), ops: urlOf('http', ops), close };
	} catch (fault) {
		await close();
		throw fault;
	}
}

/**
 * The process that leads moves all nodes: one that had no airlock would leave them where they are, one with another would take
 * them there. @throws BimetalError SettingsDiffer
 */
async function assertSameAirlock({ airlock }: AttestSite, { others }: Store): Promise<void> {
	const { hil: _, boot = null, ...names } = airlock ?? {};
	const how = boot !== null && typeof boot === 'object' && 'image' in boot ? { image: boot.image } : boot;
	if ((await others?.agree('airlock', JSON.stringify({ ...names, boot: how }))) ?? true) return;
	const which = airlock ? `project ${airlock.project}` : 'none';
	throw attestErrors.SettingsDiffer(
		`Another process that runs on this database has another airlock in its site file than this one (${which}): give both the same, or stop that one first.`,
	);
}

function asks({ users }: AttestSite) {
	if ('accounts' in users) return askAccounts(readAccounts(users.accounts));
	const { url, ca } = users.hil;
	return askHil({ url, ca: ca && readFileSync(ca, 'utf8') }, attestErrors.HilAway);
}
