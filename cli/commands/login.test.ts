import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startFakeProxy } from '../../proxy/client/test-proxy.ts';
import { saveProfile } from '../profile.ts';
import { testWithSite } from '../test-site.ts';
import { createTerminal } from '../test-terminal.ts';

const test = testWithSite();

test('log in with a password from a file, standard input or the terminal; log out', async t => {
	const { proxy, home, terminal } = t.context;
	const base = ['login', proxy.url, '--user', 'hso-operator', '--ca', 'ca.pem', '--profile', 'work'];
	const file = await terminal({ cwd: home }).run(...base, '--password-file', 'hso.password');
	t.is(file.code, 0, file.err);
	t.regex(file.out, /Logged in to https.* as hso-operator of HSO \(profile work\)/);

	const piped = terminal({ cwd: home });
	piped.stdin.end('pass-of-hso\n');
	t.is((await piped.run(...base, '--password-stdin')).code, 0);

	const typed = terminal({ cwd: home, tty: true });
	typed.stdin.write('pass-of-hso\r');
	const ran = await typed.run(...base);
	t.is(ran.code, 0, ran.err);
	t.false(`${ran.out}${ran.err}`.includes('pass-of-hso'));

	const profile = await readFile(path.join(home, 'work.json'), 'utf8');
	t.false(profile.includes('pass-of-hso'));
	t.is((await stat(path.join(home, 'work.json'))).mode & 0o777, 0o600);
	t.is(proxy.sessions.size, 1, 'the sessions of the log-ins before are ended');
	t.is((await terminal().run('whoami', '--profile', 'work')).code, 0);
	t.is((await terminal().run('logout', '--profile', 'work')).code, 0);
	t.is(proxy.sessions.size, 0);
	t.is((await terminal().run('whoami', '--profile', 'work')).code, 5);
});

test('a refused password and an ended session exit with 5 and say how to log in', async t => {
	const { proxy, home, terminal } = t.context;
	const cli = terminal({ cwd: home });
	cli.stdin.end('wrong');
	const refused = await cli.run(
		'login',
		proxy.url,
		'--user',
		'hso-operator',
		'--ca',
		'ca.pem',
		'--password-stdin',
	);
	t.is(refused.code, 5);
	t.false(refused.err.includes('wrong'));
	await saveProfile(home, { name: 'old', url: proxy.url, ca: proxy.ca, user: 'hso-operator', token: 'gone' });
	const ended = await terminal().run('bmcs', '--as', 'old');
	t.is(ended.code, 5);
	t.regex(
		ended.err,
		/the session has ended\n {2}try: bimetal login https.* --user hso-operator --profile old/,
	);
});

test('an unknown certificate is pinned only after the fingerprint was agreed to', async t => {
	const { proxy, home, terminal } = t.context;
	const base = [
		'login',
		proxy.url,
		'--user',
		'hso-operator',
		'--password-file',
		path.join(home, 'hso.password'),
	];
	const piped = await terminal().run(...base);
	t.is(piped.code, 2);
	const fingerprint = /--trust ([0-9A-F:]{95})/.exec(piped.err)?.[1] ?? '';
	const no = terminal({ tty: true });
	no.stdin.write('n\n');
	t.is((await no.run(...base)).code, 2);
	t.is(proxy.calls.length, 0, 'nothing was sent to a server that is not trusted');
	const wrong = await terminal().run(...base, '--trust', 'AB'.repeat(32));
	t.is(wrong.code, 2);
	t.is(proxy.calls.length, 0);
	const yes = terminal({ tty: true });
	yes.stdin.write('yes\n');
	const ran = await yes.run(...base);
	t.is(ran.code, 0, ran.err);
	t.true(ran.err.includes(fingerprint));
	t.is((await terminal().run(...base, '--trust', fingerprint, '--profile', 'other')).code, 0);
	t.is((await terminal().run('whoami')).code, 0);
});

test('without a profile, options or the environment say which proxy and who', async t => {
	const { proxy, home } = t.context;
	const env = {
		BIMETAL_HOME: '/nonexistent',
		BIMETAL_URL: proxy.url,
		BIMETAL_USER: 'cp-operator',
		BIMETAL_PASSWORD_FILE: path.join(home, 'cp.password'),
		BIMETAL_CA: path.join(home, 'ca.pem'),
	};
	const ran = await createTerminal({ env }).run('whoami', '--json');
	t.is(JSON.parse(ran.out).party, 'CP');
	const options = [
		'--url',
		proxy.url,
		'--user',
		'hso-operator',
		'--password-file',
		'hso.password',
		'--ca',
		'ca.pem',
	];
	const other = await createTerminal({ cwd: home }).run('whoami', '--json', ...options);
	t.is(JSON.parse(other.out).party, 'HSO');
	const untrusted = await createTerminal({ cwd: home }).run('whoami', ...options.slice(0, -2));
	t.is(untrusted.code, 7);
	t.regex(untrusted.err, /is not trusted/);
});

test("a profile's credential never goes to another URL", async t => {
	const { home, terminal } = t.context;
	const other = await startFakeProxy();
	t.teardown(() => other.close());
	const ca = path.join(home, 'other.pem');
	await writeFile(ca, other.ca);
	const ran = await terminal().run('whoami', '--as', 'hso', '--url', other.url, '--ca', ca);
	t.is(ran.code, 5);
	t.is(other.calls.length, 0);
});
