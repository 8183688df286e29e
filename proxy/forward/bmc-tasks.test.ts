import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { openLowdbStore } from '../../common/store/lowdb-store.ts';
import type { Call } from '../call.ts';
import { plainRequest } from '../canonicalise/plain-request.ts';
import { createLanes } from '../decide/lanes.ts';
import type { PostPolicy } from '../policy/policy-set.ts';
import { testOperation, testPolicySet } from '../policy/test-operation.ts';
import { createBmcTasks } from './bmc-tasks.ts';

const monitor = '/redfish/v1/TaskService/TaskMonitors/0';
const call = (name: string, bmc: string, path: string, prefix = ''): Call =>
	({
		request: plainRequest('GET', path),
		operator: { name, party: 'HSO' },
		bmc: { target: { name: bmc } },
		prefix,
	}) as Call;

test('only whose request began a task reads its result, on that BMC, and not for ever', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bmc-tasks-'));
	const clock = new FakeClock();
	const store = await openLowdbStore({ file: join(folder, 'store.json') });
	t.teardown(async () => {
		await store.close();
		await rm(folder, { recursive: true });
	});
	const tasks = createBmcTasks({
		store,
		clock,
		lanes: createLanes(),
		policies: () => testPolicySet(),
		show: async (_call, sight) => sight,
	});
	const began = (who: Call, location: string | undefined) =>
		tasks.began(who, { headers: location === undefined ? {} : { location }, json: undefined }, []);
	const may = async (name: string, bmc = 'node1', path = monitor) =>
		tasks.requireOwner(call(name, bmc, path)).then(
			() => true,
			() => false,
		);

	await began(call('a', 'node1', '/redfish/v1/UpdateService/update', '/bmc/node1'), `/bmc/node1${monitor}/`);
	await began(call('b', 'node1', '/x'), '/redfish/v1/SessionService/Sessions/1');
	await began(call('b', 'node1', '/x'), undefined);
	t.true(await may('a'));
	t.false(await may('b'));
	t.false(await may('a', 'node2'));
	t.false(await may('a', 'node1', '/redfish/v1/SessionService/Sessions/1'));
	t.false(await may('b', 'node1', '/redfish/v1/SessionService/Sessions/1'));

	await began(call('b', 'node1', '/x'), monitor); // the BMC restarted and counts from 0 again
	t.true(await may('b'));
	t.false(await may('a'));
	clock.advance(8 * 24 * 3_600_000);
	await began(call('a', 'node1', '/x'), `${monitor}1`);
	t.false(await may('b'));
});

test('a result is kept over a restart of the proxy, and shaped as the 202 was', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bmc-tasks-'));
	const store = await openLowdbStore({ file: join(folder, 'store.json') });
	t.teardown(async () => {
		await store.close();
		await rm(folder, { recursive: true });
	});
	const hide = (path: string): PostPolicy[] => [
		{ kind: 'mask', source: '', where, schema: 'Task', path: [path], value: null },
	];
	const row = testOperation({ name: 'Begin', clauses: ['HSO and cp'], policies: { CP: hide('Secret') } });
	let set = testPolicySet(row);
	const open = () =>
		createBmcTasks({
			store,
			clock: new FakeClock(),
			lanes: createLanes(),
			policies: () => set,
			show: async (_call, sight) => sight,
		});
	const answers = [
		{ '@odata.type': '#Task.v1_4_3.Task', Secret: 1, Open: 2 },
		{ '@odata.type': '#Task.v1_4_3.Task', Secret: 3, Open: 4 },
	].map(body => ({
		status: 200,
		headers: { 'content-type': 'application/json' },
		body: Buffer.from(JSON.stringify(body)),
	}));
	let asked = 0;
	const bmc = {
		target: { name: 'node1' },
		send: async () => answers[asked++] ?? { status: 404, headers: {}, body: Buffer.alloc(0) },
	};
	const poll = (path: string) =>
		({ ...call('a', 'node1', path), bmc, request: plainRequest('GET', path) }) as unknown as Call;
	const posts = row.policies.get('CP')?.post ?? [];
	const begin = (path: string) =>
		open().began(call('a', 'node1', '/x'), { headers: { location: path }, json: undefined }, [posts]);

	await begin(monitor);
	for (let i = 0; i < 2; i++) {
		const found = await open().collect(poll(monitor));
		t.is(found.kind, 'ended');
		t.is(
			Buffer.from(found.answer.body ?? '').toString(),
			'{"@odata.type":"#Task.v1_4_3.Task","Secret":null,"Open":2}',
		);
	}
	t.is(asked, 1);

	// Of policies that are gone meanwhile nobody knows what they would hide: it is not even asked for.
	const other = `${monitor}9`;
	await begin(other);
	set = testPolicySet(testOperation({ name: 'Begin', clauses: ['HSO'] }));
	await t.throwsAsync(open().collect(poll(other)), { code: 'PolicyDenied' });
	t.is(asked, 1);
	await begin(other);
	set = testPolicySet(row);
	await t.throwsAsync(open().collect(poll(other)), { code: 'PolicyDenied' }, 'begun while they changed');
	t.is(asked, 1);
});

const where = { file: 'test', line: 1, column: 1 };
