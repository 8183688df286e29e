// The power of a server over machines that do what the test says, on a clock that it turns.
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { NewRecord } from '../bmc/event-log.ts';
import type { WatchdogSettings } from '../bmc/host.ts';
import { RESET_TYPES } from '../bmc/power.ts';
import type { Ending, Machine, MachineEvents } from './machine.ts';
import { createServerPower } from './server-power.ts';

interface FakeMachine extends Machine {
	readonly events: MachineEvents;
	isOn: boolean;
	end(ending: Ending): void;
}

function powerForTest(options: { watchdog?: WatchdogSettings; starts?: () => Promise<void> } = {}) {
	const clock = new FakeClock();
	const machines: FakeMachine[] = [];
	const states: string[] = [];
	const records: NewRecord[] = [];
	const done: string[] = [];
	let boots = 0;
	const power = createServerPower({
		clock,
		shutdownTimeoutMs: 60_000,
		async start(_plan, events) {
			await options.starts?.();
			if (machines.some(machine => machine.isOn)) throw new Error('two machines at a time');
			let resolve: (ending: Ending) => void = () => {};
			const ended = new Promise<Ending>(done => {
				resolve = done;
			});
			const machine: FakeMachine = {
				pid: machines.length + 1,
				ended,
				events,
				isOn: true,
				end(ending) {
					machine.isOn = false;
					resolve(ending);
				},
				type: () => {},
				async pressPowerButton() {
					if (!machine.isOn) throw new BimetalError('QmpClosed', 'the machine is gone');
					done.push(`button ${machine.pid}`);
				},
				async injectNmi() {
					done.push(`nmi ${machine.pid}`);
				},
				async stop() {
					await turn();
					machine.end({ kind: 'stopped' });
				},
			};
			machines.push(machine);
			return machine;
		},
		plan: () => ({ mode: 'UEFI', first: undefined }),
		watchdog: () => options.watchdog ?? { enabled: true, action: 'ResetSystem' },
		onEvent(event, now, before) {
			if (now !== before) states.push(now.kind);
			else states.push(`(${event})`);
		},
		onBoot: () => boots++,
		report: record => records.push(record),
		lastWords: () => ['Kernel panic'],
	});
	return {
		clock,
		power,
		machines,
		done,
		/** Everything that was waiting has been carried out. */
		async settle() {
			for (let i = 0; i < 50; i++) await turn();
		},
		told: () => states.splice(0).join(' '),
		reported: () => records.splice(0).map(({ severity, messageId }) => `${severity} ${messageId.slice(12)}`),
		boots: () => boots,
		last: () => machines.at(-1) as FakeMachine,
	};
}

test('a shutdown waits for the guest, may be cut short, and is over when its time is', async t => {
	const { power, settle, told, last, clock, done, machines } = powerForTest();
	power.reset('On');
	power.reset('GracefulShutdown');
	await settle();
	t.is(told(), 'PoweringOn On PoweringOff');
	t.deepEqual(done, ['button 1']);
	last().end({ kind: 'guest shut down' });
	await settle();
	t.is(told(), 'Off');
	clock.advance(60_000);
	await settle();
	t.is(told(), '', 'its time-out went with it');

	power.reset('On');
	power.reset('GracefulRestart');
	power.reset('ForceOff');
	await settle();
	t.is(told(), 'PoweringOn On PoweringOff Off');
	t.false(last().isOn);

	power.reset('On');
	power.reset('GracefulRestart');
	await settle();
	clock.advance(59_999);
	await settle();
	t.is(told(), 'PoweringOn On PoweringOff');
	clock.advance(1);
	await settle();
	t.is(told(), 'Off PoweringOn On');
	t.is(machines.length, 4);
});

test('asked to restart, a guest shuts down or restarts, and is on again either way', async t => {
	for (const kind of ['guest shut down', 'guest reset'] as const) {
		const { power, settle, told, last, machines } = powerForTest();
		power.reset('On');
		power.reset('GracefulRestart');
		await settle();
		told();
		last().end({ kind });
		await settle();
		t.regex(told(), /PoweringOn .*On$/);
		t.is(machines.length, 2);
	}
});

test('what follows by itself gives way to what was asked for in the meantime', async t => {
	const { power, settle, told, last, machines } = powerForTest();
	power.reset('On');
	await settle();
	told();
	// The guest restarts while a reset is under way that cuts its power.
	power.reset('Nmi');
	power.reset('ForceOff');
	last().end({ kind: 'guest reset' });
	await settle();
	t.is(power.state().kind, 'Off');
	t.is(machines.length, 1);
});

