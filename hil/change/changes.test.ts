// A change is taken by all switches or by none: what one of them refuses is put back on the others, and in the records.
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { type HilBench, startHil } from '../hil.fixture.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
const nothing = { native: null, tagged: [] };
type Step = { readonly do: string } & Readonly<Record<string, string>>;

/** Project red of alice, networks a and b of it, free nodes n1… each on a switch of its own (s1…). */
async function start(t: Pick<ExecutionContext, 'teardown'>, count: number, store = createMemoryStore()) {
	const hil = await startHil(t, { store });
	const isNew = ((await hil.ok('GET', '/v0/projects')) as string[]).length === 0;
	if (!isNew) return hil;
	await hil.ok('PUT', '/v0/project/red');
	await hil.ok('PUT', '/v0/auth/basic/user/alice', { password: 'alice' });
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'red' });
	for (const network of ['a', 'b']) {
		await hil.ok('PUT', `/v0/network/${network}`, { owner: 'red', access: 'red', net_id: '' });
	}
	for (let index = 1; index <= count; index++) {
		const [node, label] = [`n${index}`, `s${index}`];
		await hil.ok('PUT', `/v0/switch/${label}`, { type, hostname: label, username: 'u', password: 'p' });
		await hil.ok('PUT', `/v0/switch/${label}/port/gi1/0/1`);
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri: 'https://p/bmc/n', admin_token: '' } });
		await hil.ok('PUT', `/v0/node/${node}/nic/eth0`, { macaddr: '' });
		await hil.ok('POST', `/v0/switch/${label}/port/gi1/0/1/connect_nic`, { node, nic: 'eth0' });
	}
	return hil;
}

const take = (node: string): Step => ({ do: 'connect_node', project: 'red', node });
const put = (node: string, network: string): Step => ({ do: 'connect_network', node, nic: 'eth0', network });
const off = (node: string, network: string): Step => ({ do: 'detach_network', node, nic: 'eth0', network });

interface Shown {
	readonly status: string;
	readonly actions: readonly string[];
	readonly error: string | null;
	readonly problems: readonly string[];
}

async function settle(hil: HilBench): Promise<void> {
	for (let quiet = 0; quiet < 2; quiet++) {
		await hil.workers.idle();
		await hil.changes.idle();
	}
}

async function make(hil: HilBench, steps: readonly Step[], who = 'alice'): Promise<() => Promise<Shown>> {
	const { id } = (await hil.ok('POST', '/v1/changes', { steps }, who)) as { id: string };
	return async () => (await hil.ok('GET', `/v1/change/${id}`, undefined, who)) as Shown;
}

/** All that a change can touch, on the switches and in the records. */
async function everything(hil: HilBench, count: number): Promise<unknown> {
	const nodes = Array.from({ length: count }, (_, index) => `n${index + 1}`);
	return {
		ports: nodes.map((_, index) => hil.mocks.at(`s${index + 1}`).ports.get('gi1/0/1') ?? nothing),
		nodes: await Promise.all(nodes.map(node => hil.ok('GET', `/v0/node/${node}`))),
		networks: await hil.ok('GET', '/v0/networks'),
	};
}

test('what one switch refuses is put back on the others, and in the records', async t => {
	const hil = await start(t, 3);
	const before = await everything(hil, 3);
	hil.mocks.at('s3').trouble = { kind: 'refuses', reason: 'VLAN table full' };
	const own = { do: 'create_network', network: 'own', owner: 'red', access: 'red', net_id: '' };
	const nodes = ['n1', 'n2', 'n3'];
	const show = await make(hil, [own, ...nodes.map(take), ...nodes.map(node => put(node, 'own'))]);
	await settle(hil);
	t.like(await show(), { status: 'UNDONE', error: 'n3/eth0: VLAN table full', problems: [] });
	t.deepEqual(await everything(hil, 3), before);
	t.is((await show()).actions.length, 5, 'two were put back');
	hil.mocks.at('s3').trouble = undefined;
	const again = await make(hil, [own, ...nodes.map(take), ...nodes.map(node => put(node, 'own'))]);
	await settle(hil);
	t.like(await again(), { status: 'DONE', error: null });
	t.deepEqual(hil.mocks.at('s2').ports.get('gi1/0/1'), { native: 102, tagged: [] });
});

test('what was taken off comes back on its channel; a lease comes back with its node', async t => {
	const hil = await start(t, 2);
	await make(hil, [take('n1'), take('n2'), { ...put('n1', 'a'), channel: 'vlan/100' }]);
	await settle(hil);
	await hil.ok('PUT', '/v1/node/n1/lease', { until: '2027-01-01T00:00:00Z' });
	await hil.ok('PUT', '/v1/node/n2/lease', { until: '2027-01-02T00:00:00Z' });
	const before = [await everything(hil, 2), await hil.ok('GET', '/v1/project/red')];
	hil.mocks.at('s2').trouble = { kind: 'half' };
	const out = { do: 'detach_node', project: 'red', node: 'n2' };
	const show = await make(hil, [off('n1', 'a'), put('n1', 'b'), out, take('n2'), put('n2', 'b')]);
	await settle(hil);
	t.like(await show(), { status: 'UNDONE', error: 'n2/eth0: % Incomplete command.' });
	t.deepEqual([await everything(hil, 2), await hil.ok('GET', '/v1/project/red')], before);
});

