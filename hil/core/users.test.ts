import test from 'ava';
import { users } from '../model/project.ts';
import { codeOf, createBench, root } from './bench.fixture.ts';
import * as project from './projects.ts';
import * as user from './users.ts';

test('users: memberships end with their project; nobody deletes or changes themselves', async t => {
	const bench = await createBench();
	await bench.do('project.create', project.createProject, { project: 'red' });
	const reserved = bench.do('project.create', project.createProject, { project: 'admin' });
	t.is(await codeOf(reserved), 'BadArgumentError');
	const make = () => codeOf(bench.do('user.create', user.createUser, { user: 'alice', hash: 'h' }));
	t.is(await make(), 'ok');
	t.is(await make(), 'DuplicateError');
	const both = { user: 'alice', project: 'red' };
	await bench.do('user.change-projects', user.addToProject, both);
	t.is(await codeOf(bench.do('user.change-projects', user.addToProject, both)), 'DuplicateError');
	t.deepEqual(await bench.see('user.list', user.listUsers, {}), {
		alice: { is_admin: false, projects: ['red'] },
	});
	await bench.do('project.delete', project.deleteProject, { project: 'red' });
	t.deepEqual((await bench.store.read(tx => tx.get(users, 'alice')))?.projects, []);
	await bench.do('project.create', project.createProject, { project: 'red' });
	t.is(await codeOf(bench.do('user.change-projects', user.removeFromProject, both)), 'NotFoundError');
	await bench.do('user.set-admin', user.setAdmin, { user: 'alice', is_admin: true });
	const self = { ...root, name: 'alice' };
	t.is(
		await codeOf(bench.do('user.set-admin', user.setAdmin, { user: 'alice', is_admin: false }, self)),
		'IllegalStateError',
	);
	t.is(await codeOf(bench.do('user.delete', user.deleteUser, { user: 'alice' }, self)), 'IllegalStateError');
	t.is(await codeOf(bench.do('user.delete', user.deleteUser, { user: 'alice' })), 'ok');
});
