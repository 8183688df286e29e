import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { openLowdbStore } from '../../common/store/lowdb-store.ts';
import type { Call } from '../call.ts';
import { createBmcTasks } from './bmc-tasks.ts';

const monitor = '/redfish/v1/TaskService/TaskMonitors/0';
const call = (name: string, bmc: string, path: string, prefix = ''): Call =>
	({ request: { path }, operator: { name, party: 'HSO' }, bmc: { target: { name: bmc } }, prefix }) as Call;

test('only whose request began a task reads its result, on that BMC, and not for ever', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bmc-tasks-'));
	const clock = new FakeClock();
	const store = await openLowdbStore({ file: join(folder, 'store.json') });
	t.teardown(async () => {
		await store.close();
		await rm(folder, { recursive: true });
	});
	const tasks = createBmcTasks({ store, clock });
	const may = async (name: string, bmc = 'node1', path = monitor) =>
		tasks.requireOwner(call(name, bmc, path)).then(
			() => true,
			() => false,
		);

	await tasks.began(
		call('a', 'node1', '/redfish/v1/UpdateService/update', '/bmc/node1'),
		`/bmc/node1${monitor}/`,
	);
	await tasks.began(call('b', 'node1', '/x'), '/redfish/v1/SessionService/Sessions/1');
	await tasks.began(call('b', 'node1', '/x'), undefined);
	t.true(await may('a'));
	t.false(await may('b'));
	t.false(await may('a', 'node2'));
	t.false(await may('a', 'node1', '/redfish/v1/SessionService/Sessions/1'));
	t.false(await may('b', 'node1', '/redfish/v1/SessionService/Sessions/1'));

	await tasks.began(call('b', 'node1', '/x'), monitor); // the BMC restarted and counts from 0 again
	t.true(await may('b'));
	t.false(await may('a'));
	clock.advance(8 * 24 * 3_600_000);
	await tasks.began(call('a', 'node1', '/x'), `${monitor}1`);
	t.false(await may('b'));
});
