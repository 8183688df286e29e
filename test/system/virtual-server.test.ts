// An emulated BMC whose server is a real machine that runs Linux: which system boots, from where and how often, and what
// the BMC learns of its end.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { buildGuest } from '../../qemu/guest/guest.ts';
import { attachTestMedium } from '../../qemu/server/medium/test-medium.ts';
import type { Disk } from '../../qemu/server/server-options.ts';
import { openConsole, SYSTEM, serverForTest } from '../../qemu/server/test-server.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils', 'ovmf', 'mtools', 'syslinux', 'xorriso');
/** Milliseconds; a loaded machine takes ten times as long as an idle one. */
const bootLimit = 100_000;

/** A copy-on-write disk of the guest's, in a server's folder. */
async function guestDisk(t: ExecutionContext, folder: string): Promise<Disk> {
	const { disk } = await buildGuest({ onProgress: step => t.log(step) });
	const file = path.join(folder, 'disk.qcow2');
	execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', disk, '-F', 'qcow2', file]);
	return { file, format: 'qcow2' };
}

test('overrides for once and for longer: Linux from a client’s CD, from the network, by UEFI, from its disk', async t => {
	t.timeout(300_000);
	const guest = await buildGuest({ onProgress: step => t.log(step) });
	const {
		server,
		bmc,
		reset,
		ask,
		until: untilIs,
	} = await serverForTest(t, async folder => {
		const user = { tftp: path.dirname(guest.ipxe), bootfile: path.basename(guest.ipxe) };
		return {
			memoryMiB: 256,
			disks: [await guestDisk(t, folder)],
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
	await untilIs('Off');
});

test('Linux lets its watchdog expire, which resets it, and crashes by an NMI: both are in the event log', async t => {
	t.timeout(300_000);
	const { server, bmc, reset, ask, log } = await serverForTest(t, async folder => ({
		firmware: 'bios',
		memoryMiB: 96,
		disks: [await guestDisk(t, folder)],
	}));
	const HostWatchdogTimer = { FunctionEnabled: true, TimeoutAction: 'ResetSystem' };
	t.is((await ask('PATCH', SYSTEM, { body: { HostWatchdogTimer } })).status, 204);
	await reset('On');
	await server.console.waitFor(/bimetal guest: boot 1 of node1/, bootLimit);
	await server.console.waitFor(/node1# /, bootLimit);
	const { type } = await openConsole(t, bmc.url);
	type('watchdog -T 2 /dev/watchdog; killall -9 watchdog\r');
	await server.console.waitFor(/bimetal guest: boot 2 of node1/, bootLimit);
	await server.console.waitFor(/node1# /, bootLimit);
	await reset('Nmi');
	await server.console.waitFor(/Kernel panic - not syncing: NMI/, bootLimit);
	await until(log, entries => entries.at(-1) === 'Critical HostCrashed', bootLimit / 1000);
	const seen = await log();
	t.is(seen.filter(entry => entry === 'Critical HostWatchdogExpired').length, 1);
	const { json } = await ask('GET', `${SYSTEM}/LogServices/EventLog/Entries`);
	const last = (json.Members as { Oem: unknown }[]).at(-1);
	t.regex(JSON.stringify(last?.Oem), /boot 2 of node1/, 'with the last lines of the console');
});
