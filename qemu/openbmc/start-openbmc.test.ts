// Whether official images boot is for those who have one (test/system/openbmc.test.ts); here is what goes wrong.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../common/clock.ts';
import { findChildren } from '../../common/processes/children.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { startOpenbmc } from './start-openbmc.ts';
import { talkingFlash } from './talking-flash.fixture.ts';

const testBoard = testNeeding('qemu-system-arm');
const mebibyte = 1024 * 1024;
const temporary = tmpdir();

async function startIn(
	t: ExecutionContext,
	name: string,
	image: Buffer,
	more: {
		machine?: string;
		timeout?: number;
		signal?: AbortSignal;
		onConsole?: (bytes: Buffer) => void;
	} = {},
) {
	const folder = await mkdtemp(path.join(temporary, 'bimetal-image-'));
	t.teardown(() => rm(folder, { recursive: true }));
	// The tests of this file run one after the other: what is left in it is this board's.
	process.env.TMPDIR = folder;
	const file = path.join(folder, name);
	await writeFile(file, image);
	const lines: string[] = [];
	const run = `openbmc-test-${path.basename(folder)}`;
	const started = startOpenbmc({
		image: file,
		machine: more.machine,
		forwards: [
			{ protocol: 'tcp', board: 443, here: 0 },
			{ protocol: 'udp', board: 623, here: 0 },
		],
		timeout: more.timeout ?? 4000,
		consoleFile: path.join(folder, 'console.log'),
		run,
		clock: systemClock,
		signal: more.signal ?? new AbortController().signal,
		onProgress: line => lines.push(line),
		...(more.onConsole && { onConsole: more.onConsole }),
	});
	return { started, lines, run, folder, file };
}

testBoard('a board that gets nowhere is ended, and the failure shows what its console said last', async t => {
	const image = talkingFlash('U-Boot 2019.04 (test)\r\nWrong Image Format for bootm command\r\n', mebibyte);
	const { started, lines, run, folder, file } = await startIn(t, 'evb-ast2600.static.mtd', image);
	const fault = await t.throwsAsync(started, { code: 'RedfishSilent' });
	t.regex(
		fault?.message ?? '',
		/does not answer: 4 s are over .*\n {2}\| U-Boot 2019\.04 \(test\)\n {2}\| Wrong Image/s,
	);
	t.deepEqual(await findChildren(run), []);
	t.deepEqual(
		(await readdir(folder)).sort(),
		['console.log', 'evb-ast2600.static.mtd'],
		'and nothing else is left',
	);
	t.deepEqual(await readFile(file), image, 'the image is only read');
	t.regex(await readFile(path.join(folder, 'console.log'), 'utf8'), /^U-Boot 2019\.04/);
	for (const line of [
		"board ast2600-evb (by the file's name)",
		'the image has 1 MiB, the flash 64 MiB: the rest is erased',
		'the board: boot loader (U-Boot)',
		'the board: the boot loader finds no kernel',
	])
		t.true(lines.includes(line), `${line} in ${lines.join('\n')}`);
});

testBoard(
	'of garbage it is said that nothing came; a flash that is too small is exchanged for the image',
	async t => {
		const garbage = Buffer.alloc(33 * mebibyte, 0xff);
		const { started, lines, run } = await startIn(t, 'flash.mtd', garbage, {
			machine: 'romulus-bmc',
			timeout: 2000,
		});
		await t.throwsAsync(started, { code: 'RedfishSilent', message: /Nothing came on its console/ });
		t.true(
			lines.includes("the image is larger than the board's flash, which is exchanged: mx66u51235f, 64 MiB"),
		);
		t.deepEqual(await findChildren(run), []);
	},
);

testBoard(
	'a board that nobody knows is named, with those that there are; so is an image of no known board',
	async t => {
		const flash = Buffer.alloc(mebibyte, 0xff);
		const unknown = await startIn(t, 'evb-ast2600.static.mtd', flash, { machine: 'toaster-bmc' });
		await t.throwsAsync(unknown.started, {
			code: 'MachineUnknown',
			message: /no Aspeed board 'toaster-bmc'; it has ast2500-evb, ast2600-evb, .*romulus-bmc/,
		});
		const unnamed = await startIn(t, 'flash.mtd', flash);
		await t.throwsAsync(unnamed.started, {
			code: 'MachineUnknown',
			message: /neither the name of flash\.mtd nor/,
		});
	},
);

testBoard('interrupted while it boots, it leaves nothing', async t => {
	const interrupt = new AbortController();
	const { started, run } = await startIn(
		t,
		'evb-ast2600.static.mtd',
		talkingFlash('Here I am\r\n', mebibyte),
		{
			timeout: 60_000,
			signal: interrupt.signal,
			onConsole: () => interrupt.abort(),
		},
	);
	await t.throwsAsync(started, { name: 'AbortError' });
	t.deepEqual(await findChildren(run), []);
});
