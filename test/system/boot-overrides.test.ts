// ComputerSystem.Boot of an emulated BMC whose server is a real machine: which system boots, from where, and how often.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { buildGuest } from '../../qemu/guest/guest.ts';
import { attachTestMedium } from '../../qemu/server/medium/test-medium.ts';
import { SYSTEM, serverForTest } from '../../qemu/server/test-server.ts';
import { testNeeding } from '../debian/test-needing.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils', 'ovmf', 'mtools', 'syslinux', 'xorriso');
/** Milliseconds; a loaded machine takes ten times as long as an idle one. */
const bootLimit = 100_000;

test('overrides for once and for longer: Linux from a client’s CD, from the network, by UEFI, from its disk', async t => {
	t.timeout(300_000);
	const guest = await buildGuest({ onProgress: step => t.log(step) });
	const { server, bmc, reset, ask, until } = await serverForTest(t, async folder => {
		const disk = path.join(folder, 'disk.qcow2');
		execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', guest.disk, '-F', 'qcow2', disk]);
		const user = { tftp: path.dirname(guest.ipxe), bootfile: path.basename(guest.ipxe) };
		return {
			memoryMiB: 256,
			disks: [{ file: disk, format: 'qcow2' }],
			nics: [{ mac: '52:54:00:00:00:01', user }],
		};
	});
	const boots = async (how: string) => {
		const [, boot, firmware, from] = await server.console.waitFor(
			/bimetal guest: boot (\S+) of node1 .* mac=52:54:00:00:00:01 firmware=(\S+) from=(\S+)\r?\n/,
			bootLimit,
		);
		t.is(`${boot} ${firmware} ${from}`, how);
	};
	const override = async (Enabled: string, Target: string, Mode = 'Legacy') => {
		const Boot = {
			BootSourceOverrideEnabled: Enabled,
			BootSourceOverrideTarget: Target,
			BootSourceOverrideMode: Mode,
		};
		t.is((await ask('PATCH', SYSTEM, { body: { Boot } })).status, 204);
	};

	const cd = await attachTestMedium(bmc, await readFile(guest.iso));
	await override('Once', 'Cd');
	await reset('On');
	await boots('1 bios cd');
	t.true(cd.reads() > 100, 'the system came over the WebSocket');
	await reset('ForceRestart');
	await boots('2 bios disk');

	await override('Continuous', 'Pxe');
	await reset('ForceRestart');
	await boots('3 bios pxe');
	await reset('PowerCycle');
	await boots('4 bios pxe');

	await cd.detach();
	await override('Once', 'Hdd', 'UEFI');
	await reset('ForceRestart');
	await boots('5 uefi disk');
	// By ACPI, to which only a system that is up answers.
	await reset('GracefulShutdown');
	await server.console.waitFor(/bimetal guest: shutting down/, bootLimit);
	await until('Off');
});
