import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { createMemoryNetwork } from '../boot/memory-network.fixture.ts';
import { provisionerErrors } from '../errors.ts';
import { type Booting, bootings } from '../model/booting.ts';
import { createMemoryStorage } from '../storage/memory-storage.fixture.ts';
import { serveRecorded } from './served-nodes.ts';

/** Two nodes that are recorded, with a disk each. */
async function setUp(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-served-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = path.join(folder, 'image');
	await writeFile(file, Buffer.alloc(512));
	const { signal } = new AbortController();
	const [store, storage, network] = [createMemoryStore(), createMemoryStorage(), createMemoryNetwork('boot')];
	const clock = new FakeClock();
	const record = async (node: string, disk: string): Promise<Booting> => {
		const booting: Booting = {
			...{ node, project: 'red', disks: [disk], rescued: null, network: 'boot', nic: 'eth0', further: [] },
			mac: `02:00:00:00:00:0${node.slice(1)}`,
			...{ iqn: `iqn.2026-11.test:${disk}`, initiator: `iqn.2026-11.test:${node}`, chap: 'sealed' },
			...{ hostname: node, keys: [], userData: null, operation: null, since: 1 },
		};
		await store.transact(tx => tx.put(bootings, node, booting));
		return booting;
	};
	const disks: string[] = [];
	for (const node of ['n1', 'n2']) {
		const disk = randomUUID();
		await storage.create(disk, { from: 'file', file, format: 'raw' }, { signal });
		await record(node, disk);
		disks.push(disk);
	}
	const deps = {
		...{ store, storage, clock, logger: silentLogger, unseal: (text: string) => text },
		networks: new Map([['boot', network]]),
	};
	return {
		...{ deps, store, storage, network, record, disks },
		async pass(ms: number) {
			clock.advance(ms);
			for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));
		},
	};
}

test('a node that cannot be served is tried again until it can, and named meanwhile; the other one boots', async t => {
	const { deps, network, storage, pass } = await setUp(t);
	storage.faults.push(provisionerErrors.StorageFault('the disk is away'));
	const serving = await serveRecorded(deps);
	t.teardown(() => serving.close());
	t.deepEqual(
		[...network.entries.values()].map(({ node }) => node),
		['n2'],
	);
	t.throws(() => serving.check(), { message: 'node n1: the disk is away' });
	storage.faults.push(provisionerErrors.StorageFault('still away'));
	await pass(1000);
	t.throws(() => serving.check(), { message: 'node n1: still away' });
	await pass(2000);
	t.notThrows(() => serving.check());
	t.is(network.served.size, 2);
	t.is(network.entries.size, 2);
});

test('a node that is taken off its disk while it is to be served again is not served', async t => {
	const { deps, store, network, storage, pass } = await setUp(t);
	storage.faults.push(provisionerErrors.StorageFault('the disk is away'));
	const serving = await serveRecorded(deps);
	t.teardown(() => serving.close());
	await store.transact(tx => tx.delete(bootings, 'n1'));
	await pass(1000);
	t.notThrows(() => serving.check());
	t.is(network.served.size, 1);
});

test('what an operation records while a node is served is what is served in the end', async t => {
	const { deps, store, network, storage, record, disks } = await setUp(t);
	const [first = '', second = ''] = disks;
	const set = network.set;
	let change: (() => Promise<unknown>) | undefined = () => record('n1', second);
	const meddled = {
		...network,
		set: async (entry: Parameters<typeof set>[0]) => {
			await set(entry);
			const now = change;
			change = undefined;
			await now?.();
		},
	};
	const other = { ...deps, networks: new Map([['boot', meddled]]) };
	const exchanged = await serveRecorded(other);
	await exchanged.close();
	t.deepEqual([...network.served.keys()], [`iqn.2026-11.test:${second}`]);
	t.is(network.entries.get('02:00:00:00:00:01')?.target.iqn, `iqn.2026-11.test:${second}`);

	change = () => store.transact(tx => tx.delete(bootings, 'n1'));
	await record('n1', first);
	const deleted = await serveRecorded(other);
	await deleted.close();
	t.false(network.served.has(`iqn.2026-11.test:${first}`), 'nobody has that target any more');
	t.false(network.entries.has('02:00:00:00:00:01'));
	t.false(storage.volumes.get(first)?.isAttached);
});

test('closed, nothing is tried any more', async t => {
	const { deps, network, storage, pass } = await setUp(t);
	storage.faults.push(provisionerErrors.StorageFault('the disk is away'));
	const serving = await serveRecorded(deps);
	await serving.close();
	await pass(60_000);
	t.is(network.served.size, 1);
});
