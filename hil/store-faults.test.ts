// A disk that is full for a moment, at each write of a move: whoever asks again comes to what was wanted, and the switch never has
// what the records have not.
import test from 'ava';
import { storeFailed } from '../common/store/errors.ts';
import { createMemoryStore } from '../common/store/memory-store.fixture.ts';
import type { Store } from '../common/store/store.ts';
import { type HilBench, startHil } from './hil.fixture.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
const node = { node: 'n1' };

/** Refuses one write, by its number since it was armed. */
function createFullStore() {
	const store = createMemoryStore();
	let left = Number.POSITIVE_INFINITY;
	const full: Store = {
		...store,
		async transact(work) {
			if (--left === 0) throw storeFailed('hil.db', false, new Error('database or disk is full'));
			return store.transact(work);
		},
	};
	return {
		store: full,
		arm(number: number) {
			left = number;
		},
		hasRefused: () => left <= 0,
	};
}

async function settle(hil: HilBench): Promise<void> {
	for (let passed = 0; passed < 5000; passed += 500) {
		hil.clock.advance(500);
		await hil.workers.idle();
		await hil.departures.idle();
	}
}

/** Asks again until it is not the store that is in the way. */
async function ask(hil: HilBench, path: string, body: object): Promise<void> {
	for (;;) {
		const { status, text } = await hil.call('POST', path, body);
		await settle(hil);
		if (status < 300) return;
		if (status < 500) throw new Error(`${path}: ${status} ${text}`);
	}
}

test('a disk that is full at any one write of a move delays it, and nothing more', async t => {
	const { store, arm, hasRefused } = createFullStore();
	const hil = await startHil(t, { store });
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	await hil.ok('PUT', '/v0/node/n1', { obmd: { uri: 'https://p/bmc/n', admin_token: '' } });
	await hil.ok('PUT', '/v0/node/n1/nic/eth0', { macaddr: '' });
	await hil.ok('PUT', '/v0/switch/tor/port/gi1/1');
	await hil.ok('POST', '/v0/switch/tor/port/gi1/1/connect_nic', { ...node, nic: 'eth0' });
	for (const team of ['red', 'blue']) {
		await hil.ok('PUT', `/v0/project/${team}`);
		await hil.ok('PUT', `/v0/network/${team}net`, { owner: team, access: team, net_id: '' });
	}
	const carried = () => hil.mocks.at('tor').ports.get('gi1/1') ?? { native: null, tagged: [] };
	const vlans = { red: 100, blue: 101 };
	let owner: keyof typeof vlans = 'red';
	await ask(hil, '/v0/project/red/connect_node', node);
	await ask(hil, '/v0/node/n1/nic/eth0/connect_network', { network: 'rednet' });
	let number = 1;
	for (; ; number++) {
		const to: keyof typeof vlans = owner === 'red' ? 'blue' : 'red';
		arm(number);
		await ask(hil, `/v1/project/${owner}/release_node`, node);
		t.true(((await hil.ok('GET', '/v0/nodes/free')) as string[]).includes('n1'), `write ${number}`);
		t.deepEqual(carried(), { native: null, tagged: [] }, `write ${number}`);
		await ask(hil, `/v0/project/${to}/connect_node`, node);
		await ask(hil, '/v0/node/n1/nic/eth0/connect_network', { network: `${to}net` });
		t.deepEqual(carried(), { native: vlans[to], tagged: [] }, `write ${number}`);
		owner = to;
		if (!hasRefused()) break;
	}
	t.true(number > 8, `${number - 1} writes: too few to be those of a move`);
});
