import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../common/clock.ts';
import { createEndings } from '../common/endings.ts';
import { listen } from '../common/http/listen.ts';
import { silentLogger } from '../common/log/logger.ts';
import { createMemoryStore } from '../common/store/memory-store.fixture.ts';
import type { Store } from '../common/store/store.ts';
import { createProvisioner } from './app.ts';
import type { Actor } from './authorize/actor.ts';
import { createMemoryNetwork, type MemoryNetwork } from './boot/memory-network.fixture.ts';
import { beginImage, completeImage } from './core/images.ts';
import type { World } from './core/world.ts';
import { provisionerErrors } from './errors.ts';
import { createDownload } from './image/download.ts';
import { importKinds } from './image/import-kinds.ts';
import { openStagedFiles, type StagedFiles } from './image/staged-files.ts';
import { createUploads } from './image/uploads.ts';
import type { NodeAtHil } from './node/node-at-hil.ts';
import { nodeKinds } from './node/node-kinds.ts';
import { noteConfigured } from './node/note-configured.ts';
import { serveRecorded } from './node/served-nodes.ts';
import { watchOwners } from './node/watch-owners.ts';
import { createRunner, type Runner } from './operation/runner.ts';
import type { ProvisionerDeps } from './provisioner-deps.ts';
import { createMemoryStorage, type MemoryStorage } from './storage/memory-storage.fixture.ts';
import { volumeKinds } from './volume/kinds.ts';

export interface Answer {
	readonly status: number;
	readonly body: Record<string, unknown>;
}

export interface ProvisionerBench {
	readonly url: string;
	readonly store: Store;
	readonly clock: FakeClock;
	readonly storage: MemoryStorage;
	readonly network: MemoryNetwork;
	readonly runner: Runner;
	readonly staged: StagedFiles;
	/** Where those lie. */
	readonly folder: string;
	/** As `alice`, who is of project red, when nobody is named; null: without a credential. */
	call(method: string, path: string, body?: object, who?: string | null): Promise<Answer>;
	/** The same; throws unless it is a success. */
	ok(method: string, path: string, body?: object, who?: string): Promise<Record<string, unknown>>;
	/** Makes an image that is ready; its id. */
	image(project: string, name: string, text?: string): Promise<string>;
}

export const actor = (name: string, ...projects: readonly string[]): Actor => ({
	name,
	isAdmin: name === 'root',
	projects: new Set(projects),
});

const people: readonly Actor[] = [
	actor('root'),
	actor('alice', 'red'),
	actor('bob', 'blue'),
	actor('carol', 'red', 'blue'),
];

/** Users root (administrator), alice of red, bob of blue, carol of both; passwords are their names. */
export async function startProvisioner(
	t: Pick<ExecutionContext, 'teardown'>,
	options: {
		store?: Store;
		storage?: MemoryStorage;
		nodes?: NodeAtHil;
		network?: MemoryNetwork;
		/** Beside that one. */
		otherNetworks?: readonly MemoryNetwork[];
		/** Whether nodes that hil has taken away are looked for. */
		watchesOwners?: boolean;
		allowHosts?: readonly string[];
		largestUpload?: number;
		folder?: string;
	} = {},
): Promise<ProvisionerBench> {
	const { store = createMemoryStore(), storage = createMemoryStorage() } = options;
	const { network = createMemoryNetwork('boot'), nodes = noNodes } = options;
	const clock = new FakeClock();
	const endings = createEndings(clock);
	const shared = { store, clock, logger: silentLogger };
	const { allowHosts = [], largestUpload = 2 ** 30 } = options;
	const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'bimetal-incoming-')));
	const staged = await openStagedFiles(folder, largestUpload);
	const download = createDownload({ staged, allowHosts });
	const seal = (text: string): string => `sealed:${text}`;
	const unseal = (sealed: string): string => sealed.slice('sealed:'.length);
	const networks = new Map([network, ...(options.otherNetworks ?? [])].map(each => [each.network, each]));
	const served = { ...shared, storage, networks, nodes, seal, unseal };
	const kinds = {
		...volumeKinds({ store, storage }),
		...importKinds({ store, storage, staged, download }),
		...nodeKinds({ ...served, iqnPrefix: 'iqn.2026-11.test:' }),
	};
	const onChange = (id: string): void => endings.tell(id);
	const runner = createRunner({ ...shared, kinds, random: () => 0.5, onChange });
	const uploads = createUploads({ ...shared, staged, runner, newId: randomUUID });
	await uploads.start();
	const world = (who: Actor): World => ({ actor: who, now: clock.now(), newId: randomUUID });
	const authenticator: ProvisionerDeps['authenticator'] = {
		authenticate: async ({ authorization }) =>
			people.find(({ name }) => credentialOf(name) === authorization),
	};
	const own = { uploads, largestUpload, kinds, runner, endings, world, authenticator };
	const deps = { ...served, ...own, version: '0.0.0' };
	const listening = await listen(createServer(createProvisioner(deps)), { host: '127.0.0.1', port: 0 });
	const serving = await serveRecorded(served);
	const stopNoting = noteConfigured({ ...served, onChange });
	const watching = { ...served, kinds, runner, newId: randomUUID };
	const owners = options.watchesOwners ? watchOwners(watching) : undefined;
	t.teardown(async () => {
		await owners?.close();
		await serving.close();
		stopNoting();
		endings.close();
		await listening.close(0);
		await uploads.close();
		await runner.close();
		await rm(folder, { recursive: true, force: true });
	});
	const url = `http://127.0.0.1:${listening.port}`;
	const call: ProvisionerBench['call'] = async (method, path, body, who = 'alice') => {
		const headers = {
			...(who !== null && { authorization: credentialOf(who) }),
			...(body && { 'content-type': 'application/json' }),
		};
		const answer = await fetch(`${url}${path}`, {
			method,
			headers,
			...(body && { body: JSON.stringify(body) }),
		});
		return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
	};
	return {
		url,
		store,
		clock,
		storage,
		network,
		runner,
		staged,
		folder,
		call,
		async ok(method, path, body, who) {
			const answer = await call(method, path, body, who);
			if (answer.status < 300) return answer.body;
			throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
		},
		async image(project, name, text = 'bytes of an image') {
			const origin = { from: 'upload' } as const;
			const id = await store.transact(tx => beginImage(tx, { project, name, origin }, world(actor('root'))));
			storage.volumes.set(id, { bytes: Buffer.from(text), parent: null, isAttached: false });
			await store.transact(tx => completeImage(tx, id, { size: text.length, sha256: null }));
			return id;
		},
	};
}

/** A hil without nodes. */
export const noNodes: NodeAtHil = {
	look: async node => {
		throw provisionerErrors.NotThere(`There is no node ${node}.`);
	},
	projectOf: async () => null,
	owners: async () => new Map(),
	findFree: async () => [],
	take: async () => false,
	giveBack: async () => undefined,
	release: async () => '',
	departure: async () => ({ status: 'DONE', error: null }),
	propertiesOf: async () => ({}),
	admits: async () => false,
	attachments: async () => [],
	detachAll: async () => undefined,
	attachAll: async () => undefined,
	leaseOf: async () => null,
	handOver: async () => undefined,
	attach: async () => undefined,
	detach: async () => undefined,
	bootFromNetwork: async () => undefined,
	turnOff: async () => undefined,
};

const credentialOf = (name: string): string => `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`;
