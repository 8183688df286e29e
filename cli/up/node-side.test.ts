// A service's address on the network of a rack's servers, over a real Open vSwitch.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { runIp } from '../../common/network/ip-commands.ts';
import { createNetworkNamespace } from '../../common/network/network-namespace.ts';
import { startSwitch } from '../../qemu/switch/switch.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { until } from '../../test/visitor.ts';
import { layBootWire } from './boot-wire.ts';
import { openNodeSide } from './node-side.ts';

const test = testNeeding('openvswitch-switch', 'iproute2', 'ethtool');
const run = promisify(execFile);
const side = { vlan: 20, host: '10.64.0.200', port: 5002 };

test('servers on the network reach the service at its port, and nothing else of this machine', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-node-side-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const service = createServer((_request, response) => response.end('here')).listen(0, '127.0.0.1');
	t.teardown(() => service.close());
	await once(service, 'listening');
	const { port: to } = service.address() as AddressInfo;
	const device = await startSwitch({ run: `test-node-side-${process.pid}`, folder });
	t.teardown(() => device.close());
	const rackSwitch = { ...device, portOf: (server: string) => server };
	const opened = await openNodeSide(rackSwitch, { ...side, to });
	t.teardown(() => opened.close());

	const server = await createNetworkNamespace({ run: `test-node-side-${process.pid}`, folder });
	t.teardown(() => server.close());
	const { device: card } = await layBootWire(rackSwitch, side.vlan);
	await runIp(undefined, [`link set dev ${card} netns ${server.path}`]);
	await runIp(server.path, [`address add 10.64.0.9/24 dev ${card}`, `link set dev ${card} up`]);
	const ask = async (port: number): Promise<string> => {
		const line = `fetch('http://${side.host}:${port}/', { signal: AbortSignal.timeout(3000) })
			.then(answer => answer.text(), fault => fault.cause?.code ?? fault.name).then(console.log)`;
		const inside = [`--net=${server.path}`, '--', process.execPath, '-e', line];
		return (await run('nsenter', inside, { timeout: 60_000 })).stdout.trim();
	};
	t.is(
		await until(
			() => ask(side.port),
			said => said === 'here',
		),
		'here',
	);
	t.is(await ask(to), 'ECONNREFUSED', 'what listens on loopback does not listen there');
	const ovs = [`--db=unix:${device.database}`, '--timeout=20', 'set', 'port', `${card}p`, 'tag=30'];
	await run('ovs-vsctl', ovs, { timeout: 60_000 });
	t.regex(await ask(side.port), /TimeoutError|EHOSTUNREACH/, 'nobody does from another VLAN');
	await opened.close();
	t.deepEqual(
		(await readdir('/sys/class/net')).filter(name => name.endsWith(`${process.pid}`)),
		[],
	);
});
