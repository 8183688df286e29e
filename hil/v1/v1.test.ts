import test from 'ava';
import { type HilBench, startHil } from '../hil.fixture.ts';
import { createMemoryObm } from '../obm/memory-obm.fixture.ts';
import { v1Routes } from './routes.ts';
import * as views from './views.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';

/** Projects red (alice) and blue (bob), `count` free nodes n1… with a NIC each. */
async function furnish(hil: HilBench, count: number): Promise<void> {
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	for (const [user, project] of [
		['alice', 'red'],
		['bob', 'blue'],
	]) {
		await hil.ok('PUT', `/v0/project/${project}`);
		await hil.ok('PUT', `/v0/auth/basic/user/${user}`, { password: user });
		await hil.ok('POST', `/v0/auth/basic/user/${user}/add_project`, { project });
	}
	for (let index = 1; index <= count; index++) {
		const metadata = {
			ram: index * 64,
			gpu: index % 2 === 0 ? ['A100'] : [],
			...(index > 2 && { tpm: true }),
		};
		await hil.ok('PUT', `/v0/node/n${index}`, {
			obmd: { uri: 'https://p/bmc/n', admin_token: '' },
			metadata,
		});
		await hil.ok('PUT', `/v0/node/n${index}/nic/eth0`, { macaddr: '' });
		await hil.ok('PUT', `/v0/switch/tor/port/gi1/0/${index}`);
		const plugged = { node: `n${index}`, nic: 'eth0' };
		await hil.ok('POST', `/v0/switch/tor/port/gi1/0/${index}/connect_nic`, plugged);
	}
}

const names = (body: unknown): string[] =>
	(body as { nodes: { name: string }[] }).nodes.map(({ name }) => name);

test('own projects; nodes by their properties, as far as one may look at them, page after page', async t => {
	const hil = await startHil(t);
	await furnish(hil, 6);
	t.deepEqual(await hil.ok('GET', '/v1/me', undefined, 'alice'), {
		name: 'alice',
		is_admin: false,
		projects: ['red'],
	});
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n4' }, 'alice');
	const search = (query: string, who = 'bob') => hil.ok('GET', `/v1/nodes?${query}`, undefined, who);
	const where = (text: string) => `where=${encodeURIComponent(text)}`;
	t.deepEqual(names(await search(where('ram >= 128 and tpm'))), ['n3', 'n5', 'n6']);
	t.deepEqual(names(await search(where('ram >= 128 and tpm'), 'alice')), ['n3', 'n4', 'n5', 'n6']);
	t.deepEqual(names(await search(where('gpu = A100'))), ['n2', 'n6']);
	t.deepEqual(names(await search(`${where('gpu = A100')}&free=true`, 'alice')), ['n2', 'n6']);
	t.deepEqual(names(await search(where('not tpm'))), ['n1', 'n2']);
	const first = (await search('limit=2')) as { next: string };
	t.deepEqual(names(first), ['n1', 'n2']);
	const second = await search(`limit=3&after=${first.next}`);
	t.deepEqual([names(second), (second as typeof first).next], [['n3', 'n5', 'n6'], null as never]);
	t.like((second as { nodes: object[] }).nodes[0], { project: null, properties: { ram: 192, tpm: true } });
	t.like(await hil.call('GET', '/v1/nodes?where=ram+%3E', undefined, 'bob'), {
		status: 400,
		body: { type: 'BadArgumentError' },
	});
	await hil.ok('PUT', '/v0/node/n1/metadata/gpu', { value: 'A100' });
	await hil.ok('DELETE', '/v0/node/n2/metadata/gpu');
	t.deepEqual(names(await search(where('gpu = A100'))), ['n1', 'n6'], 'the index follows');
});

