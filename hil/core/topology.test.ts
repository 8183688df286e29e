import test from 'ava';
import type { ReadTransaction } from '../../common/store/store.ts';
import { type Actor, isMember } from '../authorize/actor.ts';
import { nodes } from '../model/node.ts';
import { actor, type Bench, createBench, root } from './bench.fixture.ts';
import { connectNetwork } from './connections.ts';
import { createNetwork } from './networks.ts';
import { registerNic } from './nodes.ts';
import { connectNode } from './projects.ts';
import { registerPort } from './switches.ts';
import { showPorts, showTopology } from './topology.ts';

const rita = actor('rita', 'red');
const both = actor('both', 'red', 'blue');
const see = (bench: Bench, args: Parameters<typeof showTopology>[1], who: Actor) =>
	bench.see('topology.show', showTopology, args, who);
const names = ({ nodes }: Awaited<ReturnType<typeof showTopology>>): string[] =>
	nodes.map(({ name }) => name);

/** n0 and n2 are red's, n1 is blue's, n3 is free; n0 is being attached to red's network. */
async function furnished(): Promise<Bench> {
	const bench = await createBench();
	await bench.furnish({ projects: ['red', 'blue'], nodes: ['n0', 'n1', 'n2', 'n3'] });
	for (const [node, project] of [
		['n0', 'red'],
		['n1', 'blue'],
		['n2', 'red'],
	] as const) {
		await bench.do('project.connect-node', connectNode, { project, node });
	}
	await bench.do('network.create', createNetwork, {
		network: 'inner',
		owner: 'red',
		access: 'red',
		net_id: '',
	});
	await bench.do('node.connect-network', connectNetwork, { node: 'n0', nic: 'eth0', network: 'inner' }, rita);
	return bench;
}

test("members see how their own nodes are connected, and nothing of others' or of where", async t => {
	const bench = await furnished();
	const mac = '02:00:00:00:00:01';
	const idle = { label: 'eth0', macaddr: mac, networks: [], pending: false };
	t.deepEqual(await see(bench, {}, rita), {
		nodes: [
			{ name: 'n0', project: 'red', nics: [{ ...idle, pending: true }] },
			{ name: 'n2', project: 'red', nics: [idle] },
		],
		next: null,
	});
	t.deepEqual(names(await see(bench, {}, both)), ['n0', 'n1', 'n2']);
	t.deepEqual(names(await see(bench, { project: 'blue' }, both)), ['n1']);
	t.deepEqual(names(await see(bench, { node: 'n2' }, rita)), ['n2']);
	t.deepEqual(names(await see(bench, { node: 'n1' }, rita)), []);
	t.deepEqual(names(await see(bench, { node: 'n3' }, rita)), []);
	t.deepEqual(names(await see(bench, { node: 'n3' }, root)), ['n3']);
	t.deepEqual(names(await see(bench, { node: 'n9' }, root)), []);
	t.deepEqual(names(await see(bench, { node: 'n2', project: 'blue' }, both)), []);
	t.deepEqual(names(await see(bench, {}, actor('nobody'))), []);
	t.deepEqual(names(await see(bench, {}, actor('gone', 'green'))), []);
	await t.throwsAsync(see(bench, { project: 'blue' }, rita), { code: 'AuthorizationError' });
	await t.throwsAsync(see(bench, { project: 'none' }, rita), { code: 'AuthorizationError' });
	await t.throwsAsync(see(bench, { project: '' }, rita), { code: 'AuthorizationError' });
	await t.throwsAsync(see(bench, { project: 'none' }, root), { code: 'NotFoundError' });
});

