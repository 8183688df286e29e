// What every Host promises its BMC; simulated/ and qemu/server/ run these tests.
import { setTimeout as wait } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../common/clock.ts';
import type { NewRecord } from './event-log.ts';
import type { Host, HostContext, HostEvent, HostFactory } from './host.ts';
import { completeIdentity } from './identity.ts';
import { readings as simulated } from './simulated/readings.ts';

type Test = (title: string, implementation: (t: ExecutionContext) => Promise<void>) => void;

const LIMIT_MS = 60_000;

async function hostForTest(t: ExecutionContext, createHost: HostFactory) {
	const events: HostEvent[] = [];
	const states: string[] = [];
	const records: NewRecord[] = [];
	let boots = 0;
	const context: HostContext = {
		name: 'node1',
		identity: completeIdentity('node1', {}),
		clock: systemClock,
		initial: 'Off',
		firmwareVersion: () => '1.0',
		boot: () => ({ enabled: 'Disabled', target: 'None', mode: undefined }),
		watchdog: () => ({ enabled: true, action: 'ResetSystem' }),
		onEvent(event, now, before) {
			events.push(event);
			if (now !== before) states.push(now.kind);
		},
		onBoot: () => boots++,
		onReading: () => {},
		report: record => records.push(record),
	};
	const host: Host = await createHost(context);
	t.teardown(() => host.close());
	const until = async (fits: () => boolean) => {
		for (const end = Date.now() + LIMIT_MS; !fits(); ) {
			if (Date.now() > end)
				throw new Error(`still ${host.power.state().kind}; ${events}; ${records.map(String)}`);
			await wait(10);
		}
	};
	return {
		host,
		events,
		states,
		boots: () => boots,
		until,
		is: (kind: string) => host.power.state().kind === kind,
	};
}

/** `make` gives the factory of a new host for each test; `up` is what its operating system writes once it listens. */
export function testHostContract(
	test: Test,
	make: (t: ExecutionContext) => Promise<HostFactory>,
	up: RegExp,
): void {
	test('a host that is off: standby power, sensors at rest, nothing on its serial line', async t => {
		const { host } = await hostForTest(t, await make(t));
		t.is(host.power.state().kind, 'Off');
		t.true(host.drawnWatts() > 0 && host.drawnWatts() < 30);
		t.is(host.readings().fantach_fan0_tach?.value, 0);
		t.is(host.readings().voltage_p12v?.value, 0);
		t.deepEqual(host.serial.lines(), []);
		t.notThrows(() => host.serial.type(Buffer.from('anybody?')));
		t.deepEqual(Object.keys(host.readings()), Object.keys(simulated('x', 'On')));
		t.true(host.hardware.processors.length > 0 && host.hardware.memory.length > 0);
		t.true(['None', 'Pxe', 'Hdd', 'Cd', 'Usb'].every(target => host.hardware.bootTargets.includes(target)));
	});

	test('resets of a host: every change is told, every boot once, and nothing happens without need', async t => {
		const { host, states, boots, until, is } = await hostForTest(t, await make(t));
		let written = '';
		const stop = host.serial.listen(bytes => {
			written += bytes.toString('latin1');
		});
		host.power.reset('ForceOff');
		host.power.reset('GracefulShutdown');
		host.power.reset('Nmi');
		t.deepEqual(states, []);
		await wait(10);
		const before = host.power.changedAt();
		host.power.reset('On');
		t.is(host.power.state().kind, 'PoweringOn');
		await until(() => is('On') && boots() === 1 && written !== '');
		t.true(host.power.changedAt() >= before);
		t.true(host.drawnWatts() > 30);
		t.true((host.readings().fantach_fan0_tach?.value ?? 0) > 0);
		await until(() => host.serial.lines().length > 0);
		host.power.reset('On');
		host.power.reset('ForceOn');
		host.power.reset('Nmi');
		t.deepEqual(states, ['PoweringOn', 'On']);
		stop();
		written = '';
		for (const type of ['ForceRestart', 'PowerCycle', 'GracefulRestart'] as const) {
			const booted = boots();
			host.power.reset(type);
			await until(() => is('On') && boots() === booted + 1);
			await until(() => host.serial.lines().some(line => up.test(line)));
		}
		t.is(written, '', 'who no longer listens is told nothing');
		host.power.reset('GracefulShutdown');
		t.is(host.power.state().kind, 'PoweringOff');
		await until(() => is('Off'));
		host.power.reset('GracefulRestart');
		await until(() => is('On'));
		host.power.reset('ForceOff');
		await until(() => is('Off'));
		t.is(boots(), 5);
	});

	test('the screen of a host that is on speaks RFB', async t => {
		const { host, until, is } = await hostForTest(t, await make(t));
		host.power.reset('On');
		await until(() => is('On'));
		let said = '';
		let leave: () => void = () => {};
		host.serveScreen({
			send(bytes) {
				said += bytes.toString('latin1');
			},
			onMessage: () => {},
			onClose(take) {
				leave = take;
			},
			close: reason => t.fail(reason),
		});
		await until(() => said.length >= 12);
		t.is(said, 'RFB 003.008\n');
		leave();
	});

	test('a host that is closed tells nothing any more', async t => {
		const { host, events, until, is } = await hostForTest(t, await make(t));
		host.power.reset('On');
		await until(() => is('On'));
		const told = events.length;
		await host.close();
		host.power.reset('ForceRestart');
		await wait(50);
		t.is(events.length, told);
	});
}
