// Networks, projects, switches and users from the command line; who may not is told apart from who is not known.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { startHilTerminal } from '../hil/test-hil.ts';
import { saveProfile } from '../profile.ts';

test('networks: own, public, and for some', async t => {
	const { run } = await startHilTerminal(t);
	for (const argv of [
		['network', 'create', 'inner', '--as', 'red'],
		['network', 'create', 'pub', '--public', '--vlan', '300', '--as', 'admin'],
		['network', 'create', 'storage', '--for', 'red', '--for', 'blue', '--as', 'admin'],
		['network', 'list', '--as', 'red'],
		['network', 'list', '--as', 'admin'],
		['network', 'list', '--as', 'admin', '--project', 'blue'],
		['network', 'revoke', 'storage', 'blue', '--as', 'blue'],
		['network', 'grant', 'inner', 'blue', '--as', 'red'],
		['network', 'show', 'inner', '--as', 'blue'],
		['network', 'delete', 'pub', '--as', 'admin'],
	]) {
		const ran = await run(...argv);
		t.is(ran.code, 0, ran.err);
		t.snapshot(ran.out, argv.join(' '));
	}
	for (const [argv, code] of [
		[['network', 'create', 'x', '--as', 'admin'], 2],
		[['network', 'create', 'x', '--vlan', '300', '--as', 'red'], 2],
		[['network', 'create', 'x', '--public', '--as', 'red'], 3],
		[['network', 'create', 'inner', '--as', 'red'], 8],
		[['network', 'create', 'half', '--for', 'red', '--for', 'nobody', '--as', 'admin'], 6],
		[['network', 'show', 'half', '--as', 'admin'], 6],
		[['network', 'show', 'inner', '--as', 'nobody'], 5],
		[['network', 'show', 'nothing', '--as', 'red'], 6],
	] as const) {
		const ran = await run(...argv);
		t.is(ran.code, code, `${argv.join(' ')}: ${ran.err}`);
		t.regex(ran.err, /^bimetal: .+\n {2}try: .+\n$/);
	}
});

test('projects, their quotas, users and leases', async t => {
	const { run, hil, home } = await startHilTerminal(t);
	await writeFile(path.join(home, 'carol.password'), 'correct horse\n');
	for (const argv of [
		['project', 'create', 'green'],
		['project', 'quota', 'green', '--nodes', '2', '--networks', 'any'],
		['hil', 'user', 'create', 'carol', '--new-password-file', 'carol.password', '--project', 'green'],
		['project', 'add-user', 'red', 'carol'],
		['project', 'remove-user', 'green', 'carol'],
		['hil', 'user', 'list'],
		['node', 'take', 'green', 'n1'],
		['node', 'lease', 'n1', '--until', '2099-01-01T00:00:00Z'],
		['project', 'list'],
		['project', 'show', 'green'],
		['node', 'set', 'n1', 'ram=256', 'gpu=["A100"]', 'model='],
		['node', 'show', 'n1'],
		['node', 'lease', 'n1', '--none'],
		['hil', 'user', 'delete', 'carol'],
	]) {
		const ran = await run(...argv, '--as', 'admin');
		t.is(ran.code, 0, ran.err);
		t.snapshot(ran.out, argv.join(' '));
	}
	t.is(
		(await run('project', 'list', '--as', 'red')).out.split('\n')[1]?.trim(),
		'red      0      0         -',
	);
	t.is((await run('project', 'create', 'mine', '--as', 'red')).code, 3);
	t.is((await run('node', 'lease', 'n1', '--as', 'admin')).code, 2);
	t.deepEqual(Object.keys((await hil.ok('GET', '/v0/auth/basic/users')) as object).sort(), [
		'alice',
		'bob',
		'root',
	]);
});

