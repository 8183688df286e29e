import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import path from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { createEndings } from '../../common/endings.ts';
import { listen } from '../../common/http/listen.ts';
import { createSecretBox } from '../../common/identity/secret-box.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { openStore } from '../../common/store/open-store.ts';
import { createProvisioner } from '../../provisioner/app.ts';
import type { Actor } from '../../provisioner/authorize/actor.ts';
import type { BootNetwork } from '../../provisioner/boot/boot-network.ts';
import { beginImage, completeImage } from '../../provisioner/core/images.ts';
import type { World } from '../../provisioner/core/world.ts';
import { openStagedFiles } from '../../provisioner/image/staged-files.ts';
import { createUploads } from '../../provisioner/image/uploads.ts';
import type { NodeAtHil } from '../../provisioner/node/node-at-hil.ts';
import { nodeKinds } from '../../provisioner/node/node-kinds.ts';
import { createRunner } from '../../provisioner/operation/runner.ts';
import { noNodes } from '../../provisioner/provisioner.fixture.ts';
import { openQcow2Storage } from '../../provisioner/storage/qcow2/qcow2-storage.ts';
import { volumeKinds } from '../../provisioner/volume/kinds.ts';

/** A provisioner with all its real parts, but for hil: who asks is of project red, and nodes are the bench's. */
export interface BenchSite {
	/** Throws unless it is a success. */
	call(method: 'GET' | 'POST' | 'DELETE', at: string, body?: object): Promise<Record<string, unknown>>;
	/** Waits for an operation to end; its stages. Throws unless it has come to `status`. */
	ended(id: string, status?: string): Promise<readonly StageTime[]>;
	/** Takes a file in; the image's name is what it is found by. */
	addImage(name: string, file: string, format: 'raw' | 'qcow2'): Promise<void>;
	close(): Promise<void>;
}

export interface StageTime {
	readonly name: string;
	readonly ms: number;
}

const actor: Actor = { name: 'bench', isAdmin: true, projects: new Set(['red']) };

export async function openSite(options: {
	readonly folder: string;
	readonly run: string;
	readonly network: BootNetwork;
	readonly nodes: Pick<NodeAtHil, 'look' | 'bootFromNetwork' | 'turnOff'>;
}): Promise<BenchSite> {
	const { folder, run, network } = options;
	// Networks are as they should be already: what hil and switches take is measured with hil.
	const ofRed = { projectOf: async () => 'red', admits: async () => true };
	const nodes: NodeAtHil = { ...noNodes, ...ofRed, ...options.nodes };
	const opened: (() => unknown)[] = [];
	const close = async () => {
		for (const end of opened.splice(0).reverse()) await end();
	};
	try {
		const store = await openStore({ engine: 'sqlite', file: path.join(folder, 'store.db') });
		opened.push(() => store.close());
		const shared = { store, clock: systemClock, logger: silentLogger };
		const storage = await openQcow2Storage({ ...shared, folder: path.join(folder, 'storage'), run });
		opened.push(() => storage.close());
		const staged = await openStagedFiles(path.join(folder, 'incoming'), 2 ** 40);
		const endings = createEndings(systemClock);
		const { seal, unseal } = createSecretBox(randomBytes(32));
		const networks = new Map([[network.network, network]]);
		const served = { ...shared, storage, networks, nodes, seal, unseal };
		const kinds = {
			...volumeKinds({ store, storage }),
			...nodeKinds({ ...served, iqnPrefix: 'iqn.2026-11.bench.bimetal:' }),
		};
		const onChange = (id: string) => endings.tell(id);
		const runner = createRunner({ ...shared, kinds, random: Math.random, onChange });
		opened.push(() => runner.close());
		const uploads = createUploads({ ...shared, staged, runner, newId: randomUUID });
		opened.push(() => uploads.close());
		const world = (of: Actor): World => ({ actor: of, now: systemClock.now(), newId: randomUUID });
		const app = createProvisioner({
			...served,
			...{ uploads, largestUpload: staged.largest, kinds, runner, endings, world, version: '0.0.0' },
			authenticator: { authenticate: async () => actor },
		});
		const main = await listen(createServer(app), { host: '127.0.0.1', port: 0 });
		opened.push(() => main.close(0));
		opened.push(() => endings.close());
		const call: BenchSite['call'] = async (method, at, body) => {
			const headers = {
				authorization: 'Basic YmVuY2g6',
				...(body && { 'content-type': 'application/json' }),
			};
			const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
			const answer = await fetch(`http://127.0.0.1:${main.port}/v1${at}`, init);
			const text = await answer.text();
			if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${text}`);
			return JSON.parse(text);
		};
		return {
			call,
			async ended(id, status = 'DONE') {
				for (;;) {
					const operation = await call('GET', `/operations/${id}?wait=30000`);
					if (operation.endedAt === null) continue;
					if (operation.status !== status) throw new Error(JSON.stringify(operation));
					return operation.stages as readonly StageTime[];
				}
			},
			async addImage(name, file, format) {
				const origin = { from: 'upload' } as const;
				const id = await store.transact(tx => beginImage(tx, { project: 'red', name, origin }, world(actor)));
				const { signal } = new AbortController();
				const { size } = await storage.create(id, { from: 'file', file, format }, { signal });
				await store.transact(tx => completeImage(tx, id, { size, sha256: null }));
			},
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}
