import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { verifyPassword } from '../../common/identity/passwords.ts';
import { openServiceAccount } from './service-account.ts';

test('a service gets an account once; a lost password is another one, and other lines stay as they are', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-account-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = path.join(folder, 'operators.yaml');
	const people = '# ours\noperators:\n  - name: ann # of the night shift\n    party: HSO\n';
	await writeFile(file, people);
	const account = { name: 'svc', party: 'HSO' };
	const operator = async () => parse(await readFile(file, 'utf8')).operators[1];

	const first = await openServiceAccount(folder, account);
	const text = await readFile(file, 'utf8');
	t.true(text.startsWith(people));
	t.like(await operator(), account);
	t.true(await verifyPassword(first.password, (await operator()).password));
	t.is(`${first.password}\n`, await readFile(path.join(folder, first.passwordFile), 'utf8'));
	t.deepEqual(await openServiceAccount(folder, account), first);
	t.is(await readFile(file, 'utf8'), text, 'nothing is written when nothing is missing');

	await writeFile(
		file,
		text.replace('party: HSO\n    password', 'party: HSO\n    disabled: true\n    password'),
	);
	await rm(path.join(folder, first.passwordFile));
	const second = await openServiceAccount(folder, account);
	t.not(second.password, first.password);
	t.true(await verifyPassword(second.password, (await operator()).password));
	t.true((await operator()).disabled, 'who was shut out stays out');

	await writeFile(file, 'operators: [\n');
	await openServiceAccount(folder, account);
	t.is(await readFile(file, 'utf8'), 'operators: [\n', 'left to the proxy to complain of');
});