test('switches: how they are, what drifted, and putting it right', async t => {
	const { run, hil } = await startHilTerminal(t);
	await run('node', 'take', 'red', 'n1', '--as', 'red');
	await run('network', 'create', 'inner', '--as', 'red');
	await run('node', 'connect', 'n1', 'eth0', 'inner', '--as', 'red');
	hil.mocks.at('tor').ports.set('gi1/0/1', { native: 7, tagged: [8] });
	for (const [argv, code] of [
		[['switch', 'drift', 'tor'], 10],
		[['switch', 'repair', 'tor'], 0],
		[['switch', 'drift', 'tor'], 0],
	] as const) {
		const ran = await run(...argv, '--as', 'admin');
		t.is(ran.code, code, ran.err);
		t.snapshot(ran.out, `${argv.join(' ')}: ${code}`);
	}
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/1'), { native: 100, tagged: [] });
	t.regex((await run('switch', 'list', '--as', 'admin')).out, /^tor +mock +yes +0 +3 /m);
	t.regex(
		(await run('switch', 'show', 'tor', '--as', 'admin')).out,
		/^gi1\/0\/1 +n1\/eth0 +red +inner \(100\)$/m,
	);
	t.snapshot((await run('network', 'map', '--as', 'red')).out, 'map of a project');
	t.snapshot((await run('network', 'map', '--as', 'admin')).out, 'map');
	t.is((await run('switch', 'list', '--as', 'red')).code, 3);
});

test('logging in keeps who one is; a password only where it was typed or piped', async t => {
	const { terminal, hil, home } = await startHilTerminal(t);
	const piped = terminal();
	piped.stdin.end('alice\n');
	const login = ['hil', 'login', hil.url, '--user', 'alice', '--as', 'me'];
	const ran = await piped.run(...login, '--password-stdin');
	t.is(ran.code, 0, ran.err);
	t.regex(
		ran.out,
		/Logged in to http:.* as alice, member of red \(profile me; read at each call: .*me\.password\)/,
	);
	t.is(await readFile(path.join(home, 'hil', 'me.password'), 'utf8'), 'alice\n');
	t.false((await readFile(path.join(home, 'hil', 'me.json'), 'utf8')).includes('"alice\\n'));
	t.snapshot((await terminal().run('hil', 'whoami', '--as', 'me')).out.replace(hil.url, 'URL'), 'whoami');
	t.is((await terminal().run('hil', 'logout', '--as', 'me')).code, 0);
	t.false((await readdir(path.join(home, 'hil'))).some(file => file.startsWith('me.')));

	const byFile = await terminal().run(...login, '--password-file', 'alice.password');
	t.is(byFile.code, 0, byFile.err);
	t.deepEqual(
		(await readdir(path.join(home, 'hil'))).filter(file => file.startsWith('me.')),
		['me.json'],
	);
	t.is((await terminal().run('hil', 'logout', '--as', 'me')).code, 0);
	t.is(await readFile(path.join(home, 'alice.password'), 'utf8'), 'alice\n', 'not its own to delete');

	await writeFile(path.join(home, 'wrong.password'), 'nonsense\n');
	const wrong = await terminal().run(...login, '--password-file', 'wrong.password');
	t.is(wrong.code, 5, wrong.err);
	const other = await terminal().run('node', 'list', '--as', 'red', '--password-file', 'wrong.password');
	t.is(other.code, 5);
	t.regex(other.err, /alice or the password was refused/);
	t.false((wrong.err + other.err).includes('nonsense'));
});