test('where nodes are plugged in is told to administrators, and to members where the site says so', async t => {
	const bench = await furnished();
	await bench.do('node.register-nic', registerNic, { node: 'n3', nic: 'eth1', macaddr: '' });
	const seen = await see(bench, {}, root);
	t.deepEqual(names(seen), ['n0', 'n1', 'n2', 'n3']);
	t.like(seen.nodes[1]?.nics[0], { switch: 's1', port: 'p1' });
	t.like(seen.nodes[3], {
		project: null,
		nics: [
			{ label: 'eth0', port: 'p3' },
			{ label: 'eth1', switch: null, port: null },
		],
	});
	const told = await bench.store.read(tx =>
		showTopology(tx, {}, { ...bench.world(rita), showsPortsToProjects: true }),
	);
	t.deepEqual(
		told.nodes.map(({ name, nics: [nic] }) => [name, nic?.switch, nic?.port]),
		[
			['n0', 's1', 'p0'],
			['n2', 's1', 'p2'],
		],
	);
});

test('ports of a switch show what is plugged in, and those that nothing is in', async t => {
	const bench = await furnished();
	await bench.do('port.register', registerPort, { switch: 's1', port: 'p4' });
	const page = (after?: string) =>
		bench.see('switch.list-ports', showPorts, {
			switch: 's1',
			limit: 3,
			...(after !== undefined && { after }),
		});
	const first = await page();
	t.like(first.ports[0], { port: 'p0', node: 'n0', nic: 'eth0', project: 'red', pending: true });
	t.like(first.ports[1], { port: 'p1', node: 'n1', project: 'blue', networks: [], pending: false });
	t.is(first.next, 'p2');
	t.deepEqual(await page('p2'), {
		ports: [
			{ port: 'p3', node: 'n3', nic: 'eth0', project: null, networks: [], pending: false },
			{ port: 'p4', node: null, nic: null, project: null, networks: [], pending: false },
		],
		next: null,
	});
	await t.throwsAsync(bench.see('switch.list-ports', showPorts, { switch: 's2' }), { code: 'NotFoundError' });
	await t.throwsAsync(bench.see('switch.list-ports', showPorts, { switch: 's1' }, rita), {
		code: 'AuthorizationError',
	});
});

const node = {
	label: '',
	project: null,
	obmUri: 'https://proxy.example/bmc/n',
	obmEnabled: false,
	leaving: false,
	leaseEnd: null,
};

/** Counts the documents that are read. */
function counting(tx: ReadTransaction): { tx: ReadTransaction; read: () => number } {
	let read = 0;
	return {
		read: () => read,
		tx: {
			get: (...of) => {
				read++;
				return tx.get(...of);
			},
			count: (...of) => {
				read++;
				return tx.count(...of);
			},
			async list(...of) {
				const found = await tx.list(...of);
				read += found.length;
				return found;
			},
		},
	};
}

test('pages follow each other without gap or repetition, and cost as much with many nodes as with few', async t => {
	const costs = new Set<string>();
	for (const count of [40, 400]) {
		const bench = await createBench();
		await bench.furnish({ projects: ['red', 'blue', 'green'], nodes: [] });
		const label = (index: number) => `n${String(index).padStart(4, '0')}`;
		await bench.inside(async tx => {
			for (let index = 0; index < count; index++) {
				const project = ['red', 'blue', 'green', null][index % 4] ?? null;
				await tx.put(nodes, label(index), { ...node, label: label(index), project });
			}
		});
		for (const who of [root, both]) {
			const seen: string[] = [];
			for (let after: string | null = ''; after !== null; ) {
				const from: string = after;
				const counted = await bench.store.read(async tx => {
					const counter = counting(tx);
					const page = await showTopology(counter.tx, { limit: 5, after: from }, bench.world(who));
					return { page, cost: counter.read() };
				});
				seen.push(...names(counted.page));
				if (after === '') costs.add(`${who.name}: ${counted.cost}`);
				after = counted.page.next;
			}
			const expected = Array.from({ length: count }, (_, index) => index).filter(
				index => who.isAdmin || isMember(who, ['red', 'blue', 'green', null][index % 4] ?? null),
			);
			t.deepEqual(seen, expected.map(label));
		}
	}
	t.is(costs.size, 2, [...costs].join(', '));
});
