import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { runIp } from '../../common/network/ip-commands.ts';
import { findChildren } from '../../common/processes/children.ts';
import { readRackFile } from '../../qemu/rack/rack-file.ts';
import { rackFolders } from '../../qemu/rack/rack-folders.ts';
import { planRack } from '../../qemu/rack/rack-plan.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { startVirtualRack, type VirtualRack } from '../../qemu/rack/virtual-rack.ts';
import type { Switch } from '../../qemu/switch/switch.ts';
import { byProviderAlone, type HilSite, startHilSite } from './hil-site.ts';
import { type ProvisionerProgram, startProvisionerProgram } from './provisioner-program.ts';

/** The Debian packages that it needs. */
export const rackParts = [
	...['dnsmasq-base', 'ethtool', 'iproute2', 'tgt', 'openvswitch-switch', 'qemu-system-common'],
	...['qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'ovmf', 'ipxe'],
];

/**
 * Virtual servers without disks behind the proxy, in hil, and a provisioner that serves them on network `boot`: all parts are
 * the real ones. Every node is of project `red`, where `alice` is; none is provisioned.
 */
export interface ProvisionedRack {
	readonly nodes: readonly VirtualNode[];
	readonly network: Switch;
	readonly site: HilSite;
	/** As alice. */
	readonly provisioner: ProvisionerProgram;
	/** The VLAN that hil has given network `boot`. */
	readonly vlan: number;
	/** Those of all networks. */
	readonly vlans: readonly number[];
	/** A cable from this machine into a port of the rack's switch, on a VLAN: the name of the device at our end. */
	plugIn(vlan: number): Promise<string>;
	/** The number of a process that the provisioner has started; 0 while there is none. */
	daemon(program: string): Promise<number>;
}

/**
 * @param server what each of them is, as in rack.yaml, without its disk
 * @param disk the image that each has a disk of its own of, besides; none when absent
 * @param networks provisioning networks: a NIC of each node, eth0 and so on, is plugged in for each, and on none
 */
export async function startProvisionedRack(
	t: ExecutionContext,
	{
		count,
		server,
		disk = 'none',
		networks = ['boot'],
	}: {
		readonly count: number;
		readonly server: string;
		readonly disk?: string;
		readonly networks?: readonly string[];
	},
): Promise<ProvisionedRack> {
	const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'bm-netboot-')));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const { rack, network } = await startRack(t, folder, {
		...{ count, server: `${server}, nics: ${networks.length}, disk: ${JSON.stringify(disk)}` },
	});
	const { nodes } = rack;
	const bmcOf = ({ bmc, credential }: VirtualNode) => ({
		...{ url: bmc.url, password: credential.password, ca: rack.caFile },
	});
	const site = await startHilSite(t, {
		bmcs: Object.fromEntries(nodes.map(node => [node.name, bmcOf(node)])),
		policies: { 'operations.yaml': byProviderAlone },
		users: ['alice'],
		limits: { bmcTimeout: '60s' },
	});
	const { hil } = site;
	await hil.root('PUT', '/v0/switch/tor', {
		type: 'http://schema.massopencloud.org/haas/v0/switches/ovs',
		...{ hostname: 'ovs-connected', isolated: 'ovs-isolated', database: `unix:${network.database}` },
		control: path.join(path.dirname(network.database), 'vswitchd.ctl'),
	});
	for (const { name, plan } of nodes) {
		await hil.register({ node: name, port: `${name}.0`, mac: plan.nics[0]?.mac ?? '' });
		for (const [index, { mac, port }] of plan.nics.entries()) {
			if (index === 0) continue;
			const nic = `eth${index}`;
			await hil.root('PUT', `/v0/node/${name}/nic/${nic}`, { macaddr: mac });
			await hil.root('PUT', `/v0/switch/tor/port/${port}`);
			await hil.root('POST', `/v0/switch/tor/port/${port}/connect_nic`, { node: name, nic });
		}
	}
	await hil.join('alice', 'red');
	for (const name of networks)
		await hil.root('PUT', `/v0/network/${name}`, { owner: 'admin', access: '', net_id: '' });
	for (const { name } of nodes) await hil.root('POST', '/v0/project/red/connect_node', { node: name });
	const made = await hil.client.networks();
	const vlans = networks.map(name => Number(made[name]?.network_id));
	const [vlan = 0] = vlans;

	let cables = 0;
	const plugIn = (to: number): Promise<string> => layCable(t, network, to, ++cables);
	const config = path.join(site.folder, 'provisioner.yaml');
	const devices: [string, string][] = [];
	for (const [index, name] of networks.entries()) devices.push([name, await plugIn(vlans[index] ?? 0)]);
	await writeFile(config, provisionerYaml(hil.url, devices));
	const password = await readFile(path.join(site.folder, 'alice.password'), 'utf8');
	const provisioner = await startProvisionerProgram(t, config, { username: 'alice', password });
	return {
		...{ nodes, network, site, provisioner, vlan, vlans, plugIn },
		daemon: program => childOf(provisioner.pid(), program),
	};
}

