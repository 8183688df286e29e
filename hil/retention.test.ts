import test from 'ava';
import { FakeClock } from '../common/clock.ts';
import { silentLogger } from '../common/log/logger.ts';
import { completeAction } from './core/actions.ts';
import { createBench } from './core/bench.fixture.ts';
import { completeDeparture, releaseNode } from './core/departures.ts';
import { connectNode } from './core/projects.ts';
import { revertPort } from './core/switches.ts';
import { actions } from './model/action.ts';
import { departures } from './model/departure.ts';
import { createRetention } from './retention.ts';

test('what has ended is forgotten by itself when its time is over', async t => {
	const bench = await createBench();
	await bench.furnish({ projects: ['red'], nodes: ['n0', 'n1'] });
	const done = await bench.do('port.revert', revertPort, { switch: 's1', port: 'p0' });
	await bench.do('port.revert', revertPort, { switch: 's1', port: 'p1' });
	await bench.inside(tx => completeAction(tx, done.id, 2000));
	await bench.do('project.connect-node', connectNode, { project: 'red', node: 'n0' });
	const left = await bench.do('node.release', releaseNode, { project: 'red', node: 'n0' });
	await bench.inside(tx => completeDeparture(tx, left.id, bench.world()));

	// What the bench asks for was asked for at 1000.
	const clock = new FakeClock(1000);
	const hour = 3_600_000;
	const retention = createRetention({ store: bench.store, keep: 2 * hour, clock, logger: silentLogger });
	t.teardown(() => retention.close());
	retention.wake();
	const counts = () =>
		bench.store.read(async tx => [await tx.count(actions), await tx.count(departures)] as const);
	const pass = async () => {
		clock.advance(hour);
		await retention.idle();
	};
	await retention.idle();
	await pass();
	await pass();
	t.deepEqual(await counts(), [2, 1]);
	await pass();
	t.deepEqual(await counts(), [1, 0], 'what is pending stays');
});
