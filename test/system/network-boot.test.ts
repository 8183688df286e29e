// A node without a disk is provisioned through the API, as a member of its project does it: hil sets the switch and the BMC,
// the provisioner clones the image, serves the clone and boots the node from it. All parts are the real ones.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { silentLogger } from '../../common/log/logger.ts';
import { runIp } from '../../common/network/ip-commands.ts';
import { findChildren } from '../../common/processes/children.ts';
import { openProvisioner } from '../../provisioner/open-provisioner.ts';
import { readProvisionerSite } from '../../provisioner/site.ts';
import { buildGuest } from '../../qemu/guest/guest.ts';
import { readRackFile } from '../../qemu/rack/rack-file.ts';
import { rackFolders } from '../../qemu/rack/rack-folders.ts';
import { planRack } from '../../qemu/rack/rack-plan.ts';
import { startVirtualRack } from '../../qemu/rack/virtual-rack.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { byProviderAlone, type HilSite, startHilSite } from './hil-site.ts';

const test = testNeeding(
	...['dnsmasq-base', 'ethtool', 'iproute2', 'tgt', 'openvswitch-switch', 'qemu-system-common'],
	...['qemu-system-x86', 'qemu-utils', 'mtools', 'syslinux', 'xorriso', 'ovmf', 'ipxe'],
);
const run = promisify(execFile);
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 180;

const rackFile = (server: string): string => `
name: lab
nodes: 2
server: { ${server}, disk: none, nics: 1 }
`;

/** The rack, with all that must be left behind by nobody. */
async function startRack(t: ExecutionContext, folder: string, server: string) {
	const folders = rackFolders('lab', {
		state: path.join(folder, 'rack'),
		cwd: folder,
		env: { XDG_RUNTIME_DIR: folder },
	});
	const plan = planRack(readRackFile(path.join(folder, 'rack.yaml'), rackFile(server)));
	const rack = await startVirtualRack({ plan, folders });
	t.teardown(async () => {
		await rack.close();
		const left = await findChildren(folders.run);
		if (left.length > 0) throw new Error(`left over: ${left.map(({ command }) => command)}`);
	});
	const [node, other] = rack.nodes;
	const { network } = rack;
	if (!node || !other || !network) throw new Error('the rack has too few servers, or no switch');
	return { rack, node, other, network };
}

/** A cable from this machine into a port of the rack's switch. */
async function plugIn(t: ExecutionContext, network: { network: string; database: string }, vlan: string) {
	const device = `nb${process.pid}`;
	const port = `nb${process.pid}p`;
	await runIp(undefined, [`link add ${device} type veth peer name ${port} netns ${network.network}`]);
	t.teardown(() => runIp(undefined, [`link delete dev ${device}`]).catch(() => undefined));
	await runIp(network.network, [`link set dev ${port} addrgenmode none`, `link set dev ${port} up`]);
	// Open vSwitch in userspace passes frames on as they are: their checksums must be there.
	await run('ethtool', ['-K', device, 'tx', 'off']);
	const database = `--db=unix:${network.database}`;
	await run('ovs-vsctl', [database, '--timeout=20', 'add-port', 'ovs-connected', port, `tag=${vlan}`]);
	return device;
}

async function startProvisioner(t: ExecutionContext, site: HilSite, device: string) {
	const config = path.join(site.folder, 'provisioner.yaml');
	await writeFile(
		config,
		stringify({
			store: { file: 'provisioner/store.db' },
			listen: { port: 0 },
			hil: { url: site.hil.url, ca: 'ca.pem', username: 'root', password: 'root.password' },
			storage: { folder: 'volumes' },
			networks: [
				{
					...{ network: 'boot', interface: device, address: '10.64.0.1/24' },
					...{ range: '10.64.0.10-10.64.0.99', portals: ['10.64.0.1:3260', '10.64.0.2:3260'] },
				},
			],
		}),
	);
	const errors: unknown[] = [];
	const logger = { ...silentLogger, error: (of: unknown) => void errors.push(of) };
	const running = await openProvisioner(readProvisionerSite(config), { logger });
	t.teardown(() => running.close());
	const password = await readFile(path.join(site.folder, 'alice.password'), 'utf8');
	const authorization = `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
	const ask = async (method: string, at: string, more: { headers?: object; body?: Buffer | string } = {}) => {
		const { headers, body } = more;
		const answer = await fetch(`${running.url}${at}`, {
			method,
			headers: { authorization, ...headers },
			...(body !== undefined && { body }),
		});
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${text}`);
		return { headers: answer.headers, body: text === '' ? {} : JSON.parse(text) };
	};
	const json = { 'content-type': 'application/json' };
	return {
		errors,
		ask,
		post: async (at: string, body: object) =>
			(await ask('POST', at, { headers: json, body: JSON.stringify(body) })).body,
		/** An operation when it has ended; throws when it came to nothing. */
		async ended(id: string) {
			const { body } = await until(
				() => ask('GET', `/v1/operations/${id}?wait=5000`),
				found => found.body.endedAt !== null,
				patience,
			);
			if (body.status !== 'DONE') throw new Error(JSON.stringify(body));
			return body;
		},
		async upload(name: string, file: string) {
			const bytes = await readFile(file);
			const tus = { 'tus-resumable': '1.0.0' };
			const metadata = Object.entries({ project: 'red', name, format: 'qcow2' })
				.map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
				.join(',');
			const length = String(bytes.length);
			const made = await ask('POST', '/v1/uploads', {
				headers: { ...tus, 'upload-length': length, 'upload-metadata': metadata },
			});
			await ask('PATCH', new URL(made.headers.get('location') ?? '', running.url).pathname, {
				headers: { ...tus, 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' },
				body: bytes,
			});
			await until(
				() => ask('GET', '/v1/operations'),
				({ body }) => body.operations.length === 0,
				patience,
			);
		},
	};
}

