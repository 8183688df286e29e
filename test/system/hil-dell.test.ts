// Dell's older switches behind hil as a site has it: registered over HIL's interface, known by the site's known_hosts, and
// set by their workers. What passes a port is asked of the simulated switch itself.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { silentLogger } from '../../common/log/logger.ts';
import { openHil } from '../../hil/open-hil.ts';
import { readHilSite } from '../../hil/site.ts';
import { account, type Device, startSimulator } from '../../hil/switches/command-line/simulator.fixture.ts';
import { createN3000 } from '../../hil/switches/dell-cli/n3000-device.fixture.ts';
import { createNos9 } from '../../hil/switches/dell-cli/nos9-device.fixture.ts';
import { createPowerConnect55xx } from '../../hil/switches/dell-cli/powerconnect55xx-device.fixture.ts';

const base = 'http://schema.massopencloud.org/haas/v0/switches/';
const site = `
store: { file: state/hil.db }
listen: { port: 0 }
switches: { knownHosts: known_hosts }
vlans: 100-110
admin: { username: root, password: admin.password }
`;
/** By HIL's fields, as its command line sends them: texts. */
const switches: readonly [string, Device, string, Record<string, string>][] = [
	['powerconnect55xx', createPowerConnect55xx(), 'gi1/0/1', {}],
	['delln3000', createN3000(), 'gi1/0/1', { dummy_vlan: '4001' }],
	['dellnos9', createNos9(), '1/1', { interface_type: 'GigabitEthernet' }],
];

test('a node’s port follows its networks on each of them', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'hil-dell-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const simulators = await Promise.all(switches.map(([, device]) => startSimulator(device)));
	t.teardown(async () => void (await Promise.all(simulators.map(each => each.close()))));
	await writeFile(join(folder, 'known_hosts'), simulators.map(each => `${each.knownHosts}\n`).join(''));
	await writeFile(join(folder, 'admin.password'), 'correct horse\n');
	await chmod(join(folder, 'admin.password'), 0o600);
	await writeFile(join(folder, 'hil.yaml'), site);
	const hil = await openHil(readHilSite(join(folder, 'hil.yaml')), { logger: silentLogger });
	t.teardown(() => hil.close());
	const authorization = `Basic ${Buffer.from('root:correct horse').toString('base64')}`;
	const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
		const answer = await fetch(`${hil.url}${path}`, {
			method,
			headers: { authorization },
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${method} ${path}: ${text}`);
		return text === '' ? undefined : JSON.parse(text);
	};
	/** Asks for a change of a port, and waits for its end. */
	const change = async (path: string, body: unknown): Promise<void> => {
		const { status_id: id } = (await call('POST', path, body)) as { status_id: string };
		const ended = (await call('GET', `/v1/action/${id}?wait=30000`)) as {
			status: string;
			error: string | null;
		};
		t.is(ended.status, 'DONE', ended.error ?? '');
	};

	await call('PUT', '/v0/project/red');
	for (const network of ['a', 'b', 'c']) {
		await call('PUT', `/v0/network/${network}`, { owner: 'red', access: 'red', net_id: '' });
	}
	for (const [index, [type, device, port, fields]] of switches.entries()) {
		const hostname = simulators[index]?.hostname;
		await call('PUT', `/v0/switch/${type}`, { type: base + type, hostname, ...account, ...fields });
		await call('PUT', `/v0/switch/${type}/port/${port}`);
		const node = `on-${type}`;
		await call('PUT', `/v0/node/${node}`, { obmd: { uri: 'https://proxy.example/bmc/n', admin_token: '' } });
		await call('PUT', `/v0/node/${node}/nic/eth0`, { macaddr: '02:00:00:00:00:01' });
		await call('POST', `/v0/switch/${type}/port/${port}/connect_nic`, { node, nic: 'eth0' });
		await call('POST', '/v0/project/red/connect_node', { node });

		const nic = `/v0/node/${node}/nic/eth0`;
		await change(`${nic}/connect_network`, { network: 'a' });
		t.deepEqual(device.carries(port), { native: 100, tagged: [] }, type);
		await change(`${nic}/connect_network`, { network: 'b', channel: 'vlan/101' });
		await change(`${nic}/connect_network`, { network: 'c', channel: 'vlan/102' });
		t.deepEqual(device.carries(port), { native: 100, tagged: [101, 102] }, type);
		await change(`${nic}/detach_network`, { network: 'a' });
		t.deepEqual(device.carries(port), { native: null, tagged: [101, 102] }, type);
		t.deepEqual(await call('GET', `/v1/switch/${type}/drift`), { ports: [] }, type);
		await change(`/v0/switch/${type}/port/${port}/revert`, {});
		t.deepEqual(device.carries(port), { native: null, tagged: [] }, type);
	}
	for (const simulator of simulators) {
		t.is(simulator.server.logIns.refused, 0);
		for (const { state } of simulator.history) {
			const strays = [state.native ?? 100, ...state.tagged].filter(vlan => vlan < 100 || vlan > 102);
			t.deepEqual(strays, []);
		}
	}
});
