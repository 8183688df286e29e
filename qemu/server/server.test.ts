import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findChildren } from '../../common/processes/children.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { attachTestMedium, testVolume } from './medium/test-medium.ts';
import { testSector } from './test-sector.ts';
import { LIMIT, openConsole, SYSTEM, serverForTest } from './test-server.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils', 'ovmf', 'swtpm', 'swtpm-tools', 'gnutls-bin');

test('resets are what they are called, and the power state is the machine’s', async t => {
	const { server, reset, until, log, bmc, changes } = await serverForTest(t);
	const booted = () => server.console.waitFor(/booted from H/, LIMIT);
	const pids = new Set<number | undefined>();
	t.is((await reset('On')).status, 204);
	t.is(bmc.powerState(), 'PoweringOn');
	await until('On');
	await booted();
	pids.add(server.pid());
	await reset('ForceRestart');
	await booted();
	pids.add(server.pid());
	await reset('Nmi');
	await server.console.waitFor(/nmi/, LIMIT);
	await reset('GracefulRestart');
	await server.console.waitFor(/button/, LIMIT);
	await booted();
	pids.add(server.pid());
	await reset('PowerCycle');
	await booted();
	pids.add(server.pid());
	t.is(pids.size, 4);
	await reset('GracefulShutdown');
	t.is(bmc.powerState(), 'PoweringOff');
	await until('Off');
	t.is(server.pid(), undefined);
	for (const pid of pids) t.false(existsSync(`/proc/${pid}`));
	t.deepEqual(await log(), [
		'OK HostPowerOn',
		'OK HostStarted',
		'OK HostPowerOn',
		'OK HostStarted',
		'Critical NMIRaised',
		'OK HostShutdownStarted',
		'OK HostPowerOff',
		'OK HostPowerOn',
		'OK HostStarted',
		'OK HostPowerOn',
		'OK HostStarted',
		'OK HostShutdownStarted',
		'OK HostPowerOff',
	]);
	t.is(
		changes.join(' '),
		'PoweringOn On PoweringOn On PoweringOff Off PoweringOn On PoweringOn On PoweringOff Off',
	);
});

test('resets that come together are carried out one at a time, in order', async t => {
	const { server, reset, until, bmc, changes, log } = await serverForTest(t);
	bmc.press('On');
	bmc.press('ForceRestart');
	bmc.press('ForceOff');
	bmc.press('On');
	bmc.press('PowerCycle');
	bmc.press('ForceOff');
	bmc.press('ForceOn');
	while (changes.length < 12) await server.console.waitFor(/booted from H/, LIMIT);
	t.is(bmc.powerState(), 'On');
	t.is(changes.join(' '), 'PoweringOn On PoweringOn On Off PoweringOn On PoweringOn On Off PoweringOn On');
	t.deepEqual(
		(await log()).filter(entry => /PowerCut/.test(entry)),
		['Warning HostPowerCut', 'Warning HostPowerCut'],
	);
	await reset('ForceOff');
	await until('Off');
});

test('what the guest does is seen: it turns itself off, restarts, crashes, is killed, lets its watchdog expire', async t => {
	const { server, reset, until, bmc, log, ask, changes } = await serverForTest(t);
	const booted = () => server.console.waitFor(/booted from H\r\n/, LIMIT);
	const { type } = await openConsole(t, bmc.url);
	await reset('On');
	await booted();
	const before = server.pid();
	type('r');
	await booted();
	t.not(server.pid(), before);
	t.is(bmc.powerState(), 'On');
	t.deepEqual([...changes], ['PoweringOn', 'On'], 'a guest that restarts stays on');
	type('c');
	type('x');
	await server.console.waitFor(/x/, LIMIT);
	type('p');
	const asked = Date.now();
	await until('Off');
	t.true(Date.now() - asked < 10_000, `${Date.now() - asked} ms`);
	await reset('On');
	await booted();
	type('w');
	await booted();
	process.kill(server.pid() ?? 0, 'SIGKILL');
	await until('Off');
	t.deepEqual(await log(), [
		'OK HostPowerOn',
		'OK HostStarted',
		'OK HostReset',
		'Critical HostCrashed',
		'OK HostPowerOff',
		'OK HostPowerOn',
		'OK HostStarted',
		'Critical HostWatchdogExpired',
		'OK HostPowerOn',
		'OK HostStarted',
		'Critical HostFailed',
	]);
	const { json } = await ask('GET', `${SYSTEM}/LogServices/EventLog/Entries/23`);
	t.regex(String(json.Message), /gone without having shut down: SIGKILL/);
	t.regex(JSON.stringify(json.Oem), /booted from H/);
});

