// The image in machines of its own: from a disk and over iSCSI, by BIOS and by UEFI.

import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { startTgtTargets } from '../../provisioner/target/tgt-targets.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { createConsoleLog } from '../machine/console-log.ts';
import { emulatedProcessor } from '../machine/emulated-processor.ts';
import { startQemu } from '../machine/start-qemu.ts';
import { type BuiltImage, buildDebianImage } from './debian-image.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils', 'ovmf', 'mtools', 'syslinux', 'e2fsprogs', 'tgt');
let built: Promise<BuiltImage> | undefined;
/** Milliseconds; a loaded machine takes ten times as long as an idle one. */
const bootLimit = 150_000;

async function place(t: ExecutionContext) {
	t.timeout(500_000);
	built ??= buildDebianImage({ onProgress: step => t.log(step) });
	const { file } = await built;
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-image-'));
	t.teardown(() => rm(folder, { recursive: true }));
	return { file, folder };
}

async function uefi(folder: string): Promise<string[]> {
	await copyFile('/usr/share/OVMF/OVMF_VARS_4M.fd', path.join(folder, 'variables'));
	return [
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
			...['-M', 'q35', '-accel', 'tcg,tb-size=32', '-cpu', emulatedProcessor, '-m', '320', '-nodefaults'],
			...['-smbios', 'type=3,asset=node1'],
			...['-netdev', `user,id=n${network}`, '-device', 'virtio-net-pci,netdev=n,mac=52:54:00:12:34:56'],
			...args,
		],
		folder,
		run: `test-image-${process.pid}`,
		console,
	});
	t.teardown(() => qemu.stop());
	return { qemu, console };
}

const line = (count: number, root: string, firmware: string) =>
	new RegExp(`bimetal image: boot ${count} of node1 root=${root} firmware=${firmware}\\r?\\n`);

test('from a disk, by BIOS and then by UEFI: each boot is counted on it', async t => {
	const { file, folder } = await place(t);
	const disk = path.join(folder, 'disk.qcow2');
	execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', file, '-F', 'qcow2', disk]);
	const args = ['-drive', `file=${disk},if=virtio`];
	const first = await boot(t, folder, args);
	await first.console.waitFor(line(1, 'disk', 'bios'), bootLimit);
	await first.console.waitFor(/node1# /, bootLimit);
	// The power is cut: what was counted is on the disk.
	await first.qemu.stop();
	const second = await boot(t, folder, [...args, ...(await uefi(folder))]);
	await second.console.waitFor(line(2, 'disk', 'uefi'), bootLimit);
	await second.console.waitFor(/eth0 has 10\.0\.2\.15\/24/, bootLimit);
	t.pass();
});

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as { port: number };
	await new Promise(resolve => server.close(resolve));
	return port;
}

test('over iSCSI with CHAP, by BIOS and then by UEFI: what was written is there, and each boot is counted', async t => {
	const { file, folder } = await place(t);
	const disk = path.join(folder, 'disk.raw');
	execFileSync('qemu-img', ['convert', '-O', 'raw', file, disk]);
	const alive = setInterval(() => undefined, 1000);
	const run = `image-target-${process.pid}`;
	const port = await freePort();
	const options = { folder, run, portals: [`127.0.0.1:${port}`], clock: systemClock, logger: silentLogger };
	const targets = await startTgtTargets(options);
	await targets.admit();
	t.teardown(async () => {
		clearInterval(alive);
		await targets.close();
	});
	const iqn = 'iqn.2026-11.test.bimetal:node1';
	const initiator = 'iqn.2026-11.test.bimetal:host-node1';
	const chap = { username: 'node1', password: 'only-for-node-1' };
	const units = [{ backing: { type: 'rdwr', path: disk } as const, isReadOnly: false }];
	await targets.serve({ iqn, units, chap, initiator, addresses: ['127.0.0.1'] });
	const script = [
		...['#!ipxe', 'dhcp', `set initiator-iqn ${initiator}`, 'set keep-san 1'],
		...[`set username ${chap.username}`, `set password ${chap.password}`],
		`sanboot iscsi:10.0.2.2::${port}:1:${iqn}`,
	];
	await writeFile(path.join(folder, 'boot.ipxe'), `${script.join('\n')}\n`);
	const network = `,tftp=${folder},bootfile=boot.ipxe`;

	const first = await boot(t, folder, [], network);
	await first.console.waitFor(line(1, 'iscsi', 'bios'), bootLimit);
	await first.console.waitFor(/node1# /, bootLimit);
	// iPXE's own may still be known.
	t.true((await targets.sessions(iqn)).some(session => session.initiator.startsWith(initiator)));
	first.qemu.write('echo written-"over iSCSI" > /root/note && sync && echo synced-"it"\r');
	await first.console.waitFor(/synced-it/, bootLimit);
	await first.qemu.stop();

	const second = await boot(t, folder, await uefi(folder), network);
	await second.console.waitFor(line(2, 'iscsi', 'uefi'), bootLimit);
	await second.console.waitFor(/node1# /, bootLimit);
	second.qemu.write('cat /root/note\r');
	await second.console.waitFor(/written-over iSCSI/, bootLimit);
	t.pass();
});
