// examples/dnsmasq-ipxe as its reader would do it: a virtual server boots Linux from the dnsmasq of the tenant that hil has
// given it to, and from nobody else's, on a real Open vSwitch.
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { findChildren } from '../../common/processes/children.ts';
import { buildGuest } from '../../qemu/guest/guest.ts';
import { readRackFile } from '../../qemu/rack/rack-file.ts';
import { rackFolders } from '../../qemu/rack/rack-folders.ts';
import { planRack } from '../../qemu/rack/rack-plan.ts';
import { startVirtualRack } from '../../qemu/rack/virtual-rack.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { readExample } from './example.ts';
import { byProviderAlone, startHilSite, writeNetrc } from './hil-site.ts';
import { startProgram } from './running-program.ts';
import { startTerminal } from './terminal.ts';

const test = testNeeding(
	...['dnsmasq-base', 'ethtool', 'iproute2', 'curl', 'openvswitch-switch'],
	...['qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'xorriso'],
);
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const bootLimit = 120;

const rackFile = `
name: lab
nodes: 1
server: { memory: 128MiB, firmware: bios, disk: none, nics: 1 }
`;

/** The rack, with all that must be left behind by nobody. */
async function startRack(t: ExecutionContext, folder: string) {
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
	const [node] = rack.nodes;
	const { network } = rack;
	if (!node || !network) throw new Error('the rack has no server, or no switch');
	return { rack, node, network };
}

/** A tenant's boot server, plugged into a port of the rack's switch; its folder has an iPXE script that names it. */
async function startBootServer(
	t: ExecutionContext,
	{ name, folder, plug, example }: { name: string; folder: string; plug: readonly string[]; example: string },
) {
	const boot = path.join(folder, name);
	await mkdir(boot);
	const guest = await buildGuest();
	for (const file of [guest.kernel, guest.initrd]) await copyFile(file, path.join(boot, path.basename(file)));
	const script = await readFile(guest.ipxe, 'utf8');
	await writeFile(
		path.join(boot, 'boot.ipxe'),
		script.replace('#!ipxe\n', `#!ipxe\necho boot server: ${name}\n`),
	);
	const args = [...plug, name, path.join(example, 'start-boot-server'), boot];
	return startProgram(t, path.join(example, 'plug-in'), args, { isUp: log => log.includes('TFTP root is') });
}

test('a node boots from the dnsmasq of the tenant that has it, and from no other', async t => {
	t.timeout(400_000);
	const example = await readExample('dnsmasq-ipxe');
	const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'bm-boot-')));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	// dnsmasq reads as a user of its own.
	await chmod(folder, 0o755);
	const { rack, node, network } = await startRack(t, folder);
	const site = await startHilSite(t, {
		bmcs: { node1: { url: node.bmc.url, password: node.credential.password, ca: rack.caFile } },
		policies: { 'operations.yaml': byProviderAlone },
		users: ['alice', 'bob'],
		limits: { bmcTimeout: '60s' },
	});
	const { hil, proxy } = site;
	await writeNetrc(site.folder, ['root', 'alice', 'bob']);
	const plug = [network.network, network.database];
	const shared = { folder, plug, example: example.folder };
	const red = await startBootServer(t, { ...shared, name: 'boot-red' });
	const blue = await startBootServer(t, { ...shared, name: 'boot-blue' });

	await hil.join('alice', 'red');
	await hil.join('bob', 'blue');
	const terminal = startTerminal(t, {
		cwd: site.folder,
		env: {
			HIL: hil.url,
			PROXY: proxy.url,
			CA: path.join(site.folder, 'ca.pem'),
			D: network.database,
		},
	});
	const follow = (heading: string) => terminal.run(example.commands(heading), 120);
	await follow('Once: the site');
	// Blue's boot server is up, and on blue's network, all the time.
	const take = async (steps: { do: string; [name: string]: string }[]) =>
		hil.client.settled((await hil.client.change(steps)).actions, 30_000);
	const eth0 = { nic: 'eth0', network: 'yard' };
	await take([
		{ do: 'create_network', network: 'yard', owner: 'blue', access: 'blue', net_id: '' },
		{ do: 'connect_node', project: 'blue', node: 'boot-blue' },
		{ do: 'connect_network', node: 'boot-blue', ...eth0 },
	]);

	const console = async () => readFile(node.consoleFile, 'latin1').catch(() => '');
	const booted = (from: string, times: number) =>
		until(
			console,
			text =>
				text.split(`boot server: boot-${from}`).length > 1 &&
				text.split(/bimetal guest: eth0 has 10\.78\.0\.\d+\/24/).length > times,
			bootLimit,
		);
	const mac = node.plan.nics[0]?.mac ?? '';

	await follow('Take both nodes');
	await follow('Boot');
	const first = await booted('red', 1);
	t.regex(first, /from=pxe/);
	t.false(first.includes('boot-blue'));
	t.true(red.log().includes(mac));
	t.false(blue.log().includes(mac), 'blue’s boot server has heard nothing of it');

	await follow('Give the node away');
	t.is(node.bmc.powerState(), 'Off');
	const heard = red.log().length;
	await take([
		{ do: 'connect_node', project: 'blue', node: 'node1' },
		{ do: 'connect_network', node: 'node1', ...eth0 },
	]);
	await terminal.run(example.commands('Boot').replaceAll('alice', 'bob'), 60);
	const second = await booted('blue', 2);
	t.is(second.split('boot server: boot-red').length, 2, 'red’s was its first boot, and no other');
	t.false(red.log().slice(heard).includes(mac));
	t.true(blue.log().includes(mac));
	t.deepEqual(example.untouched(), []);
});