test('several steps are taken together: nodes, networks and ports', async t => {
	const hil = await startHil(t);
	await furnish(hil, 3);
	const nodes = ['n1', 'n2', 'n3'];
	const steps = [
		{ do: 'create_network', network: 'inner', owner: 'red', access: 'red', net_id: '' },
		{ do: 'create_network', network: 'store', owner: 'red', access: 'red', net_id: '' },
		...nodes.map(node => ({ do: 'connect_node', project: 'red', node })),
		...nodes.flatMap(node => [
			{ do: 'connect_network', node, nic: 'eth0', network: 'inner' },
			{ do: 'connect_network', node, nic: 'eth0', network: 'store', channel: 'vlan/101' },
		]),
	];
	const tried = (await hil.ok('POST', '/v1/changes', { steps, dry_run: true })) as { ports: object[] };
	t.like(tried, { dry_run: true, actions: [] });
	t.deepEqual(tried.ports[1], {
		node: 'n2',
		nic: 'eth0',
		switch: 'tor',
		port: 'gi1/0/2',
		before: { native: null, tagged: [] },
		after: { native: 100, tagged: [101] },
	});
	const asTenant = (await hil.ok('POST', '/v1/changes', { steps, dry_run: true }, 'alice')) as typeof tried;
	t.deepEqual(Object.keys(asTenant.ports[1] ?? {}), ['node', 'nic', 'before', 'after']);
	t.deepEqual(await hil.ok('GET', '/v0/networks'), {}, 'nothing was changed');
	t.deepEqual(await hil.ok('GET', '/v0/nodes/free'), nodes);
	const made = (await hil.ok('POST', '/v1/changes', { steps }, 'alice')) as { actions: string[] };
	t.is(made.actions.length, 6);
	await hil.workers.idle();
	for (const index of [1, 2, 3]) {
		t.deepEqual(hil.mocks.at('tor').ports.get(`gi1/0/${index}`), { native: 100, tagged: [101] });
	}
	t.like(await hil.ok('GET', `/v1/action/${made.actions[5]}`, undefined, 'alice'), {
		status: 'DONE',
		attempts: 0,
		error: null,
		new_network: 'store',
	});
	t.is((await hil.call('GET', `/v1/action/${made.actions[5]}`, undefined, 'bob')).status, 401);
});

test('one step that cannot be taken undoes all, and is named', async t => {
	const hil = await startHil(t);
	await furnish(hil, 2);
	const connect = (node: string, project = 'red') => ({ do: 'connect_node', project, node });
	const cases: [steps: object[], type: string, message: RegExp][] = [
		[[connect('n1'), connect('n1')], 'BlockedError', /^Step 2 \(connect_node\)/],
		[[connect('n1'), connect('n2', 'blue')], 'AuthorizationError', /^Step 2/],
		[[connect('n1'), connect('n9')], 'NotFoundError', /^Step 2/],
		[[connect('n1'), { do: 'connect_node', node: 'n2' }], 'ValidationError', /project/],
		[[connect('n1'), { do: 'reboot', node: 'n2' }], 'ValidationError', /./],
		[[], 'ValidationError', /./],
	];
	for (const [steps, kind, message] of cases) {
		const answer = await hil.call('POST', '/v1/changes', { steps }, 'alice');
		t.like(answer.body, { type: kind }, JSON.stringify(steps));
		t.regex((answer.body as { msg: string }).msg, message);
	}
	t.deepEqual(await hil.ok('GET', '/v0/nodes/free'), ['n1', 'n2']);
});

test('a node moves from one network to another in one change, in order, and what cannot follow says so', async t => {
	const hil = await startHil(t);
	await furnish(hil, 1);
	const eth0 = { node: 'n1', nic: 'eth0' };
	const network = (name: string) => ({
		do: 'create_network',
		network: name,
		owner: 'red',
		access: 'red',
		net_id: '',
	});
	await hil.ok('POST', '/v1/changes', {
		steps: [
			network('a'),
			network('b'),
			{ do: 'connect_node', project: 'red', node: 'n1' },
			{ do: 'connect_network', ...eth0, network: 'a' },
		],
	});
	await hil.workers.idle();
	const move = (from: string, to: string) => ({
		steps: [
			{ do: 'detach_network', ...eth0, network: from },
			{ do: 'connect_network', ...eth0, network: to },
		],
	});
	await hil.ok('POST', '/v1/changes', move('a', 'b'), 'alice');
	await hil.workers.idle();
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: 101, tagged: [] });
	hil.mocks.at('tor').trouble = { kind: 'refuses', reason: 'no more changes today' };
	const { actions } = (await hil.ok('POST', '/v1/changes', move('b', 'a'), 'alice')) as { actions: string[] };
	await hil.workers.idle();
	const [first, second] = await Promise.all(actions.map(id => hil.ok('GET', `/v1/action/${id}`)));
	t.like(first, { status: 'ERROR', error: 'no more changes today' });
	t.like(second, { status: 'ERROR', error: 'channel vlan/native is still in use by network b' });
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: 101, tagged: [] });
});

