// kill -9 of hil at each step of a change that a switch refuses a part of: whenever it comes, all is put back in the end.
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { stubbornPort } from './file-switch.fixture.ts';
import { createKillableSite, livesThrough } from './killed-hil.ts';
import { type Caller, createCaller, furnish } from './moved-node.ts';
import { strayNodes } from './recorded-truth.ts';

const nothing = { native: null, tagged: [] };
const nic = { nic: 'eth0', network: 'rednet' };
/** The second port is changed, then the switch refuses the third one, and nobody may see the first two steps remain. */
const steps = [
	{ do: 'connect_node', project: 'red', node: 'stubborn' },
	{ do: 'detach_network', node: 'moved', ...nic },
	{ do: 'connect_network', node: 'stubborn', ...nic },
];

/** Resolves when the change has been put back, or never was. */
async function untilPutBack(hil: Caller): Promise<void> {
	for (;;) {
		const free = await hil.ok<string[]>('GET', '/v0/nodes/free');
		const { queued } = await hil.ok<{ queued: number }>('GET', '/v1/switch/s');
		// It was given to red with the first step, in one transaction with all others.
		if (free.includes('stubborn') && queued === 0) return;
		await pause(10);
	}
}

test('killed at each step of a change that is put back, and again on the way up', async t => {
	t.timeout(300_000);
	const site = await createKillableSite(t);
	let hil = await site.start();
	if (!hil) return t.fail();
	const root = createCaller(hil.url);
	await furnish(root, { settings: { type: 'urn:test:file' }, ports: ['p1', 'p2', 'p3'] });
	const port = `/v0/switch/s/port/${stubbornPort}`;
	await root.ok('PUT', '/v0/node/stubborn', { obmd: { uri: 'https://p/bmc/n', admin_token: '' } });
	await root.ok('PUT', '/v0/node/stubborn/nic/eth0', { macaddr: '' });
	await root.ok('PUT', port);
	await root.ok('POST', `${port}/connect_nic`, { node: 'stubborn', nic: 'eth0' });

	const look = async (when: string) => {
		const truth = await site.records();
		t.is(truth.nodes.size, 4, `${when}: a node is lost`);
		t.deepEqual(strayNodes(truth, site.carried), [], when);
		return truth;
	};
	let again = 0;
	for (let killAt = 1; ; killAt++) {
		await hil.arm(killAt);
		const asked = (async (caller: Caller) => {
			await caller.ok('POST', '/v1/changes', { steps });
			await untilPutBack(caller);
		})(createCaller(hil.url));
		if (await livesThrough(hil, asked)) {
			const moments = await hil.passed();
			t.log(`${moments.length} steps; ${again} kills on the way up`);
			t.true(moments.filter(each => each === 'port set').length >= 2, moments.join(', '));
			t.true(moments.length > 20 && again > 0);
			return;
		}
		const { vlans } = await look(`killed at step ${killAt}`);
		// Every third time it is killed on the way up as well, each time a little later.
		const at = killAt % 3 === 0 ? killAt / 3 : undefined;
		hil = await site.start(at);
		if (!hil || !(await livesThrough(hil, untilPutBack(createCaller(hil.url))))) {
			again++;
			await look(`killed at step ${killAt}, and at ${at} on the way up`);
			hil = await site.start();
		}
		if (!hil) return t.fail();
		await untilPutBack(createCaller(hil.url));
		await hil.arm();
		t.deepEqual(site.carried('p1'), { native: vlans.rednet ?? 0, tagged: [] }, `killed at step ${killAt}`);
		t.deepEqual(site.carried(stubbornPort), nothing);
	}
});
