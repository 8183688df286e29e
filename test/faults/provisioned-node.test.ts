// A node writes to its disk while what serves it is killed, one after the other: it goes on, and what it was told is on its disk
// is there after the power was cut. All parts are the real ones.
import type { ExecutionContext } from 'ava';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { type GuestConsole, guestConsole } from '../system/guest-console.ts';
import { type ProvisionedRack, rackParts, startProvisionedRack } from '../system/provisioned-rack.ts';
import { until } from '../visitor.ts';

const test = testNeeding(...rackParts, 'e2fsprogs');
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 240;

/**
 * Writes numbered records, each in a block of its own: one that is lost is not made good by the next. A record is told of when
 * it is on the disk.
 */
const writer = [
	'write() { printf "record %d\\n" $1 | dd of=/root/records bs=4096 seek=$1 conv=notrunc,fsync,sync 2>/dev/null; }',
	// So that something is always under way.
	'noise() { while dd if=/dev/zero of=/root/noise bs=16k count=200 conv=fsync 2>/dev/null; do :; done; echo "writing-fa""iled"; }',
	'go() { i=0; while write $i; do echo "flushed-$i."; i=$((i+1)); done; echo "writing-fa""iled"; }',
];

/** The number of the last record that it has told of. */
async function lastFlushed(console: GuestConsole): Promise<number> {
	const told = [...(await console.said()).matchAll(/flushed-(\d+)\./g)].map(([, number]) => Number(number));
	return told.at(-1) ?? -1;
}

/** Kills a daemon, and waits until it is there again and the node has gone on. */
async function killed(
	t: ExecutionContext,
	{ daemon }: ProvisionedRack,
	console: GuestConsole,
	program: string,
): Promise<void> {
	const before = await daemon(program);
	t.not(before, 0, program);
	const at = performance.now();
	process.kill(before, 'SIGKILL');
	await until(
		() => daemon(program),
		is => is !== 0 && is !== before,
		patience,
	);
	await goesOn(t, console, program, at);
}

async function goesOn(t: ExecutionContext, console: GuestConsole, what: string, at: number): Promise<void> {
	const last = await lastFlushed(console);
	await until(
		() => lastFlushed(console),
		now => now > last + 5,
		patience,
	).catch(async fault => {
		throw new Error(`${what}: ${fault.message}; ${(await console.said()).slice(-3000)}`);
	});
	t.log(`${what}: it goes on after ${Math.round(performance.now() - at)} ms, at record ${last}`);
}

test('a node goes on when what serves it is killed, and what was flushed is there', async t => {
	t.timeout(900_000);
	const { file } = await buildDebianImage();
	const rack = await startProvisionedRack(t, { count: 1, server: 'memory: 256MiB, firmware: bios' });
	const [node] = rack.nodes;
	if (!node) throw new Error('the rack has no server');
	const { provisioner } = rack;
	await provisioner.upload('debian', file);
	const began = await provisioner.post(`/v1/nodes/${node.name}/provision`, {
		project: 'red',
		image: 'debian',
	});
	await provisioner.ended(began.id);
	const console = guestConsole(node);
	await console.waitFor(/boot 1 of node1 root=iscsi/, patience);
	await console.waitFor(/node1# /, patience);
	const patienceOf = await console.run('cat /sys/class/iscsi_session/*/recovery_tmo', patience);
	t.regex(patienceOf, /^(off\n)+$/, 'it waits for its disk, however long');
	for (const line of writer) console.type(line);
	console.type('noise & go & ');
	await console.waitFor(/flushed-5\./, patience);

	for (const program of ['dnsmasq', 'tgtd', 'qemu-storage-daemon', 'qemu-storage-daemon'])
		await killed(t, rack, console, program);
	const at = performance.now();
	await provisioner.kill();
	await provisioner.start();
	await goesOn(t, console, 'provisioner', at);
	t.notRegex(await console.said(), /writing-failed|I\/O error|medium error/);

	// The power is cut.
	await rack.site.hil.client.power(node.name, 'force-cycle');
	const last = await lastFlushed(console);
	await console.waitFor(/boot 2 of node1 root=iscsi/, patience);
	await console.waitFor(/node1# /, patience);
	const records = (await console.run("tr -d '\\0' < /root/records", patience)).trim().split('\n');
	t.log(`${last} told of, ${records.length} there`);
	t.deepEqual(
		records.slice(0, last + 1),
		Array.from({ length: last + 1 }, (_, number) => `record ${number}`),
	);
});
