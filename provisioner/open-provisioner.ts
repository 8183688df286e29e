import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '../common/clock.ts';
import { closeAll } from '../common/close-all.ts';
import { createEndings } from '../common/endings.ts';
import { listen, urlOf } from '../common/http/listen.ts';
import { createOpsServer } from '../common/http/ops-server.ts';
import { createSiteServer } from '../common/http/site-server.ts';
import { createAuthenticator } from '../common/identity/asked-authenticator.ts';
import { createSecretBox, openSecretKey } from '../common/identity/secret-box.ts';
import type { Logger } from '../common/log/logger.ts';
import { createRegistry } from '../common/metrics/registry.ts';
import { openStore } from '../common/store/open-store.ts';
import { readVersion } from '../common/version.ts';
import { askHil } from '../hil/client/ask-who.ts';
import { createHilClient } from '../hil/client.ts';
import { createProvisioner } from './app.ts';
import type { BootNetwork } from './boot/boot-network.ts';
import { openBootNetwork } from './boot/open-boot-network.ts';
import { provisionerErrors } from './errors.ts';
import { createDownload } from './image/download.ts';
import { importKinds } from './image/import-kinds.ts';
import { openStagedFiles } from './image/staged-files.ts';
import { createUploads } from './image/uploads.ts';
import { operations } from './model/operation.ts';
import { createMayBoot } from './node/may-boot.ts';
import { createNodeAtHil } from './node/node-at-hil.ts';
import { nodeKinds } from './node/node-kinds.ts';
import { noteConfigured } from './node/note-configured.ts';
import { serveRecorded } from './node/served-nodes.ts';
import { watchOwners } from './node/watch-owners.ts';
import { createRunner } from './operation/runner.ts';
import type { ProvisionerSite } from './site.ts';
import { openStorage } from './storage/open-storage.ts';
import { collectRegularly } from './volume/collect.ts';
import { volumeKinds } from './volume/kinds.ts';

export interface RunningProvisioner {
	readonly url: string;
	readonly ops: string;
	/** Ends what is under way where it is, and closes what was opened: the next start goes on there. */
	close(): Promise<void>;
}

/** Opens what a site names, wires it and listens; what was opened is closed again when a later step fails. */
export async function openProvisioner(
	site: ProvisionerSite,
	{ logger }: { readonly logger: Logger },
): Promise<RunningProvisioner> {
	const clock = systemClock;
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	try {
		const store = await openStore(site.store);
		opened.push(() => store.close());
		const run = `provisioner-${randomUUID().slice(0, 8)}`;
		const storage = await openStorage(site, { run, clock, logger });
		opened.push(() => storage.close());
		const registry = createRegistry({ service: 'provisioner', process: true });
		const endings = createEndings(clock);
		const shared = { store, clock, logger };
		const { seal, unseal } = createSecretBox(await openSecretKey(site.key));
		const { url, username, password } = site.hil;
		const ca = site.hil.ca && readFileSync(site.hil.ca, 'utf8');
		const own = { username, password: readFileSync(password, 'utf8').trim() };
		const hil = createHilClient({ url, ca, ...own });
		opened.push(() => hil.close());
		const nodes = createNodeAtHil({ hil, clock });
		const mayBoot = createMayBoot({ ...shared, nodes });
		const networks = new Map<string, BootNetwork>();
		for (const settings of site.networks) {
			const { network } = settings;
			const folder = path.join(site.boot, Buffer.from(network).toString('hex'));
			const open = await openBootNetwork({ ...shared, settings, run, folder, mayBoot });
			opened.push(() => open.close());
			networks.set(network, open);
		}
		const served = { ...shared, storage, networks, nodes, seal, unseal };
		const { largest, allowHosts, ca: importCa } = site.import;
		const staged = await openStagedFiles(path.join(site.storageFolder, 'incoming'), largest);
		const trusted = importCa && readFileSync(importCa, 'utf8');
		const download = createDownload({ staged, allowHosts, ca: trusted });
		const kinds = {
			...volumeKinds({ store, storage }),
			...nodeKinds({ ...served, iqnPrefix: site.iqnPrefix }),
			...importKinds({ store, storage, staged, download }),
		};
		const onChange = (id: string): void => endings.tell(id);
		const runner = createRunner({ ...shared, kinds, random: Math.random, onChange });
		opened.push(() => runner.close());
		const uploads = createUploads({ ...shared, staged, runner, newId: randomUUID });
		opened.push(() => uploads.close());
		const ask = askHil({ url, ca }, provisionerErrors.HilAway);
		const app = createProvisioner({
			...served,
			registry,
			uploads,
			largestUpload: largest,
			kinds,
			runner,
			endings,
			authenticator: createAuthenticator({ ask, clock }),
			world: actor => ({ actor, now: clock.now(), newId: randomUUID }),
			version: readVersion(),
		});
		const server = createSiteServer(site.tls, app);
		await uploads.start();
		// Before anybody can ask for something else: operations and calls find everything served.
		const serving = await serveRecorded(served);
		opened.push(() => serving.close());
		for (const { targets } of networks.values()) await targets.admit();
		const checks = {
			store: () => store.read(tx => tx.count(operations, { index: 'open', equals: 'yes' })),
			storage: () => storage.check(),
			nodes: () => serving.check(),
			...Object.fromEntries(
				[...networks].flatMap(([name, network]) => [
					[`targets of ${name}`, () => network.targets.check()],
					[`dnsmasq of ${name}`, () => network.check()],
				]),
			),
		};
		const ops = await listen(createOpsServer({ registry, checks, clock }), { ...site.ops, clock });
		opened.push(() => ops.close());
		opened.push(noteConfigured({ ...served, onChange }));
		const owners = watchOwners({ ...served, kinds, runner, newId: randomUUID });
		opened.push(() => owners.close());
		const { collect: every } = site.storage;
		const collecting = every === null ? undefined : collectRegularly({ ...shared, storage, every });
		opened.push(() => collecting?.close());
		await runner.start();
		const main = await listen(server, { ...site.listen, clock });
		opened.push(() => main.close());
		// Whoever waits is answered before the listener closes.
		opened.push(() => endings.close());
		return { url: urlOf(site.tls ? 'https' : 'http', main), ops: urlOf('http', ops), close };
	} catch (fault) {
		await close();
		throw fault;
	}
}