test('a guest that restarts stays on; each boot is told once', async t => {
	const { power, settle, told, last, boots } = powerForTest();
	power.reset('On');
	await settle();
	told();
	last().end({ kind: 'guest reset' });
	await settle();
	t.is(told(), '(GuestReset)');
	t.is(power.state().kind, 'On');
	t.is(boots(), 2);
});

test('a guest that does nothing but restart has to wait, and a reset does not', async t => {
	const { power, settle, last, machines, clock } = powerForTest();
	power.reset('On');
	await settle();
	for (let i = 0; i < 5; i++) {
		last().end({ kind: 'guest reset' });
		await settle();
	}
	t.is(machines.length, 6);
	last().end({ kind: 'guest reset' });
	await settle();
	t.is(machines.length, 6);
	clock.advance(5000);
	await settle();
	t.is(machines.length, 7);
	last().end({ kind: 'guest reset' });
	power.reset('ForceRestart');
	await settle();
	t.is(machines.length, 8);
	clock.advance(10_000);
	await settle();
	t.is(machines.length, 8, 'what it waited for was overtaken');
	last().end({ kind: 'guest reset' });
	await settle();
	t.is(machines.length, 9, 'a boot that lasted is none of them');
});

test('a machine that does not start, or goes without a word, is off and says why', async t => {
	let fails = true;
	const { power, settle, told, last, reported } = powerForTest({
		starts: async () => {
			if (fails) throw new Error('no such disk');
		},
	});
	power.reset('On');
	await settle();
	t.is(told(), 'PoweringOn Off');
	t.deepEqual(reported(), ['Critical HostStartFailed']);
	fails = false;
	power.reset('On');
	await settle();
	last().end({ kind: 'failed', detail: 'SIGKILL' });
	await settle();
	t.is(power.state().kind, 'Off');
	t.deepEqual(reported(), ['Critical HostFailed']);
	power.reset('On');
	await settle();
	t.is(power.state().kind, 'On');
});

test('the watchdog does what the settings say; a crash is reported once a boot', async t => {
	const rows = [
		['ResetSystem', true, 'PoweringOn On'],
		['PowerCycle', true, 'PoweringOn On'],
		['PowerDown', true, 'Off'],
		['None', true, ''],
		['ResetSystem', false, ''],
	] as const;
	for (const [action, enabled, expected] of rows) {
		const { power, settle, told, last, reported } = powerForTest({ watchdog: { enabled, action } });
		power.reset('On');
		await settle();
		told();
		last().events.onWatchdog();
		await settle();
		t.is(told(), expected, action);
		t.deepEqual(reported(), ['Critical HostWatchdogExpired']);
	}
	const { power, settle, last, reported } = powerForTest();
	for (let boot = 0; boot < 2; boot++) {
		power.reset('ForceRestart');
		await settle();
		for (let i = 0; i < 10; i++) last().events.onPanic();
		t.deepEqual(reported(), ['Critical HostCrashed']);
	}
});

test('closed, it ends the machine and tells nothing', async t => {
	const { power, settle, told, last } = powerForTest();
	power.reset('On');
	power.reset('ForceRestart');
	await settle();
	told();
	power.reset('PowerCycle');
	await power.close();
	t.false(last().isOn);
	power.reset('On');
	await settle();
	t.regex(told(), /^(PoweringOn)?$/);
	t.false(last().isOn);
});

test('whatever is asked for in whatever order, there is one machine when it is on and none when it is off', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.oneof(fc.constantFrom(...RESET_TYPES), fc.constantFrom('off', 'again', 'gone', 'wait')), {
				maxLength: 12,
			}),
			async steps => {
				const { power, settle, clock, machines } = powerForTest();
				for (const step of steps) {
					const running = machines.at(-1);
					if (step === 'wait') await settle();
					else if (step === 'off') running?.end({ kind: 'guest shut down' });
					else if (step === 'again') running?.end({ kind: 'guest reset' });
					else if (step === 'gone') running?.end({ kind: 'failed', detail: 'SIGKILL' });
					else power.reset(step);
				}
				await settle();
				clock.advance(60_000);
				await settle();
				const { kind } = power.state();
				const on = machines.filter(machine => machine.isOn).length;
				t.true(kind === 'On' || kind === 'Off', kind);
				t.is(on, kind === 'On' ? 1 : 0);
				await power.close();
				t.false(machines.some(machine => machine.isOn));
			},
		),
		{ numRuns: 300 },
	);
});
