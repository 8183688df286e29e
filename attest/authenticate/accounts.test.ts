import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { hashPassword } from '../../common/identity/passwords.ts';
import { askAccounts, readAccounts } from './accounts.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('accounts of a file are known by their passwords, and by nothing else', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-accounts-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const file = path.join(folder, 'accounts.yaml');
	const alice = `{ name: alice, password: "${await hashPassword('a: b')}", projects: [red] }`;
	await writeFile(
		file,
		`accounts: [${alice}, { name: root, password: "${await hashPassword('r')}", admin: true }]`,
	);
	const ask = askAccounts(readAccounts(file));
	t.deepEqual(await ask({ authorization: basic('alice:a: b') }), {
		name: 'alice',
		isAdmin: false,
		projects: new Set(['red']),
	});
	t.true((await ask({ authorization: basic('root:r') }))?.isAdmin);
	for (const wrong of [basic('alice:a'), basic('alice'), basic('mallory:a: b'), basic(':'), 'Bearer x', ''])
		t.is(await ask({ authorization: wrong }), undefined, wrong);
	t.is(await ask({ token: 'of Keystone' }), undefined);
	await writeFile(file, `accounts: [${alice}, ${alice}]`);
	t.throws(() => readAccounts(file), { message: /same name/ });
	await writeFile(file, 'accounts: [{ name: alice, password: plain }]');
	t.throws(() => readAccounts(file), { message: /password hash/ });
});
