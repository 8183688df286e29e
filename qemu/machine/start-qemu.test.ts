import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { endChildren, findChildren, startChild } from '../../common/processes/children.ts';
import type { QmpEvent } from '../../common/processes/qmp.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { boots, findAccelerator } from './accelerator.ts';
import { createConsoleLog } from './console-log.ts';
import { startQemu } from './start-qemu.ts';

const test = testNeeding('qemu-system-x86');
let runs = 0;

async function place(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-machine-'));
	const run = `test-${process.pid}-${runs++}`;
	t.teardown(async () => {
		await rm(folder, { recursive: true });
		// Assertions are over by now.
		if ((await findChildren(run)).length > 0) throw new Error(`something of ${run} is still there`);
	});
	return { folder, run };
}

/** Writes what is typed back to the serial port (I/O port 0x3f8), after a first `>`. */
const echo = Buffer.from([
	...[0xba, 0xf8, 0x03, 0xb0, 0x3e, 0xee], // mov dx, 0x3f8; mov al, '>'; out dx, al
	...[0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8], // wait: mov dx, 0x3fd; in al, dx; test al, 1; jz wait
	...[0xba, 0xf8, 0x03, 0xec, 0xee, 0xeb, 0xf1], // mov dx, 0x3f8; in al, dx; out dx, al; jmp wait
]);

async function bootEcho(t: ExecutionContext) {
	const { folder, run } = await place(t);
	const sector = Buffer.alloc(512);
	echo.copy(sector);
	sector.writeUInt16LE(0xaa55, 510);
	await writeFile(path.join(folder, 'sector'), sector);
	const console = createConsoleLog();
	const qemu = await startQemu({
		binary: 'qemu-system-x86_64',
		name: 'echo',
		args: [
			...['-accel', 'tcg', '-M', 'pc', '-m', '32', '-nodefaults'],
			...['-drive', 'file=sector,format=raw,if=ide'],
		],
		folder,
		run,
		console,
	});
	t.teardown(() => qemu.stop());
	return { qemu, console, run };
}

test('a machine writes, is typed to, tells what happens, and ends', async t => {
	const { qemu, console, run } = await bootEcho(t);
	await console.waitFor(/>/, 30_000);
	qemu.write('hello');
	await console.waitFor(/hello/, 30_000);
	t.deepEqual(
		(await findChildren(run)).map(({ pid }) => pid),
		[qemu.pid],
	);

	const events: QmpEvent[] = [];
	qemu.qmp.onEvent(event => events.push(event));
	t.like(await qemu.qmp.execute('query-status'), { status: 'running' });
	await t.throwsAsync(qemu.qmp.execute('no-such-command'), { code: 'QmpRefused' });
	await qemu.qmp.execute('system_reset');
	await console.waitFor(/>/, 30_000);
	t.true(events.some(({ event, at }) => event === 'RESET' && Math.abs(at - Date.now()) < 60_000));

	await qemu.qmp.execute('quit');
	t.deepEqual(await qemu.exited, { code: 0, signal: null });
	await t.throwsAsync(qemu.qmp.execute('query-status'), { code: 'QmpClosed' });
	await t.throwsAsync(console.waitFor(/never/, 30_000), { message: /echo has ended \(exit code 0\)/ });
});

test('a machine that cannot start says why, in QEMU’s words', async t => {
	const { folder, run } = await place(t);
	const starting = startQemu({
		binary: 'qemu-system-x86_64',
		name: 'node1',
		args: ['-M', 'pc', '-drive', 'file=no-such-file,format=raw'],
		folder,
		run,
		console: createConsoleLog(),
	});
	await t.throwsAsync(starting, { code: 'QemuFailed', message: /^node1 does not start: .*no-such-file/s });
});

test('what a run left over is found by its mark and ended, whoever started it', async t => {
	const { folder, run } = await place(t);
	const child = await startChild('sleep', ['1000'], { run, folder });
	const other = await startChild('sleep', ['1000'], { run: `${run}-other`, folder });
	t.teardown(() => other.stop());
	t.deepEqual(
		(await endChildren(run)).map(({ pid }) => pid),
		[child.pid],
	);
	t.is((await child.exited).signal, 'SIGTERM');
	t.is((await findChildren(`${run}-other`)).length, 1);
	t.deepEqual(await endChildren(run), []);
});

test('nothing outlives a process that is killed', async t => {
	const { folder, run } = await place(t);
	const parent = await startChild(
		process.execPath,
		[
			'--input-type=module',
			'--eval',
			`const { startChild } = await import(${JSON.stringify(new URL('../../common/processes/children.ts', import.meta.url).href)});
			const child = await startChild('sleep', ['1000'], ${JSON.stringify({ run, folder })});
			process.stderr.write('pid ' + child.pid);
			setInterval(() => undefined, 1000);`,
		],
		{ run: `${run}-parent`, folder },
	);
	let hasEnded = false;
	void parent.exited.then(() => {
		hasEnded = true;
	});
	while ((await findChildren(run)).length === 0) {
		if (hasEnded) return t.fail(parent.errorLines().join('\n'));
		await new Promise(resolve => setTimeout(resolve, 10));
	}
	process.kill(parent.pid, 'SIGKILL');
	await parent.exited;
	while ((await findChildren(run)).length > 0) await new Promise(resolve => setTimeout(resolve, 10));
	t.pass();
});

test('the probe says TCG where no machine runs in time, and never what cannot run', async t => {
	t.true(await boots('tcg', 30_000));
	t.false(await boots('tcg', 1));
	const found = await findAccelerator();
	if (found === 'kvm') t.true(await boots('kvm'));
	else t.is(found, 'tcg');
});