/** 10.64.0.0/24 is the first network, 10.65.0.0/24 the next. */
const provisionerYaml = (hil: string, devices: readonly (readonly [string, string])[]): string =>
	stringify({
		store: { file: 'provisioner/store.db' },
		listen: { port: 0 },
		hil: { url: hil, ca: 'ca.pem', username: 'root', password: 'root.password' },
		storage: { folder: 'volumes' },
		networks: devices.map(([network, device], index) => {
			const own = `10.${64 + index}.0`;
			return {
				...{ network, interface: device, address: `${own}.1/24` },
				...{ range: `${own}.10-${own}.99`, portals: [`${own}.1:3260`, `${own}.2:3260`] },
			};
		}),
	});

/** The rack, with all that must be left behind by nobody. */
async function startRack(
	t: ExecutionContext,
	folder: string,
	{ count, server }: { readonly count: number; readonly server: string },
): Promise<{ rack: VirtualRack; network: Switch }> {
	const folders = rackFolders('lab', {
		state: path.join(folder, 'rack'),
		cwd: folder,
		env: { XDG_RUNTIME_DIR: folder },
	});
	const file = `name: lab\nnodes: ${count}\nserver: { ${server} }\n`;
	const plan = planRack(readRackFile(path.join(folder, 'rack.yaml'), file));
	const rack = await startVirtualRack({ plan, folders });
	t.teardown(async () => {
		await rack.close();
		const left = await findChildren(folders.run);
		if (left.length > 0) throw new Error(`left over: ${left.map(({ command }) => command)}`);
	});
	if (!rack.network) throw new Error('the rack has no switch');
	return { rack, network: rack.network };
}

async function layCable(t: ExecutionContext, to: Switch, vlan: number, number: number): Promise<string> {
	const device = `nb${process.pid}.${number}`;
	const port = `${device}p`;
	await runIp(undefined, [`link add ${device} type veth peer name ${port} netns ${to.network}`]);
	t.teardown(() => runIp(undefined, [`link delete dev ${device}`]).catch(() => undefined));
	await runIp(to.network, [`link set dev ${port} addrgenmode none`, `link set dev ${port} up`]);
	const run = promisify(execFile);
	// Open vSwitch in userspace passes frames on as they are: their checksums must be there.
	await run('ethtool', ['-K', device, 'tx', 'off']);
	const database = `--db=unix:${to.database}`;
	await run('ovs-vsctl', [database, '--timeout=20', 'add-port', 'ovs-connected', port, `tag=${vlan}`]);
	return device;
}

/** The number of a process that another one has started. */
async function childOf(parent: number, program: string): Promise<number> {
	for (const entry of await readdir('/proc')) {
		if (!/^\d+$/.test(entry)) continue;
		const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '');
		if (!status.includes(`\nPPid:\t${parent}\n`)) continue;
		const [file = ''] = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0');
		if (path.basename(file) === program) return Number(entry);
	}
	return 0;
}