/** The number of a process of this site's. */
async function processOf(program: string, folder: string): Promise<number> {
	for (const entry of await readdir('/proc')) {
		if (!/^\d+$/.test(entry)) continue;
		const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
		const [file = ''] = command.split('\0');
		if (file.endsWith(`/${program}`) && command.includes(folder)) return Number(entry);
	}
	return 0;
}

/** Provisions a node and takes it back. */
async function story(t: ExecutionContext, server: string): Promise<void> {
	t.timeout(600_000);
	const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'bm-netboot-')));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const guest = await buildGuest();
	const { rack, node, other, network } = await startRack(t, folder, server);
	const bmcOf = ({ bmc, credential }: typeof node) => ({
		...{ url: bmc.url, password: credential.password, ca: rack.caFile },
	});
	const site = await startHilSite(t, {
		bmcs: { node1: bmcOf(node), node2: bmcOf(other) },
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
	for (const { name, plan } of [node, other]) {
		await hil.register({ node: name, port: `${name}.0`, mac: plan.nics[0]?.mac ?? '' });
	}
	await hil.join('alice', 'red');
	await hil.root('PUT', '/v0/network/boot', { owner: 'admin', access: '', net_id: '' });
	for (const { name } of [node, other])
		await hil.root('POST', '/v0/project/red/connect_node', { node: name });
	const vlan = (await hil.client.networks()).boot?.network_id ?? '';
	const provisioner = await startProvisioner(t, site, await plugIn(t, network, String(vlan)));
	await provisioner.upload('guest', guest.disk);

	// On the same VLAN, and set to boot from the network, but not by us.
	await hil.client.change([{ do: 'connect_network', node: other.name, nic: 'eth0', network: 'boot' }]);
	await hil.client.setObm(other.name, true);
	await hil.client.setBootDevice(other.name, 'pxe');
	await hil.client.power(other.name, 'on');

	const began = await provisioner.post(`/v1/nodes/${node.name}/provision`, {
		project: 'red',
		image: 'guest',
	});
	const done = await provisioner.ended(began.id);
	t.log(done.stages.map(({ name, ms }: { name: string; ms: number }) => `${name} ${ms} ms`).join(', '));
	const tookTime = done.stages
		.filter(({ ms }: { ms: number }) => ms >= 50)
		.map(({ name }: { name: string }) => name);
	t.true(
		['dhcp', 'login'].every(name => tookTime.includes(name)),
		'each was waited for',
	);
	const consoleOf = (of: typeof node) => readFile(of.consoleFile, 'latin1').catch(() => '');
	const booted = await until(
		() => consoleOf(node),
		text => /bimetal guest: eth0 has/.test(text),
		patience,
	);
	t.regex(booted, /bimetal guest: eth0 has 10\.64\.0\.\d\d\/24/);
	t.regex(booted, /from=disk/);
	t.like((await provisioner.ask('GET', `/v1/nodes/${node.name}`)).body, { network: 'boot', nic: 'eth0' });

	const before = await processOf('dnsmasq', site.folder);
	t.not(before, 0);
	process.kill(before, 'SIGKILL');
	await until(
		() => processOf('dnsmasq', site.folder),
		is => is !== 0 && is !== before,
		patience,
	);
	node.serial.type(Buffer.from('udhcpc -n -q -i eth0 && echo renewed-$((40+2))\r'));
	await until(
		() => consoleOf(node),
		text => /^renewed-42/m.test(text),
		patience,
	);

	t.like(provisioner.errors, [{ signal: 'SIGKILL' }], 'nothing else went wrong');
	const neighbour = await consoleOf(other);
	t.true(neighbour.length > 0, 'it was on');
	t.false(/bimetal guest|10\.64\.0\./.test(neighbour), neighbour);

	const ending = await provisioner.post(`/v1/nodes/${node.name}/deprovision`, {});
	await provisioner.ended(ending.id);
	t.is(node.bmc.powerState(), 'Off');
	const port = (await network.ports()).find(({ name }) => name === `${node.name}.0`);
	t.deepEqual(port?.vlans, { untagged: null, tagged: [] });
	const { disks } = (await provisioner.ask('GET', '/v1/disks')).body;
	t.is(disks.length, 1);
	t.like(disks[0], { name: node.name, node: null });
}

test('a node without a disk boots from a clone of an image; its neighbour does not', t =>
	story(t, 'memory: 128MiB, firmware: bios'));

// Its network card gives UEFI frames alone, so that it fetches iPXE by TFTP first.
test('the same by UEFI', t => story(t, 'memory: 256MiB, firmware: uefi'));
