import test from 'ava';
import { startHil } from '../hil.fixture.ts';
import { createMemoryObm } from '../obm/memory-obm.fixture.ts';

const uri = 'https://p/bmc/n1';

test('a node is released when its lease ends, not before, whatever its project does', async t => {
	const obm = createMemoryObm();
	const hil = await startHil(t, { obm });
	await hil.ok('PUT', '/v0/project/red');
	await hil.ok('PUT', '/v0/auth/basic/user/alice', { password: 'alice' });
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'red' });
	await hil.ok('PUT', '/v0/node/n1', { obmd: { uri, admin_token: '' } });
	const until = new Date(hil.clock.now() + 3_600_000).toISOString();
	const lease = (of: string | null, who = 'root') => hil.call('PUT', '/v1/node/n1/lease', { until: of }, who);
	t.like(await lease(until), { status: 409, body: { type: 'BlockedError' } }, 'it is free');
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' }, 'alice');
	t.is((await lease(null, 'alice')).status, 401);
	t.is((await lease('tomorrow')).status, 400);
	t.is((await lease(until)).status, 200);
	t.deepEqual(await hil.ok('GET', '/v1/project/red', undefined, 'alice'), {
		name: 'red',
		quota: { nodes: null, networks: null },
		nodes: 1,
		networks: 0,
		managed: [],
		leases: { n1: until },
	});
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: true }, 'alice');
	t.like(await hil.ok('GET', '/v1/project/red'), { managed: ['n1'] });
	const isFree = async () => ((await hil.ok('GET', '/v0/nodes/free')) as string[]).includes('n1');
	const pass = async (ms: number) => {
		for (let passed = 0; passed < ms; passed += 60_000) {
			hil.clock.advance(60_000);
			await hil.leases.idle();
			await hil.departures.idle();
		}
	};
	await hil.leases.idle();
	await pass(3_540_000);
	t.false(await isFree());
	await pass(60_000);
	t.true(await isFree());
	t.deepEqual(obm.at(uri).done, ['off', 'boot none']);
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' }, 'alice');
	await pass(7_200_000);
	t.false(await isFree(), 'the end was of the last lease');
	t.is((await lease(new Date(0).toISOString())).status, 200);
	await hil.leases.idle();
	await hil.departures.idle();
	t.true(await isFree(), 'an end that is past ends it now');
});

test('a project has no more nodes and networks than it may', async t => {
	const hil = await startHil(t);
	await hil.ok('PUT', '/v0/project/red');
	for (const node of ['n1', 'n2'])
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri, admin_token: '' } });
	await hil.ok('PUT', '/v1/project/red/quota', { nodes: 1, networks: 0 });
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' });
	const blocked = { status: 409, body: { type: 'BlockedError' } };
	t.like(await hil.call('POST', '/v0/project/red/connect_node', { node: 'n2' }), blocked);
	const network = { owner: 'red', access: 'red', net_id: '' };
	t.like(await hil.call('PUT', '/v0/network/n', network), blocked);
	const steps = [
		{ do: 'detach_node', project: 'red', node: 'n1' },
		{ do: 'connect_node', project: 'red', node: 'n2' },
	];
	await hil.ok('POST', '/v1/changes', { steps });
	await hil.ok('PUT', '/v1/project/red/quota', { nodes: 0, networks: null });
	await hil.ok('PUT', '/v0/network/n', network);
	t.like(await hil.ok('GET', '/v1/project/red'), {
		nodes: 1,
		networks: 1,
		quota: { nodes: 0, networks: null },
	});
	t.is((await hil.call('PUT', '/v1/project/red/quota', { nodes: -1, networks: 1 })).status, 400);
});
