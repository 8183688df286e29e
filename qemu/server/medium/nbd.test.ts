// Both ends of NBD as they stand between a client that may be anybody and QEMU.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { FakeClock } from '../../../common/clock.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import { NBD, type NbdDisk } from './nbd.ts';
import { serveNbd } from './nbd-server.ts';
import { openNbdSource } from './nbd-source.ts';

const withQemu = testNeeding('qemu-utils');
const greeting = Buffer.concat([NBD.greeting, Buffer.from([0, 3])]);

function clientForTest() {
	const sent: Buffer[] = [];
	const reasons: string[] = [];
	let onMessage: (bytes: Buffer) => void = () => {};
	let onClose: () => void = () => {};
	const clock = new FakeClock();
	const opening = openNbdSource(
		{
			send: bytes => void sent.push(bytes),
			onMessage(take) {
				onMessage = take;
			},
			onClose(take) {
				onClose = take;
			},
			close: reason => void reasons.push(reason),
		},
		clock,
	);
	opening.catch(() => undefined);
	const describe = (size: bigint, flags: number) => {
		const described = Buffer.alloc(10);
		described.writeBigUInt64BE(size, 0);
		described.writeUInt16BE(flags, 8);
		return described;
	};
	return {
		sent,
		reasons,
		opening,
		clock,
		describe,
		say: (bytes: Buffer) => onMessage(bytes),
		leave: () => onClose(),
	};
}

test('a client’s disk is read in whatever pieces its bytes come', async t => {
	const { sent, opening, say, describe } = clientForTest();
	for (const byte of Buffer.concat([greeting, describe(1024n, NBD.flags.has | NBD.flags.readOnly)]))
		say(Buffer.from([byte]));
	const disk = await opening;
	t.like(disk, { size: 1024, readOnly: true });
	const reading = disk.request({ kind: 'read', offset: 512n, length: 4 });
	const request = sent.at(-1) ?? Buffer.alloc(0);
	t.is(request.readBigUInt64BE(16), 512n);
	const reply = Buffer.alloc(20, 'a');
	reply.writeUInt32BE(NBD.reply, 0);
	reply.writeUInt32BE(0, 4);
	request.copy(reply, 8, 8, 16);
	for (const byte of reply) say(Buffer.from([byte]));
	t.is((await reading).toString(), 'aaaa');
	t.is((await disk.request({ kind: 'flush' })).length, 0, 'a client that knows no flushing is not asked');
});

test('who breaks the protocol, or does not answer, is shut out, and what waits for it fails', async t => {
	const breaks: readonly [string, (client: ReturnType<typeof clientForTest>) => void][] = [
		['not an NBD server', ({ say }) => say(Buffer.from('HTTP/1.1 400 Bad Request'))],
		['no disk has this size', ({ say, describe }) => say(Buffer.concat([greeting, describe(0n, 1)]))],
		['no disk has this size', ({ say, describe }) => say(Buffer.concat([greeting, describe(2n ** 63n, 1)]))],
		['it does not answer', ({ clock }) => clock.advance(30_000)],
	];
	for (const [reason, act] of breaks) {
		const client = clientForTest();
		act(client);
		await t.throwsAsync(client.opening, { code: 'MediumUnusable', message: new RegExp(reason) });
		t.deepEqual(client.reasons, [reason]);
	}
	const later: readonly [string, (client: ReturnType<typeof clientForTest>) => void][] = [
		['not an NBD reply', ({ say }) => say(Buffer.alloc(16))],
		['it does not answer', ({ clock }) => clock.advance(30_000)],
		['it is gone', ({ leave }) => leave()],
		[
			'a reply that nobody asked for',
			({ say }) => {
				const reply = Buffer.alloc(16);
				reply.writeUInt32BE(NBD.reply, 0);
				say(reply);
			},
		],
	];
	for (const [reason, act] of later) {
		const client = clientForTest();
		client.say(Buffer.concat([greeting, client.describe(1024n, 1)]));
		const disk = await client.opening;
		const reading = disk.request({ kind: 'read', offset: 0n, length: 4 });
		act(client);
		await t.throwsAsync(reading, { message: new RegExp(reason) });
		await t.throwsAsync(disk.request({ kind: 'read', offset: 0n, length: 4 }), { message: /gone/ });
	}
});

async function folderForTest(t: ExecutionContext): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-nbd-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

function memoryDisk(bytes: Buffer, readOnly: boolean): NbdDisk {
	return {
		size: bytes.length,
		readOnly,
		async request(request) {
			if (request.kind === 'flush') return Buffer.alloc(0);
			const at = Number(request.offset);
			if (request.kind === 'read') return bytes.subarray(at, at + request.length);
			request.data.copy(bytes, at);
			return Buffer.alloc(0);
		},
	};
}

withQemu('QEMU’s own programs read and write what is served, and not what is read-only', async t => {
	const folder = await folderForTest(t);
	const bytes = Buffer.alloc(1024 * 1024, 'a');
	const writable = await serveNbd(folder, 'w.sock', memoryDisk(bytes, false));
	const readable = await serveNbd(folder, 'r.sock', memoryDisk(bytes, true));
	const io = async (name: string, ...commands: string[]) => {
		const { stdout } = await promisify(execFile)(
			'qemu-io',
			[
				...['-f', 'raw', ...(name === 'r.sock' ? ['-r'] : [])],
				...commands.flatMap(command => ['-c', command]),
				`nbd+unix:///?socket=${path.join(folder, name)}`,
			],
			{ timeout: 30_000 },
		);
		return stdout;
	};
	const large = await io(
		'w.sock',
		'read -P 0x61 0 1M',
		'write -P 0x62 4096 300k',
		'flush',
		'read -P 0x62 4096 300k',
	);
	t.false(/failed|error/i.test(large), large);
	t.is(bytes.subarray(4096, 4096 + 300 * 1024).toString(), 'b'.repeat(300 * 1024));
	t.false(/failed|error/i.test(await io('r.sock', 'read -P 0x62 4096 4096')));
	const { stdout } = await promisify(execFile)('qemu-img', [
		'info',
		'--output=json',
		`nbd+unix:///?socket=${path.join(folder, 'r.sock')}`,
	]);
	t.is(JSON.parse(stdout)['virtual-size'], bytes.length);
	await writable.close();
	await readable.close();
});