test('what cannot be put back is told, and the rest is', async t => {
	const hil = await start(t, 2);
	const [one, other] = [hil.mocks.at('s1'), hil.mocks.at('s2')];
	other.trouble = { kind: 'away' };
	const show = await make(hil, [take('n1'), take('n2'), put('n1', 'a'), put('n2', 'a')]);
	await hil.workers.idle();
	t.is((await show()).status, 'PENDING');
	t.deepEqual(one.ports.get('gi1/0/1'), { native: 100, tagged: [] });
	await hil.ok('PUT', '/v0/node/n2/obm', { enabled: true }, 'alice');
	other.trouble = { kind: 'refuses', reason: 'no' };
	hil.clock.advance(1000);
	await settle(hil);
	const { status, problems } = await show();
	t.is(status, 'ERROR');
	t.is(problems.length, 1);
	t.regex(problems[0] ?? '', /management of node n2 is enabled/);
	t.deepEqual(one.ports.get('gi1/0/1'), nothing);
	t.like(await hil.ok('GET', '/v0/node/n1'), { project: null });
	t.like(await hil.ok('GET', '/v0/node/n2'), { project: 'red' });
});

test('a process that ends while something is put back leaves that to the next', async t => {
	const store = createMemoryStore();
	const hil = await start(t, 2, store);
	hil.mocks.at('s2').trouble = { kind: 'refuses', reason: 'no' };
	await hil.changes.close();
	const show = await make(hil, [take('n1'), take('n2'), put('n1', 'a'), put('n2', 'a')]);
	await hil.workers.idle();
	t.is((await show()).status, 'PENDING', 'nobody looks after it');
	const next = await start(t, 2, store);
	next.mocks.at('s1').ports.set('gi1/0/1', { native: 100, tagged: [] });
	await next.changes.start();
	await settle(next);
	t.like(await show(), { status: 'UNDONE', error: 'n2/eth0: no', problems: [] });
	t.deepEqual(next.mocks.at('s1').ports.get('gi1/0/1'), nothing);
});

test('networks are deleted in changes of their own; only members of all its projects look at a change', async t => {
	const hil = await start(t, 2);
	await hil.ok('PUT', '/v0/project/blue');
	await hil.ok('PUT', '/v0/network/open', { owner: 'admin', access: '', net_id: '' });
	const steps = [take('n1'), put('n1', 'a'), { do: 'delete_network', network: 'b' }];
	const refused = await hil.call('POST', '/v1/changes', { steps }, 'alice');
	t.like(refused, { status: 400, body: { type: 'BadArgumentError' } });
	const blue = { do: 'connect_node', project: 'blue', node: 'n2' };
	const made = await hil.ok('POST', '/v1/changes', {
		steps: [take('n1'), blue, put('n1', 'open'), put('n2', 'open')],
	});
	const path = `/v1/change/${(made as { id: string }).id}`;
	t.is((await hil.call('GET', path, undefined, 'alice')).status, 401);
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'blue' });
	await settle(hil);
	t.like(await hil.ok('GET', `${path}?wait=1000`, undefined, 'alice'), { status: 'DONE' });
	const records = [{ do: 'delete_network', network: 'b' }];
	t.like(await hil.ok('POST', '/v1/changes', { steps: records }, 'alice'), { id: null, actions: [] });
});

test('whatever is asked for, and whichever switches refuse: all of it is so, or everything is as before', async t => {
	const count = 3;
	const hil = await start(t, count);
	const aNode = fc.constantFrom('n1', 'n2', 'n3');
	const aNetwork = fc.constantFrom('a', 'b');
	const aStep = fc.oneof(
		aNode.map(take),
		fc.tuple(aNode, aNetwork).map(([node, network]) => put(node, network)),
		fc.tuple(aNode, aNetwork).map(([node, network]) => off(node, network)),
		aNode.map((node): Step => ({ do: 'detach_node', project: 'red', node })),
	);
	const refusing = fc.array(fc.boolean(), { minLength: count, maxLength: count });
	const ends = new Map<string, number>();
	await fc.assert(
		fc.asyncProperty(fc.array(aStep, { minLength: 1, maxLength: 4 }), refusing, async (steps, refuses) => {
			const before = await everything(hil, count);
			const answer = await hil.call('POST', '/v1/changes', { steps, dry_run: true }, 'alice');
			if (answer.status !== 200) return;
			for (const [index, isRefusing] of refuses.entries()) {
				hil.mocks.at(`s${index + 1}`).trouble = isRefusing ? { kind: 'refuses', reason: 'no' } : undefined;
			}
			const { ports } = answer.body as { ports: { node: string; after: object }[] };
			const { id } = (await hil.ok('POST', '/v1/changes', { steps }, 'alice')) as { id: string | null };
			await settle(hil);
			for (let index = 1; index <= count; index++) hil.mocks.at(`s${index}`).trouble = undefined;
			if (id === null) return;
			const { status, problems } = (await hil.ok('GET', `/v1/change/${id}`)) as Shown;
			ends.set(status, (ends.get(status) ?? 0) + 1);
			if (status === 'DONE') {
				for (const { node, after } of ports) {
					t.deepEqual(hil.mocks.at(node.replace('n', 's')).ports.get('gi1/0/1') ?? nothing, after as never);
				}
				return;
			}
			// A switch that took the first of two changes and refuses for good cannot be put back.
			if (status === 'ERROR') t.true(problems.length > 0);
			else {
				t.is(status, 'UNDONE');
				t.deepEqual(await everything(hil, count), before);
			}
		}),
		{ numRuns: 600 },
	);
	t.log(Object.fromEntries(ends));
	t.true((ends.get('DONE') ?? 0) > 5 && (ends.get('UNDONE') ?? 0) > 5);
});