test('one log-in keeps where all services of a site are; the next one to the same hil leaves them', async t => {
	const { terminal, hil } = await startHilTerminal(t, 0);
	const login = async (...more: string[]) => {
		const as = ['--user', 'alice', '--password-file', 'alice.password', '--as', 'me'];
		const ran = await terminal().run('hil', 'login', hil.url, ...as, ...more);
		t.is(ran.code, 0, ran.err);
	};
	const kept = async () => {
		const { out } = await terminal().run('hil', 'whoami', '--as', 'me', '--json');
		return (JSON.parse(out) as { services: unknown }).services;
	};
	await login('--attest', 'https://attest.example:5002/', '--market', 'https://market.example:5003');
	const both = { attest: 'https://attest.example:5002', market: 'https://market.example:5003' };
	t.deepEqual(await kept(), both);
	t.regex(
		(await terminal().run('hil', 'whoami', '--as', 'me')).out,
		/^attest +https:\/\/attest\.example:5002$/m,
	);
	await login('--provisioner', 'https://images.example:5001', '--market', 'https://other.example:5003');
	t.deepEqual(await kept(), {
		...both,
		provisioner: 'https://images.example:5001',
		market: 'https://other.example:5003',
	});
	const nonsense = await terminal().run('hil', 'login', 'nonsense', '--user', 'alice');
	t.is(nonsense.code, 2, nonsense.err);
	t.regex(nonsense.err, /'nonsense' is no address of a service/);
	const plain = await terminal().run(
		...['hil', 'login', hil.url, '--user', 'alice', '--password-file', 'alice.password'],
		...['--attest', 'http://attest.example:5002'],
	);
	t.is(plain.code, 2);
	t.regex(plain.err, /'http:\/\/attest\.example:5002' is no address of a service: expected https/);
});

test('who takes a hil for a proxy, or one user for another, is told', async t => {
	const { terminal, home } = await startHilTerminal(t, 0);
	await saveProfile(home, { name: 'hso', url: 'https://127.0.0.1:1', user: 'ann', passwordFile: 'x' });
	const asOperator = await terminal().run('node', 'list', '--as', 'hso');
	t.is(asOperator.code, 5);
	t.regex(
		asOperator.err,
		/'hso' is an operator of a proxy, not a user of hil\n {2}try: --as admin or --as blue/,
	);
	const asUser = await terminal().run('bmcs', '--as', 'red');
	t.is(asUser.code, 5);
	t.regex(asUser.err, /'red' is a user of hil, not an operator of a proxy\n {2}try: --as hso/);
});

test('a password is sent nowhere in the clear but to this machine', async t => {
	const { terminal } = await startHilTerminal(t, 0);
	for (const argv of [
		['hil', 'login', 'http://hil.example:5000', '--user', 'alice', '--password-file', 'alice.password'],
		[
			'node',
			'list',
			'--url',
			'http://hil.example:5000',
			'--user',
			'alice',
			'--password-file',
			'alice.password',
		],
	]) {
		const ran = await terminal().run(...argv);
		t.is(ran.code, 2, ran.err);
		t.regex(ran.err, /expected https/);
	}
	const away = await terminal().run(
		...[
			'node',
			'list',
			'--url',
			'http://127.0.0.1:1',
			'--user',
			'alice',
			'--password-file',
			'alice.password',
		],
	);
	t.is(away.code, 7);
	t.regex(away.err, /hil at http:\/\/127\.0\.0\.1:1 does not answer\n {2}try: is hil running\?/);
});

test('a token is read from its file at each call; two ways at once are refused', async t => {
	const { terminal, hil, home } = await startHilTerminal(t, 0);
	await writeFile(path.join(home, 'token'), 'gAAAA-nobody-knows\n', { mode: 0o600 });
	const login = ['hil', 'login', hil.url, '--as', 'me'];
	const refused = await terminal().run(...login, '--token-file', 'token');
	t.is(refused.code, 5, refused.err);
	t.false(refused.err.includes('gAAAA'));
	for (const more of [
		['--token-file', 'token', '--password-file', 'alice.password', '--user', 'alice'],
		['--certificate', 'token'],
		[],
	]) {
		const ran = await terminal().run(...login, ...more);
		t.is(ran.code, 2, ran.err);
	}
	const env = { BIMETAL_HIL_URL: hil.url, BIMETAL_HIL_TOKEN_FILE: 'token' };
	const asked = await terminal({ env }).run('node', 'list');
	t.is(asked.code, 5);
	t.regex(asked.err, /try: another certificate, or another token/);
});
