// A node without a disk is provisioned through the API, as a member of its project does it: hil sets the switch and the BMC,
// the provisioner clones the image, serves the clone and boots the node from it. All parts are the real ones.
import { readFile } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import { buildGuest } from '../../qemu/guest/guest.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';

const test = testNeeding(...rackParts, 'xorriso');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 180;

/** Provisions a node and takes it back. */
async function story(t: ExecutionContext, server: string): Promise<void> {
	t.timeout(600_000);
	const guest = await buildGuest();
	const { nodes, network, site, provisioner, daemon } = await startProvisionedRack(t, { count: 2, server });
	const { hil } = site;
	const [node, other] = nodes;
	if (!node || !other) throw new Error('the rack has too few servers');
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

	const before = await daemon('dnsmasq');
	t.not(before, 0);
	process.kill(before, 'SIGKILL');
	await until(
		() => daemon('dnsmasq'),
		is => is !== 0 && is !== before,
		patience,
	);
	node.serial.type(Buffer.from('udhcpc -n -q -i eth0 && echo renewed-$((40+2))\r'));
	await until(
		() => consoleOf(node),
		text => /^renewed-42/m.test(text),
		patience,
	);

	t.like(provisioner.errors(), [{ signal: 'SIGKILL' }], 'nothing else went wrong');
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
