import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { verifyPassword } from '../../common/identity/passwords.ts';
import { operatorEntry } from '../../proxy/authenticate/roster.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();

test('the line for the operators file holds for that password and for no other', async t => {
	const { terminal, home } = t.context;
	const file = path.join(home, 'password');
	await writeFile(file, 'correct horse\n');
	const { code, out, err } = await terminal().run('operator', 'hash', '--password-file', file);
	t.is(code, 0, err);
	const [, password = ''] = /^password: (\S+)\n$/.exec(out) ?? [];
	t.true(operatorEntry.safeParse({ name: 'ann', party: 'CP', password }).success);
	t.true(await verifyPassword('correct horse', password));
	t.false(await verifyPassword('battery staple', password));
	t.false(out.includes('horse'));
	const second = await terminal().run('operator', 'hash', '--password-file', file, '--json');
	t.not(JSON.parse(second.out).password, password, 'salted');
});

test('without a password there is no hash', async t => {
	const { terminal, home } = t.context;
	const file = path.join(home, 'empty');
	await writeFile(file, '\n');
	t.is((await terminal().run('operator', 'hash', '--password-file', file)).code, 2);
	t.is((await terminal().run('operator', 'hash', '--password-file', `${file}-not`)).code, 2);
});
