// The journal of what is to become of ports.
import test from 'ava';
import { nics } from '../model/node.ts';
import { pendingOn, planAction } from './actions.ts';
import { codeOf, withNetworks } from './bench.fixture.ts';
import * as device from './switches.ts';

test('an action whose NIC lost its port is told from one to carry out; actions come in their order', async t => {
	const { bench, attach, done } = await withNetworks();
	await done((await attach('rednet')).id);
	const port = { switch: 's1', port: 'p0' };
	const revert = await bench.do('port.revert', device.revertPort, port);
	t.is(await codeOf(bench.do('port.revert', device.revertPort, port)), 'BlockedError');
	const second = await bench.do('port.revert', device.revertPort, { switch: 's1', port: 'p1' });
	const pending = await bench.store.read(tx => pendingOn(tx, 's1'));
	t.deepEqual(
		pending.map(({ id }) => id),
		[revert.id, second.id],
	);
	t.like(await bench.store.read(tx => planAction(tx, revert.id)), {
		kind: 'change',
		port: 'p0',
		before: { native: 100, tagged: [] },
		wanted: { native: null, tagged: [] },
	});
	await bench.inside(async tx => {
		const found = await tx.get(nics, 'n1/eth0');
		if (found) await tx.put(nics, 'n1/eth0', { ...found, port: null });
	});
	t.is((await bench.store.read(tx => planAction(tx, revert.id))).kind, 'lost');
	await done(second.id);
	t.is((await bench.store.read(tx => planAction(tx, second.id))).kind, 'ended');
});
