import { existsSync } from 'node:fs';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { LIMIT, serverForTest } from './test-server.ts';

const test = testNeeding('qemu-system-x86', 'qemu-utils');

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
