import test from 'ava';
import { actions } from '../model/action.ts';
import { completeAction, failAction } from './actions.ts';
import { createBench } from './bench.fixture.ts';
import { completeDeparture, releaseNode, revertPorts } from './departures.ts';
import { connectNode } from './projects.ts';
import { pruneActions } from './prune.ts';
import { revertPort } from './switches.ts';

test('what has ended is forgotten when it is old; what is pending never', async t => {
	const bench = await createBench();
	await bench.furnish({ projects: [], nodes: Array.from({ length: 4 }, (_, index) => `n${index}`) });
	const revert = (port: string) => bench.do('port.revert', revertPort, { switch: 's1', port });
	const [done, failed, pending] = [await revert('p0'), await revert('p1'), await revert('p2')];
	await bench.inside(tx => completeAction(tx, done.id, 2000));
	await bench.inside(tx => failAction(tx, failed.id, 'no', 2000));
	await pruneActions(bench.store, 1000);
	t.is(await bench.store.read(tx => tx.count(actions)), 3);
	await pruneActions(bench.store, 1001);
	t.deepEqual(
		(await bench.store.read(tx => tx.list(actions))).map(({ id }) => id),
		[pending.id],
	);
});

test('what a node on its way out goes by is kept until it has left', async t => {
	const bench = await createBench();
	await bench.furnish({ projects: ['red'], nodes: ['n0'] });
	await bench.do('project.connect-node', connectNode, { project: 'red', node: 'n0' });
	const { id } = await bench.do('node.release', releaseNode, { project: 'red', node: 'n0' });
	await bench.inside(tx => revertPorts(tx, id, bench.world()));
	const [action] = await bench.store.read(tx => tx.list(actions));
	await bench.inside(tx => completeAction(tx, action?.id ?? '', 2000));
	await pruneActions(bench.store, 5000);
	t.is(await bench.store.read(tx => tx.count(actions)), 1);
	await bench.inside(tx => completeDeparture(tx, id, bench.world()));
	await pruneActions(bench.store, 5000);
	t.is(await bench.store.read(tx => tx.count(actions)), 0);
});
