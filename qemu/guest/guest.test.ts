// The guest itself, in machines of its own: what it says, and what it obeys.

import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { QmpEvent } from '../../common/processes/qmp.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { createConsoleLog } from '../machine/console-log.ts';
import { emulatedProcessor } from '../machine/emulated-processor.ts';
import { startQemu } from '../machine/start-qemu.ts';
import { buildGuest, type Guest } from './guest.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils', 'ovmf', 'mtools', 'syslinux', 'xorriso');
let built: Promise<Guest> | undefined;
/** Milliseconds; a loaded machine takes ten times as long as an idle one. */
const bootLimit = 100_000;
const uuid = '3f1c9a52-0b1e-4c55-9d6e-0a4f5e1b7c21';
const mac = '52:54:00:12:34:56';
const line = (boot: string, firmware: string, from: string) =>
	new RegExp(
		`bimetal guest: boot ${boot} of node1 serial=SN-1 uuid=${uuid} mac=${mac} firmware=${firmware} from=${from}\\r?\\n`,
	);

async function place(t: ExecutionContext) {
	t.timeout(300_000);
	built ??= buildGuest({ onProgress: step => t.log(step) });
	const guest = await built;
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-guest-'));
	t.teardown(() => rm(folder, { recursive: true }));
	return { guest, folder };
}

async function makeDisk(guest: Guest, folder: string): Promise<string> {
	const disk = path.join(folder, 'disk.qcow2');
	execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', guest.disk, '-F', 'qcow2', disk]);
	return disk;
}

const virtioDisk = (file: string) => ['-drive', `file=${file},if=virtio`];

async function uefi(folder: string): Promise<string[]> {
	await copyFile('/usr/share/OVMF/OVMF_VARS_4M.fd', path.join(folder, 'variables'));
	return [
		...['-m', '256'],
		...['-drive', 'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd'],
		...['-drive', 'if=pflash,format=raw,file=variables'],
	];
}

async function boot(t: ExecutionContext, folder: string, args: readonly string[], network = '') {
	const console = createConsoleLog();
	const qemu = await startQemu({
		binary: 'qemu-system-x86_64',
		name: 'node1',
		args: [
			...['-M', 'q35', '-accel', 'tcg,tb-size=32', '-cpu', emulatedProcessor, '-m', '96', '-nodefaults'],
			...['-smbios', `type=1,serial=SN-1,uuid=${uuid}`, '-smbios', 'type=3,asset=node1'],
			...['-netdev', `user,id=n${network}`, '-device', `virtio-net-pci,netdev=n,mac=${mac}`],
			...['-device', 'i6300esb', '-device', 'pvpanic-pci', '-action', 'panic=none'],
			...args,
		],
		folder,
		run: `test-guest-${process.pid}`,
		console,
	});
	t.teardown(() => qemu.stop());
	let text = '';
	console.onData(bytes => {
		text += bytes.toString('latin1');
	});
	return {
		qemu,
		console,
		bootLines: () => text.match(/bimetal guest: boot/g)?.length,
		happens: (name: string) =>
			new Promise<QmpEvent>((resolve, reject) => {
				const timer = setTimeout(() => reject(new Error(`${name} did not come: ${text}`)), bootLimit);
				qemu.qmp.onEvent(event => {
					if (event.event !== name) return;
					clearTimeout(timer);
					resolve(event);
				});
			}),
	};
}

test('by BIOS from its disk: each boot is counted once, the watchdog bites, the power button ends it', async t => {
	const { guest, folder } = await place(t);
	const disk = await makeDisk(guest, folder);
	const { qemu, console, bootLines, happens } = await boot(t, folder, virtioDisk(disk));
	await console.waitFor(line('1', 'bios', 'disk'), bootLimit);
	await console.waitFor(/eth0 has 10\.0\.2\.15\/24/, bootLimit);

	const bite = happens('WATCHDOG');
	qemu.write('watchdog -T 1 /dev/watchdog; killall -9 watchdog\r');
	await bite;
	await console.waitFor(line('2', 'bios', 'disk'), bootLimit);

	await console.waitFor(/node1# /, bootLimit);
	const end = happens('SHUTDOWN');
	await qemu.qmp.execute('system_powerdown');
	await console.waitFor(/bimetal guest: shutting down/, bootLimit);
	t.like((await end).data, { guest: true, reason: 'guest-shutdown' });
	t.is((await qemu.exited).code, 0);
	t.is(bootLines(), 2);
});

test('by UEFI from the same disk; an NMI is a crash that the machine is told of', async t => {
	const { guest, folder } = await place(t);
	const disk = await makeDisk(guest, folder);
	const { qemu, console, happens } = await boot(t, folder, [...virtioDisk(disk), ...(await uefi(folder))]);
	await console.waitFor(line('1', 'uefi', 'disk'), bootLimit);
	const panic = happens('GUEST_PANICKED');
	await qemu.qmp.execute('inject-nmi');
	await console.waitFor(/Kernel panic - not syncing: NMI/, bootLimit);
	await panic;
	t.pass();
});

test('from a CD: by BIOS on AHCI, by UEFI on USB, beside a disk that it counts on and an empty one', async t => {
	const { guest, folder } = await place(t);
	const disk = await makeDisk(guest, folder);
	const empty = path.join(folder, 'empty.raw');
	await writeFile(empty, Buffer.alloc(1024 * 1024));
	const cd = ['-drive', `if=none,id=cd,media=cdrom,readonly=on,format=raw,file=${guest.iso}`];

	const bios = await boot(t, folder, [
		...virtioDisk(disk),
		...[...cd, '-device', 'ide-cd,drive=cd,bootindex=0'],
	]);
	await bios.console.waitFor(line('1', 'bios', 'cd'), bootLimit);
	const panic = bios.happens('GUEST_PANICKED');
	await bios.console.waitFor(/node1# /, bootLimit);
	bios.qemu.write('mount -t iso9660 /dev/sr0 /mnt && ls /mnt; echo c > /proc/sysrq-trigger\r');
	await bios.console.waitFor(/vmlinuz/, bootLimit);
	await bios.console.waitFor(/Kernel panic - not syncing: sysrq triggered crash/, bootLimit);
	await panic;
	await bios.qemu.stop();

	const { console } = await boot(t, folder, [
		...['-drive', `file=${empty},if=virtio,format=raw`, ...(await uefi(folder))],
		...['-device', 'qemu-xhci', ...cd, '-device', 'usb-storage,drive=cd,bootindex=0'],
	]);
	await console.waitFor(line('\\?', 'uefi', 'cd'), bootLimit);
	t.deepEqual(await readFile(empty), Buffer.alloc(1024 * 1024), 'a foreign disk is never written to');
});

// By BIOS it is booted from the network in test/system/virtual-server.test.ts.
test('from the network, by UEFI', async t => {
	const { guest, folder } = await place(t);
	const network = `,tftp=${path.dirname(guest.ipxe)},bootfile=${path.basename(guest.ipxe)}`;
	const { console } = await boot(t, folder, await uefi(folder), network);
	await console.waitFor(line('\\?', 'uefi', 'pxe'), bootLimit);
	t.pass();
});
