import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { until } from '../../test/visitor.ts';
import { confine } from './confinement.ts';

const run = promisify(execFile);
const limits = { cpu: 2, memory: 256 * 2 ** 20, fileSize: 4096 };
const isRoot = process.geteuid?.() === 0;

async function confined(script: string): Promise<string> {
	const { program, args } = await confine(limits);
	const { stdout } = await run(program, [...args, '/bin/sh', '-c', script]);
	return stdout.trim();
}

test('who reads what strangers have written has no rights, and only so much of everything', async t => {
	const status = await confined('cat /proc/self/status');
	t.regex(status, /^NoNewPrivs:\s*1$/m);
	t.regex(status, /^CapEff:\s*0+$/m);
	if (isRoot) t.regex(status, /^Uid:\s*65534\s+65534\s+65534\s+65534$/m);
	if (isRoot) t.regex(status, /^Groups:\s*$/m);
	const shown = await confined('cat /proc/self/limits');
	t.regex(shown, /^Max cpu time +2 /m);
	t.regex(shown, /^Max address space +268435456 /m);
	t.regex(shown, /^Max file size +4096 /m);
	t.regex(shown, /^Max core file size +0 /m);
	await t.throwsAsync(confined('while :; do :; done'), { message: /./ });
});

test('it reads no file of ours, and reaches nobody', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-confined-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const secret = path.join(folder, 'secret');
	await writeFile(secret, 'secret', { mode: 0o600 });
	if (!isRoot) return t.is(await confined(`cat ${secret}`), 'secret', 'without rights to give away it is us');
	await t.throwsAsync(confined(`cat ${secret}`), { message: /Permission denied/ });
	const devices = (await confined('cat /proc/net/dev')).split('\n').slice(2);
	t.is(devices.length, 1, 'its own loopback alone, which is down');
});

test('it ends with whoever started it, also when that is killed', async t => {
	const code = `
		import { spawn } from 'node:child_process';
		import { confine } from ${JSON.stringify(new URL('./confinement.ts', import.meta.url).href)};
		const { program, args } = await confine(${JSON.stringify(limits)});
		const child = spawn(program, [...args, '/bin/sh', '-c', 'echo ready; exec sleep 300'], { stdio: ['ignore', 'pipe', 'inherit'] });
		child.stdout.once('data', () => process.stdout.write(String(child.pid)));
	`;
	const starter = spawn(process.execPath, ['--input-type=module', '-e', code], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	const [pid] = await once(starter.stdout, 'data');
	const command = () => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
	await until(command, text => text.startsWith('sleep'));
	starter.kill('SIGKILL');
	await until(command, text => text === '');
	t.pass();
});