test('ports that were changed behind its back are found, and put right', async t => {
	const hil = await startHil(t);
	await furnish(hil, 3);
	const mock = hil.mocks.at('tor');
	await hil.ok('POST', '/v1/changes', {
		steps: [
			{ do: 'create_network', network: 'inner', owner: 'red', access: 'red', net_id: '' },
			{ do: 'connect_node', project: 'red', node: 'n1' },
			{ do: 'connect_network', node: 'n1', nic: 'eth0', network: 'inner' },
		],
	});
	await hil.workers.idle();
	t.deepEqual(await hil.ok('GET', '/v1/switch/tor/drift'), { ports: [] });
	mock.ports.set('gi1/0/1', { native: null, tagged: [] });
	mock.ports.set('gi1/0/3', { native: 100, tagged: [] });
	const clear = { native: null, tagged: [] };
	const inner = { native: 100, tagged: [] };
	const drift = [
		{ port: 'gi1/0/1', nic: 'n1/eth0', recorded: inner, found: clear, repaired: false, error: null },
		{ port: 'gi1/0/3', nic: 'n3/eth0', recorded: clear, found: inner, repaired: false, error: null },
	];
	t.deepEqual(await hil.ok('GET', '/v1/switch/tor/drift'), { ports: drift });
	t.is((await hil.call('GET', '/v1/switch/tor/drift', undefined, 'alice')).status, 401);
	t.is((await hil.call('POST', '/v1/switch/none/repair')).status, 404);
	mock.trouble = { kind: 'away' };
	t.like(await hil.call('GET', '/v1/switch/tor/drift'), { status: 503, body: { type: 'SwitchAway' } });
	mock.trouble = undefined;
	t.deepEqual(await hil.ok('POST', '/v1/switch/tor/repair'), {
		ports: drift.map(each => ({ ...each, repaired: true })),
	});
	t.deepEqual([mock.ports.get('gi1/0/1'), mock.ports.get('gi1/0/3')], [inner, clear]);
	t.deepEqual(await hil.ok('GET', '/v1/switch/tor/drift'), { ports: [] });
});

test('administrators see of every switch whether it answers, what waits, what went wrong and what the last look found', async t => {
	const hil = await startHil(t);
	await furnish(hil, 2);
	await hil.ok('PUT', '/v0/switch/attic', { type, hostname: 'attic', username: 'u', password: 'p' });
	await hil.ok('POST', '/v0/switch/tor/port/gi1/0/2/revert');
	await hil.workers.idle();
	hil.mocks.at('tor').ports.set('gi1/0/2', { native: 5, tagged: [] });
	await hil.ok('GET', '/v1/switch/tor/drift');
	hil.mocks.at('tor').trouble = { kind: 'away' };
	await hil.ok('POST', '/v0/switch/tor/port/gi1/0/1/revert');
	await hil.workers.idle();
	const at = new Date(hil.clock.now()).toISOString();
	const tor = {
		name: 'tor',
		type,
		reachable: false,
		since: at,
		queued: 1,
		last_error: { at, message: 'the mock switch is away' },
		last_check: { at, ports: 2, drifted: 1, repaired: 0 },
	};
	const unmet = { reachable: null, since: null, queued: 0, last_error: null, last_check: null };
	t.deepEqual(await hil.ok('GET', '/v1/switches'), { switches: [{ name: 'attic', type, ...unmet }, tor] });
	const clear = { native: null, tagged: [] };
	const found = { native: 5, tagged: [] };
	const port = { port: 'gi1/0/2', nic: 'n2/eth0', recorded: clear, found, repaired: false, error: null };
	t.deepEqual(await hil.ok('GET', '/v1/switch/tor'), { ...tor, drifted: [port] });
	for (const path of ['/v1/switches', '/v1/switch/tor'])
		t.is((await hil.call('GET', path, undefined, 'alice')).status, 401);
	t.is((await hil.call('GET', '/v1/switch/none')).status, 404);
	await hil.ok('DELETE', '/v0/switch/attic');
	t.deepEqual(await hil.ok('GET', '/v1/switches'), { switches: [tor] });
});

