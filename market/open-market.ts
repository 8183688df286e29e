import { readFileSync } from 'node:fs';
import { createVerifierClient, type VerifierClient } from '../attest/client.ts';
import { systemClock } from '../common/clock.ts';
import { closeAll } from '../common/close-all.ts';
import { connectEvents, type EventBus } from '../common/events/bus.ts';
import { listen, urlOf } from '../common/http/listen.ts';
import { createOpsServer } from '../common/http/ops-server.ts';
import { createSiteServer } from '../common/http/site-server.ts';
import { createAuthenticator } from '../common/identity/asked-authenticator.ts';
import type { Logger } from '../common/log/logger.ts';
import { createRegistry } from '../common/metrics/registry.ts';
import { openStore } from '../common/store/open-store.ts';
import { readVersion } from '../common/version.ts';
import { askHil } from '../hil/client/ask-who.ts';
import { createHilClient } from '../hil/client.ts';
import { createProvisionerClient, type ProvisionerClient } from '../provisioner/client.ts';
import { createMarket } from './app.ts';
import { marketErrors } from './errors.ts';
import { createAttestedFulfilment } from './lease/attested-fulfilment.ts';
import { createHilFulfilment } from './lease/hil-fulfilment.ts';
import { leases } from './lease/lease.ts';
import { createProvisionedFulfilment } from './lease/provisioned-fulfilment.ts';
import { runMarket } from './run-market.ts';
import type { MarketSite } from './site.ts';

export interface RunningMarket {
	readonly url: string;
	readonly ops: string;
	/** Ends what is under way where it is, and closes what was opened: the next start goes on there. */
	close(): Promise<void>;
}

/** Opens what a site names, wires it and listens; what was opened is closed again when a later step fails. */
export async function openMarket(
	site: MarketSite,
	{ logger }: { readonly logger: Logger },
): Promise<RunningMarket> {
	const clock = systemClock;
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	try {
		const store = await openStore(site.store);
		opened.push(() => store.close());
		const registry = createRegistry({ service: 'market', process: true });
		const { url, username, password } = site.hil;
		const ca = site.hil.ca && readFileSync(site.hil.ca, 'utf8');
		const own = { username, password: readFileSync(password, 'utf8').trim() };
		const hil = createHilClient({ url, ca, ...own });
		opened.push(() => hil.close());
		const provisioner = site.provisioner && provisionerOf(site.provisioner, own);
		if (provisioner) opened.push(() => provisioner.close());
		const verifier = site.attest && verifierOf(site.attest);
		if (verifier) opened.push(() => verifier.close());
		const { airlock } = site.hil;
		const bus = site.events && connectBus(site.events, logger);
		const running = await runMarket({
			store,
			bus,
			fulfil: check => {
				const shared = { hil, clock, check };
				// Who asks the service that attests knows better what a node does in the airlock.
				const byHil = createHilFulfilment({ ...shared, airlock: verifier ? undefined : airlock });
				const inner =
					verifier && airlock !== undefined
						? createAttestedFulfilment({ inner: byHil, verifier, airlock, logger, ...shared })
						: byHil;
				return provisioner
					? createProvisionedFulfilment({ inner, provisioner, clock, logger, check })
					: inner;
			},
			canBoot: provisioner !== undefined,
			canAttest: verifier !== undefined,
			authenticator: createAuthenticator({ ask: askHil({ url, ca }, marketErrors.HilAway), clock }),
			patience: site.deliverWithin,
			rounds: site.rounds,
			clock,
			random: Math.random,
			logger,
			version: readVersion(),
			registry,
		}).catch(async fault => {
			await bus?.close();
			throw fault;
		});
		opened.push(() => running.close());
		// Before that: a broker that does not answer would hold it up.
		opened.push(() => bus?.close());
		const app = createMarket(running.deps);
		const server = createSiteServer(site.tls, app);
		const main = await listen(server, { ...site.listen, clock });
		opened.push(() => main.close());
		// Whoever waits is answered before the listener closes.
		opened.push(() => running.deps.endings.tell('events'));
		const checks = {
			store: () => store.read(tx => tx.count(leases, { index: 'open', equals: 'yes' })),
			...(bus && {
				events: async () => {
					if (!bus.connected()) throw new Error('there is no connection to the broker');
				},
			}),
		};
		const ops = await listen(createOpsServer({ registry, checks, clock }), { ...site.ops, clock });
		opened.push(() => ops.close());
		return { url: urlOf(site.tls ? 'https' : 'http', main), ops: urlOf('http', ops), close };
	} catch (fault) {
		await close();
		throw fault;
	}
}

const provisionerOf = (
	{ url, ca }: NonNullable<MarketSite['provisioner']>,
	own: { readonly username: string; readonly password: string },
): ProvisionerClient => createProvisionerClient({ url, ca: ca && readFileSync(ca, 'utf8'), ...own });

const verifierOf = ({ url, ca, username, password }: NonNullable<MarketSite['attest']>): VerifierClient =>
	createVerifierClient({
		url,
		ca: ca && readFileSync(ca, 'utf8'),
		credential: { username, password: readFileSync(password, 'utf8').trim() },
	});

function connectBus(
	{ url, ca, username, password }: NonNullable<MarketSite['events']>,
	logger: Logger,
): EventBus {
	const secret = readFileSync(password, 'utf8').trim();
	const trusted = ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') };
	return connectEvents({ url, username, password: secret, ...trusted, clock: systemClock, logger });
}
