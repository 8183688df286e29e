// A node with two network cards, each on a provisioning network of its own: one cable is pulled, and then the other instead.
import { readFile } from 'node:fs/promises';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { rackParts, startProvisionedRack } from './provisioned-rack.ts';

const test = testNeeding(...rackParts, 'e2fsprogs');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 240;

test('a node goes on writing while one of its cables is out, and the other one instead', async t => {
	t.timeout(900_000);
	const { file } = await buildDebianImage();
	const server = 'memory: 256MiB, firmware: bios';
	const { nodes, network, vlans, provisioner } = await startProvisionedRack(t, {
		count: 1,
		server,
		networks: ['boot', 'boot2'],
	});
	const [node] = nodes;
	if (!node) throw new Error('the rack has no server');
	await provisioner.upload('debian', file);
	const began = await provisioner.post(`/v1/nodes/${node.name}/provision`, {
		project: 'red',
		image: 'debian',
		nics: [
			{ nic: 'eth0', network: 'boot' },
			{ nic: 'eth1', network: 'boot2' },
		],
	});
	await provisioner.ended(began.id);
	const console = (): Promise<string> => readFile(node.consoleFile, 'latin1').catch(() => '');
	const says = (pattern: RegExp, from = 0): Promise<string> =>
		until(
			async () => (await console()).slice(from),
			text => pattern.test(text),
			patience,
		).catch(async fault => {
			throw new Error(`${pattern} was not said: ${(await console()).slice(-2500)}`, { cause: fault });
		});
	// One card's firmware has logged in by both portals of its network, the other card by one of its own.
	t.regex(await says(/firmware=bios/), /the disk is reached by 3 ways, over 2 cards/);
	t.regex(await console(), /boot 1 of node1 root=iscsi firmware=bios/);

	// A number that is on the disk when it is told: through every cache, or not told.
	const writer = [
		'i=0; while :; do i=$((i + 1)); echo $i > /root/new && mv /root/new /root/count && sync',
		'&& echo "flushed-$i." || echo "lost-$i."; sleep 1; done &',
	].join(' ');
	await says(/node1# /);
	node.serial.type(Buffer.from(`${writer}\r`));
	const last = async (): Promise<number> =>
		Number(
			(await console())
				.match(/flushed-(\d+)\./g)
				?.at(-1)
				?.slice(8, -1) ?? 0,
		);
	const goesOn = async (count: number): Promise<void> => {
		const from = await last();
		await until(last, number => number >= from + count, patience).catch(async fault => {
			throw new Error(`it stands still: ${(await console()).slice(-2500)}`, { cause: fault });
		});
	};
	await goesOn(3);
	const cable = (index: number, isIn: boolean): Promise<void> =>
		network.setVlans(`${node.name}.${index}`, { untagged: isIn ? (vlans[index] ?? null) : null, tagged: [] });
	for (const [out, other] of [
		[0, 1],
		[1, 0],
	] as const) {
		const from = (await console()).length;
		await cable(out, false);
		// What had been sent by it comes back after some seconds, and is sent by the other one.
		await says(out === 0 ? /1 of 3 ways lead to the disk/ : /2 of 3 ways lead to the disk/, from);
		await goesOn(5);
		await cable(out, true);
		await says(/3 of 3 ways lead to the disk/, from);
		await goesOn(2);
		t.log(`eth${out} was out: eth${other} led to the disk`);
	}
	t.notRegex(await console(), /lost-\d|I\/O error, dev dm|EXT4-fs error|Read-only/);
	// And what boots while one is out, boots by the other one.
	await cable(0, false);
	const from = (await console()).length;
	node.serial.type(Buffer.from('reboot -f\r'));
	const rebooted = await says(/boot 2 of node1 root=iscsi/, from);
	t.regex(rebooted, /eth0 does not lead to the disk: one way less until the next boot/);
	t.regex(rebooted, /the disk is reached by 2 ways, over 1 cards/);
	const { disks } = (await provisioner.ask('GET', '/v1/nodes/node1')).body;
	t.deepEqual(disks, ['red/node1']);
});
