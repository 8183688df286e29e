// What `npm start` prints for a new user, pasted line by line into a shell.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { runProgram } from '../run-program.ts';
import { listens } from '../site.ts';
import { until } from '../visitor.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Another npm's settings, when the tests themselves run under npm, are not a new user's.
const env = Object.fromEntries(
	Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) && name !== 'CI'),
);

test('npm start prints lines to paste, and they do what is said of them', async t => {
	t.timeout(300_000);
	const home = await mkdtemp(path.join(tmpdir(), 'bimetal-first-screen-'));
	// In a process group of its own, as a terminal gives it: that is whom Ctrl-C reaches.
	const started = spawn('npm', ['start', '--', '--port', '0', '--state', home], {
		cwd: root,
		env,
		stdio: ['ignore', 'pipe', 'pipe'],
		detached: true,
	});
	const signal = (name: NodeJS.Signals) => {
		try {
			process.kill(-Number(started.pid), name);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
		}
	};
	const ended = once(started, 'exit');
	let screen = '';
	let log = '';
	started.stderr.setEncoding('utf8').on('data', text => {
		log += text;
	});
	await Promise.race([
		new Promise<void>(resolve => {
			started.stdout.setEncoding('utf8').on('data', text => {
				screen += text;
				if (screen.includes('Ctrl-C ends it')) resolve();
			});
		}),
		ended.then(() => Promise.reject(new Error(`npm start ended: ${screen}${log}`))),
	]);
	t.teardown(async () => {
		signal('SIGKILL');
		await rm(home, { recursive: true, force: true });
	});
	const lines = screen.split('\n').filter(line => /^(?:for |npx |bimetal |truncate )/.test(line));
	// The last but one needs programs for images; where they are not, it says what to install.
	const hasImages = !screen.includes('images and disks need: apt-get install');
	t.is(lines.length, hasImages ? 6 : 5, screen);
	const paste = (line: string) => {
		const shellEnv = { ...env, BIMETAL_HOME: path.join(home, 'cli') };
		return runProgram('bash', ['-c', `cd '${root}'; ${line}`], { env: shellEnv });
	};

	const [one = '', hil = '', two = '', three = '', ...rest] = lines;
	const images = hasImages ? rest[0] : undefined;
	const market = rest.at(-1) ?? '';
	const restarted = await paste(one);
	t.is(restarted.code, 0, restarted.stderr);
	// A server in its self-test is not up yet; whoever reads the second line first does not notice.
	const isUp = (node: string) =>
		until(
			() => paste(`'${process.execPath}' cli/main.ts get Systems/system --bmc ${node} --as hso`),
			({ stdout }) => stdout.includes('"PowerState": "On"'),
		);
	await isUp('node1');

	const taken = await paste(hil);
	t.is(taken.code, 0, taken.stderr);
	t.regex(taken.stdout, /red has node4 now\.\nnode4 restarts\.\nNODE /);
	t.regex(taken.stdout, /^node4 +red +cores=/m);
	await isUp('node4');

	const waiting = await paste(two);
	const output = waiting.stdout + waiting.stderr;
	t.is(waiting.code, 4, `the last call waits\n${output}`);
	const approvals = output.match(/(?:npx )?bimetal approve \S+ --as cp/g) ?? [];
	t.is(approvals.length, 2, output);
	const approved = await paste(`${approvals[0]} --yes`);
	t.is(approved.code, 0, approved.stdout + approved.stderr);

	const shown = await paste(three);
	t.is(shown.code, 0, shown.stderr);
	t.regex(shown.stdout, /Critical/);
	t.regex(shown.stdout, /"Certificates": \{/);
	t.regex(shown.stdout, /"Certificates": null/);

	if (images !== undefined) {
		const cloned = await paste(images);
		t.is(cloned.code, 0, cloned.stderr);
		t.regex(cloned.stdout, /^ {2}red\/scratch +67 MB /m);
	}

	const leased = await paste(market);
	t.is(leased.code, 0, leased.stdout + leased.stderr);
	t.regex(leased.stdout, /held +2\.0016 for bids and leases/);
	const handedOver = await until(
		() => paste(`'${process.execPath}' cli/main.ts node list --as blue`),
		({ stdout }) => /^node5 +blue /m.test(stdout),
	);
	t.is(handedOver.code, 0);

	signal('SIGINT');
	await ended;
	t.true(log.trimEnd().endsWith('bimetal: ending…'), log);
	const url = /proxy +(https:\S+)/.exec(screen)?.[1] ?? '';
	await until(
		() => listens(url),
		answer => !answer,
	);
});