test('a device that is gone is replaced under its name: what was pending is done there', async t => {
	const hil = await startHil(t);
	await furnish(hil, 1);
	hil.mocks.at('tor').trouble = { kind: 'away' };
	await hil.ok('POST', '/v1/changes', {
		steps: [
			{ do: 'create_network', network: 'inner', owner: 'red', access: 'red', net_id: '' },
			{ do: 'connect_node', project: 'red', node: 'n1' },
			{ do: 'connect_network', node: 'n1', nic: 'eth0', network: 'inner' },
		],
	});
	await hil.workers.idle();
	t.like(await hil.ok('GET', '/v1/switch/tor'), { reachable: false, queued: 1 });
	const settings = { type, hostname: 'spare', username: 'u', password: 'new' };
	t.is((await hil.call('PUT', '/v1/switch/tor', settings, 'alice')).status, 401);
	await hil.ok('PUT', '/v1/switch/tor', settings);
	await hil.workers.idle();
	t.like(await hil.ok('GET', '/v1/switch/tor'), { reachable: true, queued: 0, last_error: null });
	t.deepEqual(hil.mocks.at('spare').ports.get('gi1/0/1'), { native: 100, tagged: [] });
});

test('who waits for an action is answered when it ends, or when the time is up', async t => {
	const hil = await startHil(t);
	await furnish(hil, 1);
	hil.mocks.at('tor').trouble = { kind: 'away' };
	const { status_id } = (await hil.ok('POST', '/v0/switch/tor/port/gi1/0/1/revert')) as { status_id: string };
	const path = `/v1/action/${status_id}`;
	await hil.workers.idle();
	const late = hil.ok('GET', `${path}?wait=200`);
	const inTime = hil.ok('GET', `${path}?wait=30000`);
	while ((await hil.call('GET', '/v1/me')).status !== 200);
	hil.mocks.at('tor').trouble = undefined;
	hil.clock.advance(200);
	t.like(await late, { status: 'PENDING', attempts: 1 });
	hil.clock.advance(1000);
	t.like(await inTime, { status: 'DONE' });
	t.is((await hil.call('GET', `${path}?wait=40000`)).status, 400);
	t.like(await hil.ok('GET', `${path}?wait=30000`), { status: 'DONE' }, 'already');
});

