// Finding, taking, connecting and moving nodes from the command line, against the service itself.
import test from 'ava';
import { startHilTerminal } from '../hil/test-hil.ts';

test('nodes are listed, found by their properties, and shown', async t => {
	const { run, hil } = await startHilTerminal(t);
	await hil.ok('POST', '/v0/project/blue/connect_node', { node: 'n3' });
	for (const argv of [
		['node', 'list', '--as', 'red'],
		['node', 'list', '--as', 'admin', '--project', 'blue'],
		['node', 'list', '--as', 'blue', '--where', 'ram >= 128 and tpm', '--columns', 'ram, tpm'],
		['node', 'list', '--as', 'red', '--where', 'ram > 4096'],
		['node', 'show', 'n1', '--as', 'red'],
		['node', 'show', 'n1', '--as', 'admin'],
	]) {
		const ran = await run(...argv);
		t.is(ran.code, 0, ran.err);
		t.snapshot(ran.out, argv.join(' '));
	}
	const json = JSON.parse((await run('node', 'show', 'n2', '--as', 'red', '--json')).out);
	t.like(json, { name: 'n2', project: null, metadata: { ram: 128, tpm: true, model: 'BM 1000' } });
	const found = JSON.parse((await run('node', 'list', '--free', '--as', 'blue', '--json')).out);
	t.deepEqual(
		found.nodes.map(({ name }: { name: string }) => name),
		['n1', 'n2'],
	);
});

test('all nodes are listed, also those of further pages', async t => {
	const { run, hil } = await startHilTerminal(t, 0);
	for (let index = 100; index < 310; index++) {
		const obmd = { uri: 'https://p/bmc/n', admin_token: '' };
		await hil.ok('PUT', `/v0/node/x${index}`, { obmd });
	}
	const found = JSON.parse((await run('node', 'list', '--as', 'red', '--json')).out);
	t.is(found.nodes.length, 210);
});

test('nodes are taken with their networks, all or none, and once', async t => {
	const { run, hil } = await startHilTerminal(t);
	t.is((await run('network', 'create', 'inner', '--as', 'red')).code, 0);
	const argv = ['node', 'take', 'red', 'n1', 'n2', '--network', 'eth0:inner', '--as', 'red'];
	const tried = await run(...argv, '--dry-run');
	t.is(tried.code, 0, tried.err);
	t.snapshot(tried.out, 'dry run');
	t.deepEqual(await hil.ok('GET', '/v0/nodes/free'), ['n1', 'n2', 'n3']);
	t.snapshot((await run(...argv)).out, 'take');
	for (const index of [1, 2])
		t.deepEqual(hil.mocks.at('tor').ports.get(`gi1/0/${index}`), { native: 100, tagged: [] });
	t.is((await run('node', 'power', 'n1', 'status', '--as', 'red')).code, 0, 'its project manages it');

	const again = await run('node', 'take', 'red', 'n2', 'n3', '--no-manage', '--as', 'red');
	t.is(again.out, 'red has n3 now.\nred had n2 already.\n');
	const unmanaged = await run('node', 'power', 'n3', 'status', '--as', 'red');
	t.is(unmanaged.code, 8);
	t.regex(unmanaged.err, /try: bimetal node manage n3 on --as red/);

	const joined = await run('node', 'take', 'red', 'n1', 'n3', '--network', 'eth0:inner', '--as', 'red');
	t.is(joined.code, 0, 'n1 is on it already');
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/3'), { native: 100, tagged: [] });

	const stolen = await run('node', 'take', 'blue', 'n1', '--as', 'blue');
	t.is(stolen.code, 3, stolen.err);
	t.regex(stolen.err, /^bimetal: node\.show takes.*\n {2}try: you are bob, in blue;/);
	const none = await run('node', 'take', 'red', 'n9', '--as', 'red');
	t.is(none.code, 6);
});