test('a guest that does not listen to the button loses its power when its time is over', async t => {
	const { server, reset, until, bmc, log } = await serverForTest(t, { shutdownTimeoutMs: 300 });
	const { type } = await openConsole(t, bmc.url);
	await reset('On');
	await server.console.waitFor(/booted from H/, LIMIT);
	type('s');
	type('x');
	await server.console.waitFor(/x/, LIMIT);
	await reset('GracefulShutdown');
	await server.console.waitFor(/button/, LIMIT);
	await until('Off');
	t.is((await log()).at(-1), 'Warning HostShutdownTimeout');
});

test('boot overrides decide on the next boot, once or for longer; media are booted from', async t => {
	t.timeout(300_000);
	const { server, reset, until, bmc, ask, log } = await serverForTest(t, async place => {
		await writeFile(path.join(place, 'pxe'), testSector('P'));
		return { nics: [{ mac: '52:54:00:00:00:01', user: { tftp: place, bootfile: 'pxe' } }] };
	});
	const booted = async () => (await server.console.waitFor(/booted from (\S)/, LIMIT))[1];
	const override = async (Enabled: string, Target: string, Mode = 'Legacy') => {
		const Boot = {
			BootSourceOverrideEnabled: Enabled,
			BootSourceOverrideTarget: Target,
			BootSourceOverrideMode: Mode,
		};
		t.is((await ask('PATCH', SYSTEM, { body: { Boot } })).status, 204);
	};
	const shown = async () => {
		const boot = (await ask('GET', SYSTEM)).json.Boot as Record<string, string>;
		return `${boot.BootSourceOverrideEnabled} ${boot.BootSourceOverrideTarget}`;
	};
	const nic = `${SYSTEM}/EthernetInterfaces/nic0`;
	t.like((await ask('GET', nic)).json, { MACAddress: '52:54:00:00:00:01', LinkStatus: 'LinkDown' });
	t.is((await ask('GET', `${SYSTEM}/EthernetInterfaces`)).json['Members@odata.count'], 1);
	await override('Once', 'Pxe');
	await reset('On');
	t.is(await booted(), 'P');
	t.is(await shown(), 'Disabled None');
	await reset('ForceRestart');
	t.is(await booted(), 'H');
	await override('Continuous', 'Pxe');
	await reset('ForceRestart');
	t.is(await booted(), 'P');
	t.is(await shown(), 'Continuous Pxe');
	// A CD is there from the start, or comes while the machine runs; a USB drive as well.
	const drive = () => Buffer.concat([testSector('U'), Buffer.alloc(1024 * 1024)]);
	for (const [disk, kind, letter] of [
		[testVolume('C'), 'Cd', 'C'],
		[drive(), 'Usb', 'U'],
	] as const) {
		const running = await attachTestMedium(bmc, disk);
		await override('Once', kind);
		await reset('ForceRestart');
		t.is(await booted(), letter);
		t.true(running.reads() > 0);
		await running.detach();
		await reset('ForceOff');
		await until('Off');
		const resting = await attachTestMedium(bmc, disk);
		await override('Once', kind);
		await reset('On');
		t.is(await booted(), letter);
		await resting.detach();
	}
	// One after the other, as fast as they can.
	for (let i = 0; i < 12; i++)
		await (await attachTestMedium(bmc, i % 2 === 0 ? testVolume('C') : drive())).detach();
	await reset('ForceOff');
	await until('Off');
	t.deepEqual(
		(await log()).filter(entry => /Failed/.test(entry)),
		[],
	);
	const setup = { Boot: { BootSourceOverrideTarget: 'BiosSetup' } };
	t.is((await ask('PATCH', SYSTEM, { body: setup })).status, 400);
});

test('UEFI with a TPM: its variables and the TPM’s keys stay, the site’s authority vouches for them', async t => {
	t.timeout(300_000);
	const { server, reset, until, folder, run, ask } = await serverForTest(t, async place => ({
		firmware: 'uefi',
		memoryMiB: 256,
		tpm: { authority: path.join(place, 'authority') },
	}));
	const read = (...names: string[]) => readFile(path.join(folder, ...names));
	const certificate = await read('tpm', 'ek-rsa2048.crt');
	const issuer = new X509Certificate(await read('authority', 'issuercert.pem'));
	const root = new X509Certificate(await read('authority', 'swtpm-localca-rootca-cert.pem'));
	t.true(new X509Certificate(certificate).verify(issuer.publicKey));
	t.true(issuer.verify(root.publicKey));
	const { json } = await ask('GET', SYSTEM);
	t.like(json.TrustedModules, [{ InterfaceType: 'TPM2_0' }] as never);
	t.is((json.Boot as Record<string, string>).BootSourceOverrideMode, 'UEFI');
	await reset('On');
	await server.console.waitFor(/BdsDxe/, LIMIT);
	t.is((await findChildren(run)).length, 2);
	await reset('PowerCycle');
	await server.console.waitFor(/BdsDxe/, LIMIT);
	await reset('ForceOff');
	await until('Off');
	t.deepEqual(await read('tpm', 'ek-rsa2048.crt'), certificate);
});