test('what is pending for a node is told to those who may manage it, and gone when it is over', async t => {
	const obm = createMemoryObm();
	const hil = await startHil(t, { obm });
	await furnish(hil, 1);
	const look = async (who = 'alice') =>
		views.pending.parse(await hil.ok('GET', '/v1/node/n1/pending', undefined, who)).pending;
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' }, 'alice');
	t.deepEqual(await look(), []);
	t.is((await hil.call('GET', '/v1/node/n1/pending', undefined, 'bob')).status, 401);
	t.is((await hil.call('GET', '/v1/node/none/pending')).status, 404);

	const machine = obm.at('https://p/bmc/n');
	machine.mustWait = true;
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: true }, 'alice');
	const { status_id: power } = (await hil.ok('POST', '/v0/node/n1/power_off', undefined, 'alice')) as {
		status_id: string;
	};
	hil.clock.advance(1000);
	hil.mocks.at('tor').trouble = { kind: 'away' };
	await hil.ok('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' }, 'alice');
	const path = '/v0/node/n1/nic/eth0/connect_network';
	const { status_id: port } = (await hil.ok('POST', path, { network: 'inner' }, 'alice')) as {
		status_id: string;
	};
	await hil.workers.idle();
	const none = { nic: null, network: null, waits_for: null, attempts: 0, error: null };
	const later = { asked_at: new Date(hil.clock.now()).toISOString() };
	const changed = { id: port, type: 'modify_port', nic: 'eth0', network: 'inner', ...later };
	const [first, second] = await look();
	const asked = { asked_at: new Date(hil.clock.now() - 1000).toISOString() };
	t.deepEqual(first, { ...none, id: power, type: 'power_off', waits_for: 'CP', ...asked });
	t.deepEqual(second, { ...none, ...changed, attempts: 1, error: 'the mock switch is away' });

	// Decided on at the proxy: nobody has looked since.
	obm.decide([...obm.requests.keys()][0] ?? '', true);
	t.deepEqual(
		(await look()).map(({ id }) => id),
		[port],
	);
	hil.mocks.at('tor').trouble = undefined;
	hil.clock.advance(1000);
	await hil.workers.idle();
	t.deepEqual(await look(), []);
	machine.power = 'on';
	const { status_id: release } = (await hil.ok(
		'POST',
		'/v1/project/red/release_node',
		{ node: 'n1' },
		'alice',
	)) as { status_id: string };
	await hil.departures.idle();
	t.like(await look(), [{ id: release, type: 'release', waits_for: 'CP' }]);
});

test('what goes beyond HIL describes itself as well', async t => {
	const hil = await startHil(t);
	const description = (await hil.ok('GET', '/v1/openapi.json')) as { paths: object };
	const served = v1Routes().map(({ path }) => `/v1${path}`);
	t.deepEqual(Object.keys(description.paths).sort(), [...new Set(served)].sort());
});

test('topology: answers are as they are described, with places as far as the site tells them', async t => {
	for (const showsPortsToProjects of [false, true]) {
		const hil = await startHil(t, { showsPortsToProjects });
		await furnish(hil, 3);
		await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' }, 'alice');
		await hil.ok('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' }, 'alice');
		await hil.ok('POST', '/v0/node/n1/nic/eth0/connect_network', { network: 'inner' }, 'alice');
		await hil.workers.idle();
		const place = { switch: 'tor', port: 'gi1/0/1' };
		const carried = { networks: [{ network: 'inner', channel: 'vlan/native', vlan: 100 }], pending: false };
		const nic = { label: 'eth0', macaddr: '', ...carried };
		const own = await hil.ok('GET', '/v1/topology?project=red', undefined, 'alice');
		t.deepEqual(views.topology.parse(own), {
			nodes: [{ name: 'n1', project: 'red', nics: [{ ...nic, ...(showsPortsToProjects && place) }] }],
			next: null,
		});
		t.deepEqual(await hil.ok('GET', '/v1/topology', undefined, 'bob'), { nodes: [], next: null });
		t.is((await hil.call('GET', '/v1/topology?project=red', undefined, 'bob')).status, 401);
		const all = views.topology.parse(await hil.ok('GET', '/v1/topology?limit=2'));
		t.deepEqual([names(all), all.next], [['n1', 'n2'], 'n2']);
		t.deepEqual(all.nodes[0]?.nics, [{ ...nic, ...place }]);
		const ports = views.ports.parse(await hil.ok('GET', '/v1/switch/tor/ports?limit=1'));
		t.deepEqual(ports, {
			ports: [{ port: 'gi1/0/1', node: 'n1', nic: 'eth0', project: 'red', ...carried }],
			next: 'gi1/0/1',
		});
		const rest = views.ports.parse(await hil.ok('GET', `/v1/switch/tor/ports?after=${ports.next}`));
		t.is(rest.ports.length, 2);
		t.is((await hil.call('GET', '/v1/topology?limit=0')).status, 400);
	}
});
