// Switches over HTTPS as a site has them: registered over HIL's interface, known by the site's CA, worked by their workers.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { createAuthority } from '../../common/identity/site-ca.ts';
import type { PortState } from '../core/actions.ts';
import { startVdx } from './brocade/simulator.fixture.ts';
import { startOs10 } from './dell-os10/simulator.fixture.ts';
import { startNexus } from './nexus/simulator.fixture.ts';
import { makeSiteFolder, startSwitchSite } from './switch-site.fixture.ts';
import { account, type HttpsSimulator } from './transport/https-simulator.fixture.ts';

const nothing: PortState = { native: null, tagged: [] };

interface Kind {
	readonly type: string;
	readonly port: string;
	readonly own: Readonly<Record<string, string>>;
	start(): Promise<{ readonly simulator: HttpsSimulator; carries(port: string): PortState; spoil(): void }>;
}

const kinds: readonly Kind[] = [
	{
		type: 'nexus',
		port: 'Ethernet1/1',
		own: { dummy_vlan: '999' },
		async start() {
			const simulator = await startNexus();
			const raw = simulator.ports.get('Ethernet1/1');
			return {
				simulator,
				carries: simulator.carries,
				spoil: () => raw && Object.assign(raw, { allowed: [100, 101] }) && simulator.vlans.add(101),
			};
		},
	},
	{
		type: 'dellos10',
		port: 'ethernet1/1/1',
		own: {},
		async start() {
			const simulator = await startOs10();
			const { vlans } = simulator.config;
			return {
				simulator,
				carries: simulator.carries,
				spoil: () => vlans.set(101, { untagged: new Set(), tagged: new Set(['ethernet1/1/1']) }),
			};
		},
	},
	{
		type: 'brocade',
		port: '1/0/1',
		own: { interface_type: 'TenGigabitEthernet' },
		async start() {
			const simulator = await startVdx();
			const { model } = simulator;
			return {
				simulator,
				carries: model.carries,
				spoil: () => {
					model.vlans.add(101);
					model.ports.get('1/0/1')?.switchport?.allowed.add(101);
				},
			};
		},
	},
];

for (const { type, port, own, start } of kinds) {
	test(`a ${type} switch is registered as in HIL, and a node's port follows its networks`, async t => {
		const { simulator, carries, spoil } = await start();
		t.teardown(simulator.close);
		const folder = await makeSiteFolder(t, simulator);
		const site = await startSwitchSite(t, folder);
		const uri = `http://schema.massopencloud.org/haas/v0/switches/${type}`;
		await site.register({ type: uri, hostname: simulator.host, ...account, ...own }, port);

		const nic = '/v0/node/n1/nic/eth0';
		const connected = await site.change('POST', `${nic}/connect_network`, { network: 'inner' });
		t.like(connected, { status: 'DONE', error: null });
		t.deepEqual(carries(port), { native: 100, tagged: [] });

		spoil();
		t.deepEqual(carries(port), { native: 100, tagged: [101] });
		const recorded = { native: 100, tagged: [] };
		const { ports: drifted } = await site.call('GET', '/v1/switch/tor/drift');
		t.like((drifted as object[])[0], {
			port,
			recorded,
			found: { native: 100, tagged: [101] },
			repaired: false,
		});
		await site.call('POST', '/v1/switch/tor/repair');
		t.deepEqual(carries(port), recorded);

		const detached = await site.change('POST', `${nic}/detach_network`, { network: 'inner' });
		t.like(detached, { status: 'DONE' });
		t.deepEqual(carries(port), nothing);
		await site.close();
		t.false((await readFile(join(folder, 'state/hil.db'))).includes(account.password));
	});
}

test('a switch that the site does not know is not spoken to, and why is recorded', async t => {
	const simulator = await startNexus();
	t.teardown(simulator.close);
	const stranger = await createAuthority({ name: 'somebody else', clock: systemClock });
	const site = await startSwitchSite(t, await makeSiteFolder(t, { ca: stranger.certificatePem }));
	await site.call('PUT', '/v0/switch/tor', {
		type: 'http://schema.massopencloud.org/haas/v0/switches/nexus',
		hostname: simulator.host,
		...account,
		dummy_vlan: '999',
	});
	await site.call('PUT', '/v0/switch/tor/port/Ethernet1/1');
	const fault = await t.throwsAsync(site.call('GET', '/v1/switch/tor/drift'));
	t.regex(fault?.message ?? '', /503 .*the certificate of 127\.0\.0\.1.* is not believed/);
	t.is(simulator.requests.length + simulator.turnedAway, 0);
	const plain = site.call('PUT', '/v0/switch/other', {
		type: 'http://schema.massopencloud.org/haas/v0/switches/nexus',
		hostname: `http://${simulator.host}`,
		...account,
		dummy_vlan: '999',
	});
	await t.throwsAsync(plain, { message: /400 .*hostname: expected HOST/ });
});
