import test from 'ava';
import { nodes } from '../model/node.ts';
import { alice, createBench } from './bench.fixture.ts';
import { endLease, setLease } from './leases.ts';
import { connectNode, detachNode } from './projects.ts';

test('a node that was given back and taken again is not taken away by the end of the lease before', async t => {
	const bench = await createBench();
	await bench.furnish({ projects: ['red'], nodes: ['n1'] });
	const taken = { project: 'red', node: 'n1' };
	const end = () => bench.inside(tx => endLease(tx, 'n1', bench.world()));
	const lease = (until: number | null) =>
		bench.do('node.set-lease', setLease, {
			node: 'n1',
			until: until === null ? null : new Date(until).toISOString(),
		});
	t.is(await end(), undefined, 'it is free');
	await bench.do('project.connect-node', connectNode, taken, alice);
	const { now } = bench.world();
	await lease(now - 1);
	await bench.do('project.detach-node', detachNode, taken, alice);
	await bench.do('project.connect-node', connectNode, taken, alice);
	t.is(await end(), undefined, 'this time it has no lease');
	await lease(now + 1);
	t.is(await end(), undefined, 'its end is to come');
	await lease(now);
	t.like(await end(), { node: 'n1', project: 'red' });
	t.true((await bench.store.read(tx => tx.get(nodes, 'n1')))?.leaving);
	t.is(await end(), undefined, 'it is leaving already');
});
