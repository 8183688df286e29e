// Who has a node, and how it leaves.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { nodes } from '../model/node.ts';
import { actor, alice, bob, codeOf, createBench, root, withNetworks } from './bench.fixture.ts';
import { announcements } from './maintenance.ts';
import { deleteMetadata, setMetadata } from './metadata.ts';
import * as node from './nodes.ts';
import * as project from './projects.ts';
import { searchNodes } from './search.ts';

test('a node is given to one project, and nobody else gets it', async t => {
	const bench = await createBench();
	await bench.furnish({ projects: ['red', 'blue'], nodes: ['n1'] });
	const outcomes = await Promise.all([
		codeOf(bench.do('project.connect-node', project.connectNode, { project: 'red', node: 'n1' }, alice)),
		codeOf(bench.do('project.connect-node', project.connectNode, { project: 'blue', node: 'n1' }, bob)),
	]);
	t.deepEqual(outcomes.sort(), ['BlockedError', 'ok']);
});

test('of fifty callers that race for one node on disk, one gets it', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'hil-race-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const store = await openSqliteStore({ file: join(folder, 'hil.db') });
	t.teardown(() => store.close());
	const bench = await createBench({ store });
	const teams = Array.from({ length: 50 }, (_, index) => `team${index}`);
	await bench.furnish({ projects: teams, nodes: ['n1'] });
	const outcomes = await Promise.all(
		teams.map(team =>
			codeOf(
				bench.do(
					'project.connect-node',
					project.connectNode,
					{ project: team, node: 'n1' },
					actor(team, team),
				),
			),
		),
	);
	t.is(outcomes.filter(each => each === 'ok').length, 1);
	t.is(outcomes.filter(each => each === 'BlockedError').length, 49);
	const winner = teams[outcomes.indexOf('ok')];
	t.is((await store.read(tx => tx.get(nodes, 'n1')))?.project, winner);
});

test('a node is detached only from its project, and not while something of it is in use', async t => {
	const { bench, attach, detach, done } = await withNetworks();
	const leave = (of: string, who = root) =>
		codeOf(bench.do('project.detach-node', project.detachNode, { project: of, node: 'n1' }, who));
	t.is(await leave('blue', bob), 'NotFoundError');
	t.is(await leave('red', bob), 'AuthorizationError');
	const first = await attach('rednet');
	t.is(await leave('red'), 'BlockedError');
	await done(first.id);
	t.is(await leave('red'), 'BlockedError');
	await done((await detach('rednet')).id);
	await bench.do('node.set-obm', node.setObm, { node: 'n1', enabled: true }, alice);
	t.is(await leave('red'), 'BlockedError');
	await bench.do('node.set-obm', node.setObm, { node: 'n1', enabled: false }, alice);
	t.is(await leave('red', alice), 'ok');
	t.deepEqual(await bench.see('node.list', node.listNodes, { pool: 'free' }), ['n1', 'n2']);
});

test('that a node is attested is forgotten when it leaves a project; what the pool has found it to be is kept', async t => {
	const bench = await createBench({ maintenance: 'care' });
	await bench.furnish({ projects: ['red', 'care'], nodes: ['n1'] });
	const found = async () =>
		(await bench.see('node.search', searchNodes, { where: 'attested and tpm' })).nodes.map(
			({ name }) => name,
		);
	const attest = () =>
		bench.do('node.set-metadata', setMetadata, { node: 'n1', label: 'attested', value: true });
	const move = async (what: 'detach' | 'connect', of: string) => {
		const args = { project: of, node: 'n1' };
		if (what === 'detach') await bench.do('project.detach-node', project.detachNode, args);
		else await bench.do('project.connect-node', project.connectNode, args);
	};
	await bench.do('node.set-metadata', setMetadata, { node: 'n1', label: 'tpm', value: true });
	await move('connect', 'red');
	await attest();
	t.deepEqual(await found(), ['n1']);
	await move('detach', 'red');
	t.deepEqual(await found(), [], 'as it leaves for the pool');
	await attest();
	await move('detach', 'care');
	t.deepEqual(await found(), ['n1'], 'nobody has had it since');
	await move('connect', 'red');
	t.deepEqual(await found(), ['n1']);
	await move('detach', 'red');
	t.deepEqual(await found(), []);
});

test('where the site wants it, a node is marked when it leaves a project, and not when it leaves the pool', async t => {
	const furnish = async (options: object) => {
		const bench = await createBench(options);
		await bench.furnish({ projects: ['red', 'care'], nodes: ['n1'] });
		const move = (verb: 'attach' | 'detach', of: string) =>
			verb === 'detach'
				? bench.do('project.detach-node', project.detachNode, { project: of, node: 'n1' })
				: bench.do('project.connect-node', project.connectNode, { project: of, node: 'n1' });
		const found = async () =>
			(await bench.see('node.search', searchNodes, { where: 'uncleaned' })).nodes.map(({ name }) => name);
		return { bench, move, found };
	};
	const plain = await furnish({});
	await plain.move('attach', 'red');
	await plain.move('detach', 'red');
	t.deepEqual(await plain.found(), []);
	const { bench, move, found } = await furnish({ marksUncleaned: true, maintenance: 'care' });
	await move('attach', 'red');
	t.deepEqual(await found(), []);
	await move('detach', 'red');
	t.deepEqual(await found(), ['n1']);
	await bench.do('node.delete-metadata', deleteMetadata, { node: 'n1', label: 'uncleaned' });
	await move('detach', 'care');
	t.deepEqual(await found(), [], 'nobody has had it since');
});

test('with a maintenance pool a node goes there, and that is to be told; from there it is free', async t => {
	const bench = await createBench({ maintenance: 'care' });
	await bench.furnish({ projects: ['red'], nodes: ['n1'] });
	await bench.do('project.connect-node', project.connectNode, { project: 'red', node: 'n1' }, alice);
	const leave = (of: string) =>
		codeOf(bench.do('project.detach-node', project.detachNode, { project: of, node: 'n1' }));
	t.is(await leave('red'), 'NotFoundError', 'never free because the pool was forgotten');
	await bench.do('project.create', project.createProject, { project: 'care' });
	t.is(await leave('red'), 'ok');
	t.is((await bench.store.read(tx => tx.get(nodes, 'n1')))?.project, 'care');
	const told = await bench.store.read(tx => tx.list(announcements));
	t.deepEqual(
		told.map(({ document }) => document),
		[{ node: 'n1', from: 'red', at: 1000 }],
	);
	t.is(await leave('care'), 'ok');
	t.is((await bench.store.read(tx => tx.get(nodes, 'n1')))?.project, null);
	t.is((await bench.store.read(tx => tx.list(announcements))).length, 1);
});