test('NICs are put on networks and taken off, as the switch then shows', async t => {
	const { run, hil } = await startHilTerminal(t);
	await run('node', 'take', 'red', 'n1', '--as', 'red');
	for (const name of ['inner', 'store']) await run('network', 'create', name, '--as', 'red');
	t.is((await run('node', 'connect', 'n1', 'eth0', 'inner', '--as', 'red')).code, 0);
	const tagged = ['node', 'connect', 'n1', 'eth0', 'store', '--channel', '101', '--as', 'admin'];
	t.snapshot((await run(...tagged, '--dry-run')).out, 'dry run');
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: 100, tagged: [] });
	t.snapshot((await run(...tagged)).out, 'connect');
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: 100, tagged: [101] });
	t.regex((await run('node', 'show', 'n1', '--as', 'red')).out, /inner, store \(vlan\/101\)/);

	const twice = await run('node', 'connect', 'n1', 'eth0', 'inner', '--as', 'red');
	t.is(twice.code, 8);
	t.is(twice.err.split('\n')[0], 'bimetal: Network inner is attached to NIC eth0 already.');
	t.is((await run('node', 'detach', 'n1', 'eth0', 'inner', '--as', 'red')).code, 0);
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: null, tagged: [101] });
	t.is((await run('node', 'take', 'red', 'n2', '--network', 'eth0', '--as', 'red')).code, 2);
});

test('what a switch refuses is told with its words, and nothing is left of it', async t => {
	const { run, hil } = await startHilTerminal(t);
	await run('node', 'take', 'red', 'n1', '--as', 'red');
	await run('network', 'create', 'inner', '--as', 'red');
	hil.mocks.at('tor').trouble = { kind: 'refuses', reason: 'VLAN table full' };
	const refused = await run('node', 'connect', 'n1', 'eth0', 'inner', '--as', 'red', '--json');
	t.is(refused.code, 1);
	t.like(JSON.parse(refused.out).error, { code: 'ChangeUndone', exit: 1 });
	t.regex(refused.err, /all was put back: .*VLAN table full/);
	hil.mocks.at('tor').trouble = { kind: 'away' };
	const waited = await run('node', 'connect', 'n1', 'eth0', 'inner', '--as', 'red');
	t.is(waited.code, 4, waited.err);
	t.regex(waited.err, /switches have not followed yet: n1\/eth0: the mock switch is away/);
	const take = ['node', 'take', 'red', 'n2', '--network', 'eth0:inner', '--no-wait', '--as', 'red'];
	const unwaited = await run(...take, '--json');
	t.is(unwaited.code, 0, unwaited.err);
	t.like(JSON.parse(unwaited.out), { taken: ['n2'], dryRun: false });
	hil.mocks.at('tor').trouble = undefined;
});

test('a node moves to another project, onto its network; what cannot be is put back', async t => {
	const { run, hil } = await startHilTerminal(t);
	await run('node', 'take', 'red', 'n1', '--as', 'red');
	await run('network', 'create', 'inner', '--as', 'red');
	await run('network', 'create', 'own', '--as', 'blue');
	await run('node', 'connect', 'n1', 'eth0', 'inner', '--as', 'red');
	const move = (...more: string[]) => run('node', 'move', 'n1', 'red', 'blue', ...more, '--as', 'admin');
	t.snapshot((await move('--dry-run')).out, 'dry run');
	const impossible = await move('--network', 'eth0:inner');
	t.is(impossible.code, 8, impossible.err);
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: 100, tagged: [] });
	t.like(await hil.ok('GET', '/v0/node/n1'), { project: 'red' });
	const moved = await move('--network', 'eth0:own');
	t.is(moved.code, 0, moved.err);
	t.snapshot(moved.out, 'move');
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: 101, tagged: [] });
	t.is((await run('node', 'power', 'n1', 'status', '--as', 'blue')).code, 0);
	const bare = await run('node', 'take', 'red', 'n2', '--as', 'red');
	t.is(bare.code, 0);
	const nothing = await run('node', 'move', 'n2', 'red', 'blue', '--dry-run', '--as', 'admin');
	t.is(nothing.out, 'Nothing was changed; no port would be.\nThen blue would have n2, if it may.\n');
	const gone = await move();
	t.is(gone.code, 8);
	t.regex(gone.err, /n1 is in blue, not in red/);
});
