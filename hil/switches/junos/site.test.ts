// Switches over NETCONF as a site has them: registered over HIL's interface, known by the site's known_hosts.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { makeSiteFolder, startSwitchSite } from '../switch-site.fixture.ts';
import { generateSshKey } from '../transport/ssh-server.fixture.ts';
import { startJunosSimulator } from './simulator/simulator.fixture.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/junos';
const port = 'ge-0/0/1';
const nic = '/v0/node/n1/nic/eth0';

for (const way of ['a password', 'a key'] as const) {
	test(`a Junos switch is registered with ${way}, and a node's port follows its networks`, async t => {
		const key = generateSshKey();
		const simulator = await startJunosSimulator({ publicKey: key.public });
		t.teardown(simulator.close);
		const { ssh, username, password, device } = simulator;
		const folder = await makeSiteFolder(t, { knownHosts: ssh.knownHostsLine });
		const site = await startSwitchSite(t, folder);
		const login = way === 'a key' ? { private_key: key.private } : { password };
		await site.register({ type, hostname: `127.0.0.1:${ssh.port}`, username, ...login }, port);
		const carried = (): number[] => [...(device.forwarding.get(port)?.vlans.keys() ?? [])];

		t.like(await site.change('POST', `${nic}/connect_network`, { network: 'inner' }), { status: 'DONE' });
		t.deepEqual(carried(), [100]);

		// Somebody is at the switch, and hil ends meanwhile.
		const operator = device.open('operator');
		device.lock(operator);
		const { status_id: id } = await site.call('POST', `${nic}/detach_network`, { network: 'inner' });
		const words = /configuration database locked by: operator/;
		let pending = await site.call('GET', `/v1/action/${id}`);
		while (!words.test(String(pending.error))) pending = await site.call('GET', `/v1/action/${id}?wait=50`);
		t.is(pending.status, 'PENDING');
		t.deepEqual(carried(), [100]);
		await site.close();
		device.leave(operator);
		const again = await startSwitchSite(t, folder);
		t.like(await again.call('GET', `/v1/action/${id}?wait=20000`), { status: 'DONE' });
		t.deepEqual(carried(), []);
		t.deepEqual(await again.call('GET', '/v1/switch/tor/drift'), { ports: [] });
		await again.close();

		const secret = way === 'a key' ? (key.private.split('\n')[2] ?? '?') : password;
		t.false((await readFile(join(folder, 'state/hil.db'))).includes(secret));
	});
}

test('a Junos switch that the site does not know is not logged in to, and why is told', async t => {
	const simulator = await startJunosSimulator();
	t.teardown(simulator.close);
	const { ssh, username, password } = simulator;
	const site = await startSwitchSite(t, await makeSiteFolder(t, { knownHosts: '# nobody\n' }));
	await site.call('PUT', '/v0/switch/tor', { type, hostname: `127.0.0.1:${ssh.port}`, username, password });
	await site.call('PUT', `/v0/switch/tor/port/${port}`);
	const fault = await t.throwsAsync(site.call('GET', '/v1/switch/tor/drift'));
	t.regex(fault?.message ?? '', /503 .*shows the host key SHA256:.*known_?\s?hosts in hil\.yaml/);
	t.deepEqual(ssh.logIns, { taken: 0, refused: 0 });
	const nothing = site.call('PUT', '/v0/switch/other', { type, hostname: 'tor', username });
	await t.throwsAsync(nothing, { message: /400 .*expected a password or a private_key/ });
});