test('a client that leaves its medium’s reads without an answer does not keep the power on', async t => {
	const { server, reset, until, bmc, ask } = await serverForTest(t, { disks: [] });
	// What it is, is asked twice.
	const medium = await attachTestMedium(bmc, testVolume('C'), { answers: 3 });
	await reset('On');
	while (medium.reads() < 4) await new Promise(resolve => setTimeout(resolve, 20));
	const asked = Date.now();
	await reset('ForceOff');
	await until('Off');
	t.true(Date.now() - asked < 20_000, `${Date.now() - asked} ms`);
	await medium.detach();
	await reset('On');
	await server.console.waitFor(/No bootable device|Booting from/, LIMIT);
	t.is((await ask('GET', SYSTEM)).json.PowerState, 'On');
});

test('what cannot start says why: no disk, a disk of another machine, an option that means nothing', async t => {
	const missing = serverForTest(t, { disks: [{ file: '/nowhere/disk.raw', format: 'raw' }] });
	await t.throwsAsync(missing, { code: 'DiskUnusable', message: /nowhere/ });
	await t.throwsAsync(serverForTest(t, { nics: [{ mac: 'no' }] }), { code: 'ServerOptionsInvalid' });
	// An authority cannot be made where a file is.
	const noAuthority = serverForTest(t, async place => {
		await writeFile(path.join(place, 'signkey.pem'), 'no key');
		await writeFile(path.join(place, 'issuercert.pem'), 'no certificate');
		return { tpm: { authority: place } };
	});
	await t.throwsAsync(noAuthority, { code: 'TpmFailed', message: /no TPM could be made/ });
	const one = await serverForTest(t);
	await one.reset('On');
	await one.until('On');
	const other = await serverForTest(t, {
		disks: [{ file: path.join(one.folder, 'disk.raw'), format: 'raw' }],
	});
	await other.reset('On');
	await other.until('Off');
	t.deepEqual(await other.log(), ['OK HostPowerOn', 'Critical HostStartFailed']);
	const { json } = await other.ask('GET', `${SYSTEM}/LogServices/EventLog/Entries/14`);
	t.regex(String(json.Message), /lock/);
	t.is(one.bmc.powerState(), 'On');
});

test('the watts and the console follow what the machine does', async t => {
	const { server, reset, until, bmc, folder, ask } = await serverForTest(t, async place => ({
		consoleFile: path.join(place, 'console'),
		watts: { idle: 50, busy: 150 },
	}));
	t.is(bmc.drawnWatts(), 8);
	const console = await openConsole(t, bmc.url);
	await reset('On');
	await server.console.waitFor(/booted from H/, LIMIT);
	const reaches = async (fits: (watts: number) => boolean) => {
		const end = Date.now() + LIMIT;
		while (!fits(bmc.drawnWatts())) {
			if (Date.now() > end) throw new Error(`it draws ${bmc.drawnWatts()} W`);
			await new Promise(resolve => setTimeout(resolve, 100));
		}
	};
	// It waits for its serial port without rest, and then halts.
	await reaches(watts => watts > 60);
	// One that writes without rest keeps neither its BMC from answering nor itself on.
	console.type('f');
	await server.console.waitFor(/f{100}/, LIMIT);
	await reset('ForceRestart');
	await server.console.waitFor(/booted from H/, LIMIT);
	console.type('h');
	await reaches(watts => watts <= 55);
	const total = await ask('GET', '/redfish/v1/Chassis/chassis/Sensors/power_total_power');
	t.true(Number(total.json.Reading) >= 50);
	t.regex(console.seen(), /booted from H/);
	t.regex(await readFile(path.join(folder, 'console'), 'latin1'), /booted from H/);
	const lines = await ask('GET', `${SYSTEM}/LogServices/HostLogger/Entries`);
	t.regex(lines.text, /booted from H/);
	await reset('ForceOff');
	await until('Off');
	t.is(bmc.drawnWatts(), 8);
	t.is((await ask('GET', `${SYSTEM}/LogServices/HostLogger/Entries`)).json['Members@odata.count'], 0);
});
