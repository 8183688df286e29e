import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import type { PowerStateName } from '../bmc/bmc.ts';
import { createSwitchOn } from './switch-on.ts';

/** Servers that boot for as long as the test says, by the clock. */
function room(clock: FakeClock, names: readonly string[], bootMs: number) {
	const pressed: string[] = [];
	let most = 0;
	const booting = new Set<string>();
	const nodes = names.map(name => {
		let state: PowerStateName = 'Off';
		let demand = 0;
		let looked = clock.elapsed();
		return {
			name,
			demand() {
				const passed = (clock.elapsed() - looked) / 1000;
				looked = clock.elapsed();
				demand += passed * (booting.has(name) ? 1 : 0.01);
				return demand;
			},
			bmc: {
				powerState: () => state,
				press(type: string) {
					pressed.push(`${name} ${type}`);
					if (type === 'On') {
						state = 'On';
						booting.add(name);
						most = Math.max(most, booting.size);
						clock.after(bootMs, () => booting.delete(name));
					}
					if (type === 'ForceOff' || (type === 'GracefulShutdown' && name !== 'stubborn')) state = 'Off';
				},
			},
		};
	});
	return { nodes, pressed, most: () => most };
}

/** Lets time pass until it is done, at most `seconds`; gives the seconds that passed. */
async function pass(clock: FakeClock, work: Promise<void>, seconds: number): Promise<number> {
	let isDone = false;
	void work.then(() => {
		isDone = true;
	});
	for (let passed = 0; passed < seconds * 2; passed++) {
		await new Promise(resolve => setImmediate(resolve));
		if (isDone) return passed / 2;
		clock.advance(500);
	}
	throw new Error(`not done within ${seconds} s`);
}

test('no more than two boot at a time, and all do', async t => {
	const clock = new FakeClock();
	const names = ['a', 'b', 'c', 'd', 'e'];
	const { nodes, pressed, most } = room(clock, names, 10_000);
	const power = createSwitchOn({ nodes, together: 2, clock, onProgress: () => undefined });
	const took = await pass(clock, power.switchOn(), 100);
	t.deepEqual(
		pressed,
		names.map(name => `${name} On`),
	);
	t.is(most(), 2);
	t.true(took >= 30 && took < 45, `${took} s`);
	await pass(clock, power.switchOn(), 1);
	t.is(pressed.length, 5, 'what is on is left alone');
});

test('one that never idles holds the others up for a while only', async t => {
	const clock = new FakeClock();
	const { nodes } = room(clock, ['a', 'b'], 10_000_000);
	const power = createSwitchOn({
		nodes,
		together: 1,
		clock,
		onProgress: () => undefined,
		bootLimitMs: 20_000,
	});
	t.is(await pass(clock, power.switchOn(), 100), 40);
});

test('who does not shut down in time loses the power', async t => {
	const clock = new FakeClock();
	const { nodes, pressed } = room(clock, ['a', 'stubborn'], 0);
	const power = createSwitchOn({ nodes, together: 2, clock, onProgress: () => undefined });
	await pass(clock, power.switchOn(), 20);
	pressed.length = 0;
	t.is(await pass(clock, power.switchOff(5000), 20), 5);
	t.deepEqual(pressed, ['a GracefulShutdown', 'stubborn GracefulShutdown', 'stubborn ForceOff']);
});

test('what waits ends when the rack does', async t => {
	const clock = new FakeClock();
	const { nodes, pressed } = room(clock, ['a', 'b'], 1_000_000);
	const power = createSwitchOn({ nodes, together: 1, clock, onProgress: () => undefined });
	const work = power.switchOn();
	power.stop();
	await work;
	t.deepEqual(pressed, ['a On']);
});
