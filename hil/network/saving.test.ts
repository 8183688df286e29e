import test from 'ava';
import type { SwitchType } from '../switches/driver.ts';
import { createMockSwitches } from '../switches/mock.ts';
import { createNetworkBench, type NetworkBench } from './network.fixture.ts';

interface Saves {
	count: number;
	fails: boolean;
}

async function benchThatSaves(): Promise<{ bench: NetworkBench; saves: Saves }> {
	const mocks = createMockSwitches();
	const saves: Saves = { count: 0, fails: false };
	const type: SwitchType = {
		...mocks.type,
		open: settings => ({
			...mocks.type.open(settings),
			async save() {
				saves.count++;
				if (saves.fails) throw new Error('no space left in flash:');
			},
		}),
	};
	return { bench: await createNetworkBench({ mocks, type }), saves };
}

test('a switch saves when it has been left alone for ten seconds, once for all that was changed', async t => {
	const { bench, saves } = await benchThatSaves();
	await bench.connect('n1', 'a');
	await bench.pass(9000);
	await bench.connect('n2', 'a');
	await bench.pass(9900);
	t.is(saves.count, 0);
	await bench.pass(200);
	t.is(saves.count, 1);
	await bench.pass(600_000);
	t.is(saves.count, 1);
});

test('a switch that is never left alone saves within five minutes', async t => {
	const { bench, saves } = await benchThatSaves();
	for (let passed = 0; passed < 306_000; passed += 6000) {
		await (passed % 12_000 === 0 ? bench.connect('n1', 'a') : bench.detach('n1', 'a'));
		await bench.pass(6000);
	}
	t.is(saves.count, 1);
});

test('saving that fails is tried again, and holds up nothing', async t => {
	const { bench, saves } = await benchThatSaves();
	saves.fails = true;
	await bench.connect('n1', 'a');
	await bench.pass(60_000);
	t.true(saves.count > 1 && saves.count < 6, `${saves.count} tries`);
	const id = await bench.connect('n2', 'a');
	await bench.workers.idle();
	t.is((await bench.action(id)).status, 'DONE');
	saves.fails = false;
	await bench.pass(120_000);
	const count = saves.count;
	await bench.pass(600_000);
	t.is(saves.count, count);
});

test('what the last process may not have saved is saved by the next', async t => {
	const { bench, saves } = await benchThatSaves();
	await bench.workers.inspect('s1', false);
	await bench.pass(10_100);
	t.is(saves.count, 1);
});
