import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findChildren } from '../../common/processes/children.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { readRackFile } from './rack-file.ts';
import { planRack } from './rack-plan.ts';
import { askOf, rackForTest } from './test-rack.ts';
import type { VirtualNode } from './virtual-node.ts';
import { startVirtualRack } from './virtual-rack.ts';

const test = testNeeding('qemu-system-x86', 'openvswitch-switch');
const SYSTEM = '/redfish/v1/Systems/system';

test('a rack of real machines: BMCs, outlets, switch ports, consoles, and the same one at the next start', async t => {
	const { text, file, folders } = await rackForTest(t);
	const plan = planRack(readRackFile(file, text));
	const changes: string[] = [];
	const start = () =>
		startVirtualRack({
			plan,
			folders,
			// The test's guest never idles.
			bootLimitMs: 4000,
			onPowerChange: (state, node) => changes.push(`${node} ${state}`),
		});
	const rack = await start();
	t.teardown(() => rack.close());
	const [a, b] = rack.nodes as [VirtualNode, VirtualNode];
	const ask = ({ bmc: { url }, credential }: VirtualNode, path: string) =>
		askOf(rack.caFile, { url, ...credential }, path);
	t.deepEqual([a.bmc.powerState(), b.bmc.powerState()], ['Off', 'Off']);
	t.like((await ask(a, SYSTEM)).body, { PowerState: 'Off', UUID: a.plan.identity.uuid });
	t.like((await ask(b, SYSTEM)).body, { SerialNumber: 'X1-0002' });
	t.is((await askOf(rack.caFile, { url: a.bmc.url, ...b.credential }, SYSTEM)).status, 401);

	await rack.switchOn();
	t.deepEqual(changes.slice(0, 2).sort(), ['a PoweringOn', 'b PoweringOn']);
	for (const node of rack.nodes) {
		t.is((await ask(node, SYSTEM)).body.PowerState, 'On');
		t.regex(await readFile(node.consoleFile, 'utf8'), /booted from H/);
		t.regex(node.serial.lines().join('\n'), /booted from H/);
	}
	t.deepEqual(
		(await rack.network?.ports())?.map(({ name, vlans, isLinked }) => [name, vlans.untagged, isLinked]),
		[
			['a.0', 10, true],
			['b.0', null, true],
			['b.1', 20, true],
		],
	);
	for (const { PowerWatts } of rack.pdu.readings()) t.true(PowerWatts >= 90 && PowerWatts <= 140);
	const pdu = await askOf(
		rack.caFile,
		{ url: rack.pdu.url, ...rack.pduCredential },
		'/redfish/v1/PowerEquipment/RackPDUs/1/Outlets/2',
	);
	t.like(pdu.body, { Name: 'b', PowerState: 'On' });

	// A server without power is off, and stays so whatever its BMC is asked for; with the power it comes again.
	const control = (PowerState: 'On' | 'Off') =>
		askOf(
			rack.caFile,
			{ url: rack.pdu.url, ...rack.pduCredential },
			'/redfish/v1/PowerEquipment/RackPDUs/1/Outlets/2/Actions/Outlet.PowerControl',
			{ PowerState },
		);
	const becomes = async (state: string) => {
		for (const end = performance.now() + 30_000; b.bmc.powerState() !== state; await sleep(20))
			if (performance.now() > end) return t.fail(`b is ${b.bmc.powerState()}, never ${state}`);
	};
	t.is((await control('Off')).status, 204);
	await becomes('Off');
	const on = { ResetType: 'On' };
	const reset = `${SYSTEM}/Actions/ComputerSystem.Reset`;
	t.is((await askOf(rack.caFile, { url: b.bmc.url, ...b.credential }, reset, on)).status, 204);
	const countOfB = changes.filter(change => change.startsWith('b ')).length;
	t.is((await ask(b, SYSTEM)).body.PowerState, 'Off');
	t.is(changes.filter(change => change.startsWith('b ')).length, countOfB);
	t.is((await control('On')).status, 204);
	await becomes('On');

	const secrets = JSON.parse(await readFile(rack.credentialsFile, 'utf8'));
	t.is(secrets.bmcs.a.password, a.credential.password);
	t.is((await stat(rack.credentialsFile)).mode & 0o777, 0o600);
	for (const { command } of await findChildren(folders.run))
		for (const { password } of [a.credential, b.credential, rack.pduCredential])
			t.false(command.includes(password));

	// This guest heeds no power button: the power is cut.
	await rack.switchOff(500);
	t.deepEqual([a.bmc.powerState(), b.bmc.powerState()], ['Off', 'Off']);
	await rack.close();
	t.deepEqual(await findChildren(folders.run), []);

	const disk = join(a.folder, 'disk.qcow2');
	const before = await stat(disk);
	const again = await start();
	t.teardown(() => again.close());
	t.deepEqual(
		again.nodes.map(({ credential }) => credential),
		rack.nodes.map(({ credential }) => credential),
	);
	t.is((await stat(disk)).ino, before.ino, 'the same disk');
	await again.close();
});

test('a rack that cannot start whole leaves nothing behind', async t => {
	const { text, file, folders } = await rackForTest(t);
	const held = await rackForTest(t, 'other');
	const other = await startVirtualRack({
		plan: planRack(readRackFile(held.file, held.text)),
		folders: held.folders,
	});
	t.teardown(() => other.close());
	const plan = planRack(readRackFile(file, `${text}pduPort: ${other.pdu.port}\n`));
	await t.throwsAsync(startVirtualRack({ plan, folders }), { code: 'PortTaken' });
	t.deepEqual(await findChildren(folders.run), []);
	await other.close();
});
