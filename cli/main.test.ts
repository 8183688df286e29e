import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { requestView } from '../proxy/client/test-proxy.ts';
import { saveProfile } from './profile.ts';
import { testWithSite } from './test-site.ts';

const test = testWithSite();
const main = fileURLToPath(new URL('main.ts', import.meta.url));

/** The command as a process of its own, as users run it. */
function start(home: string, ...argv: string[]) {
	const env = { PATH: process.env.PATH, BIMETAL_HOME: home };
	const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...argv], { env });
	const printed = { out: '', err: '' };
	child.stdout.on('data', chunk => {
		printed.out += chunk;
	});
	child.stderr.on('data', chunk => {
		printed.err += chunk;
	});
	const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...printed }));
	return { child, ended, printed };
}

test('a process ends with its exit code and its output', async t => {
	const { home } = t.context;
	t.like(await start(home, 'whoami', '--as', 'hso', '--json').ended, { code: 0, err: '' });
	t.like(await start(home, 'whoami', '--as', 'nobody').ended, { code: 5, out: '' });
	t.like(await start(home, 'version').ended, { code: 0, err: '' });
});

test('Ctrl-C ends the waiting, not the request', async t => {
	const { proxy, home } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	const location = '/redfish/v1/TaskService/TaskMonitors/01K3Q8';
	proxy.handle = call =>
		call.url.startsWith('/bmc/')
			? { status: 202, headers: { location, 'retry-after': '30' }, body: {} }
			: undefined;
	const running = start(
		home,
		'post',
		'Systems/system/Actions/ComputerSystem.Reset',
		'--bmc',
		'node1',
		'--as',
		'hso',
		'--wait',
	);
	await printed(running.child, () => running.printed.err.includes('waiting for CP…'));
	running.child.kill('SIGINT');
	const { code, err } = await running.ended;
	t.is(code, 130);
	t.regex(err, /request 01K3Q8 goes on waiting for CP/);
});

test('a reader that has seen enough is no fault', async t => {
	const { proxy, home } = t.context;
	const Members = Array.from({ length: 20_000 }, (_, i) => ({ Id: String(i), Message: 'x'.repeat(40) }));
	proxy.handle = () => ({ status: 200, body: { Members } });
	const running = start(
		home,
		'get',
		'Systems/system/LogServices/EventLog/Entries',
		'--bmc',
		'node1',
		'--as',
		'hso',
	);
	running.child.stdout?.once('data', () => running.child.stdout?.destroy());
	t.like(await running.ended, { code: 0, err: '' });
});

test('a password is neither an argument nor printed nor kept', async t => {
	const { proxy, home } = t.context;
	const base = [
		'login',
		proxy.url,
		'--user',
		'hso-operator',
		'--ca',
		path.join(home, 'ca.pem'),
		'--profile',
		'p',
	];
	const running = start(home, ...base, '--password-stdin');
	const commandLine = await readFile(`/proc/${running.child.pid}/cmdline`, 'utf8').catch(() => '');
	running.child.stdin.end('pass-of-hso\n');
	const { code, out, err } = await running.ended;
	t.is(code, 0, err);
	const kept = await readFile(path.join(home, 'p.json'), 'utf8');
	for (const text of [commandLine, out, err, kept]) t.false(text.includes('pass-of-hso'));
	const token = JSON.parse(kept).token as string;
	t.false(`${out}${err}`.includes(token));
});

test('log-ins to several profiles at once keep them all', async t => {
	const { proxy, home } = t.context;
	const files = ['hso', 'cp'].map(name => path.join(home, `${name}.password`));
	const ran = await Promise.all(
		[0, 1].map(
			i =>
				start(
					home,
					'login',
					proxy.url,
					'--user',
					i ? 'cp-operator' : 'hso-operator',
					'--ca',
					path.join(home, 'ca.pem'),
					'--profile',
					`p${i}`,
					'--password-file',
					files[i] ?? '',
				).ended,
		),
	);
	t.deepEqual(
		ran.map(({ code }) => code),
		[0, 0],
	);
	for (const name of ['p0', 'p1']) t.is((await start(home, 'whoami', '--as', name).ended).code, 0);
	await t.notThrowsAsync(saveProfile(home, JSON.parse(await readFile(path.join(home, 'p0.json'), 'utf8'))));
});

/** Resolves once `seen()` is true after some output. */
async function printed(child: ChildProcess, seen: () => boolean): Promise<void> {
	while (!seen()) await once(child.stderr as NonNullable<ChildProcess['stderr']>, 'data');
}
