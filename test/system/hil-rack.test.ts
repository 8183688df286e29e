// hil before a rack: what it says of networks is what machines find, on a real Open vSwitch. Three servers boot once for all
// of it; it is looked at from within them, and on the switch.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { generatePassword } from '../../common/identity/passwords.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { findChildren } from '../../common/processes/children.ts';
import { createHilClient, type HilClient } from '../../hil/client.ts';
import { openHil } from '../../hil/open-hil.ts';
import { readHilSite } from '../../hil/site.ts';
import { readRackFile } from '../../qemu/rack/rack-file.ts';
import { rackFolders } from '../../qemu/rack/rack-folders.ts';
import { planRack } from '../../qemu/rack/rack-plan.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { startVirtualRack, type VirtualRack } from '../../qemu/rack/virtual-rack.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';

const test = testNeeding(
	...['openvswitch-switch', 'qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'xorriso', 'iproute2'],
);
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 100;

const rackFile = `
name: lab
nodes: 3
server: { memory: 96MiB, firmware: bios, disk: guest, nics: 1 }
accelerator: tcg
`;

async function startRack(t: ExecutionContext, folder: string): Promise<VirtualRack> {
	const folders = rackFolders('lab', {
		state: path.join(folder, 'rack'),
		cwd: folder,
		env: { XDG_RUNTIME_DIR: folder },
	});
	const rack = await startVirtualRack({
		plan: planRack(readRackFile(path.join(folder, 'rack.yaml'), rackFile)),
		folders,
	});
	t.teardown(async () => {
		await rack.close();
		const left = await findChildren(folders.run);
		if (left.length > 0) throw new Error(`left over: ${left.map(({ command }) => command)}`);
	});
	await rack.switchOn();
	return rack;
}

/** hil as its site file has it, and its administrator at it. */
async function startHil(t: ExecutionContext, folder: string) {
	const password = generatePassword();
	await writeFile(path.join(folder, 'root.password'), password, { mode: 0o600 });
	const config = path.join(folder, 'hil.yaml');
	const site = {
		store: { file: 'hil.db' },
		listen: { port: 0 },
		vlans: '100-119',
		admin: { username: 'root', password: 'root.password' },
	};
	await writeFile(config, stringify(site));
	const hil = await openHil(readHilSite(config), { logger: silentLogger });
	t.teardown(() => hil.close());
	const client = createHilClient({ url: hil.url, username: 'root', password });
	t.teardown(() => client.close());
	const authorization = `Basic ${Buffer.from(`root:${password}`).toString('base64')}`;
	const call = async (method: string, target: string, body?: object): Promise<unknown> => {
		const answer = await fetch(`${hil.url}/v0/${target}`, {
			method,
			headers: { authorization },
			...(body && { body: JSON.stringify(body) }),
		});
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${text}`);
		return text === '' ? undefined : JSON.parse(text);
	};
	return { client, call };
}

/** Types into the shell on a guest's serial port, and gives what the command wrote and its exit code. */
function terminalOf(node: VirtualNode) {
	let count = 0;
	return async (command: string): Promise<{ readonly output: string; readonly code: number }> => {
		const number = ++count;
		// The shell shows what is typed as well: that has no number for an exit code.
		node.serial.type(Buffer.from(`echo begin-$((${number})); ${command}; echo end-$((${number}))-$?\r`));
		const ending = new RegExp(`^begin-${number}\\r?\\n([^]*?)^end-${number}-(\\d+)`, 'm');
		const found = await until(
			async () => ending.exec(await readFile(node.consoleFile, 'latin1')),
			match => match !== null,
			patience,
		);
		return { output: found?.[1] ?? '', code: Number(found?.[2]) };
	};
}

test('machines reach each other by the networks that hil has given them, and by nothing else', async t => {
	t.timeout(900_000);
	const folder = await mkdtemp(path.join(tmpdir(), 'bm-hil-rack-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const rack = await startRack(t, folder);
	const { network } = rack;
	if (!network) return t.fail('the rack has no switch');
	const { client, call } = await startHil(t, folder);
	const terminals = new Map(rack.nodes.map(node => [node.name, terminalOf(node)]));
	const run = async (node: string, command: string) => {
		const terminal = terminals.get(node);
		if (!terminal) throw new Error(`no ${node}`);
		return terminal(command);
	};
	const names = rack.nodes.map(({ name }) => name);
	/** What the switch itself has. */
	const portOf = async (node: string) =>
		(await network.ports()).find(({ name }) => name === `${node}.0`)?.vlans;

	await call('PUT', 'switch/tor', {
		type: 'http://schema.massopencloud.org/haas/v0/switches/ovs',
		hostname: 'ovs-connected',
		isolated: 'ovs-isolated',
		database: `unix:${network.database}`,
		control: path.join(path.dirname(network.database), 'vswitchd.ctl'),
	});
	for (const project of ['red', 'blue']) {
		await call('PUT', `project/${project}`);
		await call('PUT', `network/${project}`, { owner: project, access: project, net_id: '' });
	}
	// One that both may use.
	await call('PUT', 'network/shared', { owner: 'admin', access: '', net_id: '' });
	for (const node of names) {
		await call('PUT', `node/${node}`, { obmd: { uri: `https://none.example/bmc/${node}`, admin_token: '' } });
		await call('PUT', `node/${node}/nic/eth0`, { macaddr: '' });
		await call('PUT', `switch/tor/port/${node}.0`);
		await call('POST', `switch/tor/port/${node}.0/connect_nic`, { node, nic: 'eth0' });
	}
	const all = await client.networks();
	const vlans = Object.fromEntries(
		Object.entries(all).map(([name, { network_id }]) => [name, Number(network_id)]),
	);
	const { red = 0, blue = 0, shared = 0 } = vlans;
	const onto = (node: string, name: string, channel?: string) => ({
		do: 'connect_network',
		node,
		nic: 'eth0',
		network: name,
		...(channel !== undefined && { channel }),
	});
	const make = async (...steps: Parameters<HilClient['change']>[0]) => {
		const { id } = await client.change(steps);
		if (id !== null) await client.changeDone(id);
	};

	// Each guest has an address without a tag, one in `shared` with its tag, and asks nobody for more.
	for (const [index, node] of names.entries()) {
		const { code } = await run(
			node,
			[
				'killall udhcpc',
				`ip addr add 10.9.0.${index + 1}/24 dev eth0`,
				`ip link add link eth0 name tagged type vlan id ${shared}`,
				`ip addr add 10.8.0.${index + 1}/24 dev tagged`,
				'ip link set tagged up',
			].join(' && '),
		);
		t.is(code, 0, node);
	}
	const [one = '', two = '', three = ''] = names;
	const address = (node: string, net: 9 | 8) => `10.${net}.0.${names.indexOf(node) + 1}`;
	/** Whether an answer comes; a try more where one is expected, for a machine that is busy. */
	const reaches = async (from: string, to: string, isExpected: boolean, net: 9 | 8 = 9) => {
		const { code } = await run(
			from,
			`ping -q -c ${isExpected ? 10 : 2} -W ${isExpected ? 10 : 2} ${address(to, net)}`,
		);
		t.is(code === 0, isExpected, `${from} → ${to} by 10.${net}`);
	};

	// Nobody has a network: nobody hears anybody.
	await reaches(one, two, false);

	await make(
		...[one, two].map(node => ({ do: 'connect_node', project: 'red', node })),
		{ do: 'connect_node', project: 'blue', node: three },
		...[one, two].map(node => onto(node, 'red')),
		onto(three, 'blue'),
	);
	t.deepEqual(await portOf(one), { untagged: red, tagged: [] });
	t.deepEqual(await portOf(three), { untagged: blue, tagged: [] });
	await reaches(one, two, true);
	await reaches(two, one, true);
	await reaches(one, three, false);
	await reaches(three, two, false);

	// From one project's network to the other's, in two calls.
	const off = (await call('POST', `node/${two}/nic/eth0/detach_network`, { network: 'red' })) as {
		status_id: string;
	};
	await client.settled([off.status_id]);
	t.deepEqual(await portOf(two), { untagged: null, tagged: [] });
	await make(
		{ do: 'detach_node', project: 'red', node: two },
		{ do: 'connect_node', project: 'blue', node: two },
		onto(two, 'blue'),
	);
	t.deepEqual(await portOf(two), { untagged: blue, tagged: [] });
	await reaches(two, three, true);
	await reaches(two, one, false);
	await reaches(one, two, false);

	// A trunk with a network of its own without a tag, and one of tags alone.
	await make(
		{ do: 'detach_network', node: three, nic: 'eth0', network: 'blue' },
		onto(one, 'shared', `vlan/${shared}`),
		onto(three, 'shared', `vlan/${shared}`),
	);
	t.deepEqual(await portOf(one), { untagged: red, tagged: [shared] });
	t.deepEqual(await portOf(three), { untagged: null, tagged: [shared] });
	await reaches(one, three, true, 8);
	await reaches(three, one, true, 8);
	await reaches(two, three, false);
	// With a tag that it may not use, to those who may.
	await reaches(two, one, false, 8);
	await reaches(two, three, false, 8);

	// What a project gives back reaches nobody, and nobody reaches it: not even to be heard.
	const heard = async (node: string) =>
		Number((await run(node, 'cat /sys/class/net/eth0/statistics/rx_packets')).output.trim());
	await make(onto(two, 'shared', `vlan/${shared}`));
	await reaches(two, one, true, 8);
	const departure = await client.release('blue', two);
	await until(
		() => client.departure(departure),
		({ status }) => status === 'DONE',
		patience,
	);
	t.deepEqual(await portOf(two), { untagged: null, tagged: [] });
	const before = await heard(two);
	for (const net of [9, 8] as const) {
		await reaches(one, two, false, net);
		await reaches(two, one, false, net);
		await reaches(three, two, false, net);
	}
	t.is(await heard(two), before, 'not one frame came to it');
	await reaches(one, three, true, 8);
	t.deepEqual(await client.node(two).then(({ project }) => project), null);
});
