// Files that somebody made to do harm, given to the real qemu-img as the storage gives it them.
import { execFile } from 'node:child_process';
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import { takeIn } from './foreign-image.ts';

const test = testNeeding('qemu-utils');
const run = promisify(execFile);
const { signal } = new AbortController();
const MiB = 2 ** 20;
/** Milliseconds in which each is refused, also on a busy machine. */
const bound = 60_000;

async function setUp(t: ExecutionContext) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-foreign-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	let made = 0;
	const take = (file: string, format: 'raw' | 'qcow2', longest?: number) =>
		takeIn(
			{ file, format },
			{ target: path.join(folder, `copy-${++made}`), signal, ...(longest !== undefined && { longest }) },
		);
	return {
		folder,
		take,
		/** An image with four clusters of data, as QEMU makes it. */
		async image(...options: string[]): Promise<Buffer> {
			const file = path.join(folder, `image-${++made}.qcow2`);
			await run('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, file, '8M']);
			await run('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 256k', file]);
			return readFile(file);
		},
		/** Takes these bytes; why they are refused, or the size. */
		async outcome(bytes: Buffer, format: 'raw' | 'qcow2' = 'qcow2'): Promise<string | number> {
			const file = path.join(folder, `given-${++made}`);
			await writeFile(file, bytes, { mode: 0o600 });
			const began = performance.now();
			try {
				return await take(file, format);
			} catch (fault) {
				const { code, message } = fault as { code: string; message: string };
				t.is(code, 'ImageRefused', message);
				t.false(message.includes(folder) || message.includes('/proc'), message);
				return message;
			} finally {
				t.true(performance.now() - began < bound);
				t.is((await stat(file)).mode & 0o777, 0o600);
				await rm(file);
			}
		},
	};
}

/** The same with other bytes from `at` on. */
function altered(bytes: Buffer, ...changes: readonly (readonly [at: number, hex: string])[]): Buffer {
	const copy = Buffer.from(bytes);
	for (const [at, hex] of changes) Buffer.from(hex, 'hex').copy(copy, at);
	return copy;
}

/** A header extension in front of those that there are; QEMU's begin at byte 112. */
const extended = (bytes: Buffer, type: string, data: Buffer): Buffer => {
	const padded = Buffer.alloc(Math.ceil(data.length / 8) * 8);
	data.copy(padded);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(data.length);
	const extension = Buffer.concat([Buffer.from(type, 'hex'), length, padded]);
	return Buffer.concat([
		bytes.subarray(0, 112),
		extension,
		bytes.subarray(112, 65_536 - extension.length),
		bytes.subarray(65_536),
	]);
};

test('what is good is taken in as it is: old and new versions, compressed, with wide entries, of any cluster', async t => {
	const { image, outcome, folder, take } = await setUp(t);
	for (const options of [
		'compat=0.10',
		'compat=1.1',
		'cluster_size=512',
		'cluster_size=2M',
		'extended_l2=on',
		'compression_type=zstd',
		'refcount_bits=64',
	])
		t.is(await outcome(await image('-o', options)), 8 * MiB, options);
	const file = path.join(folder, 'compressed.qcow2');
	await writeFile(path.join(folder, 'plain.qcow2'), await image());
	await run('qemu-img', ['convert', '-c', '-O', 'qcow2', path.join(folder, 'plain.qcow2'), file]);
	t.is(await take(file, 'qcow2'), 8 * MiB);
	const copy = path.join(folder, 'again');
	await takeIn({ file, format: 'qcow2' }, { target: copy, signal });
	await run('qemu-img', ['compare', file, copy]);
	t.is((await stat(copy)).mode & 0o777, 0o600);
	t.is((await stat(copy)).uid, process.geteuid?.() ?? 0);
});

test('whatever would have a program open other files is refused', async t => {
	const { image, outcome, folder } = await setUp(t);
	const secret = path.join(folder, 'secret');
	await writeFile(secret, 'root:x:0:0'.padEnd(1024));
	const plain = await image();
	const named = (name: string, at: number): readonly [number, string][] => [
		[8, at.toString(16).padStart(16, '0')],
		[16, name.length.toString(16).padStart(8, '0')],
		[at, Buffer.from(name).toString('hex')],
	];
	for (const name of [secret, `json:{"driver":"file","filename":"${secret}"}`, 'nbd:127.0.0.1:10809', ''])
		t.regex(String(await outcome(altered(plain, ...named(name, 1024)))), /made upon another file/, name);
	const data = altered(plain, [72, '0000000000000004']);
	const asFile = Buffer.from(`json:{"driver":"file","filename":"${secret}"}`);
	t.regex(String(await outcome(data)), /data are in another file/);
	t.regex(String(await outcome(extended(data, '44415441', asFile))), /data are in another file/);
	t.regex(String(await outcome(extended(plain, '44415441', asFile))), /data are in another file/);
	t.regex(String(await outcome(altered(plain, [32, '00000002']))), /encrypted/);
	t.regex(String(await outcome(extended(plain, '0537be77', Buffer.alloc(16)))), /encrypted/);
	const vmdk = `# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 2 FLAT "${secret}" 0\n`;
	t.regex(String(await outcome(Buffer.from(vmdk))), /no qcow2/);
	// Byte for byte it is a raw disk then, and nothing more.
	t.is(await outcome(Buffer.from(vmdk.padEnd(1024)), 'raw'), 1024);
});

test('tables of absurd length, and other lies of a header, are refused before anything believes them', async t => {
	const { image, outcome } = await setUp(t);
	const plain = await image();
	const lies: Record<string, readonly (readonly [number, string])[]> = {
		'a map of 4 billion entries': [[36, 'ffffffff']],
		'a map of 32 MiB that is not there': [[36, '00400000']],
		'a map at the end of the world': [[40, '7fffffffffff0000']],
		'a map beside its place': [[40, '0000000000030001']],
		'no map': [[36, '00000000']],
		'a map too short': [[24, '0000100000000000']],
		'no references': [[56, '00000000']],
		'references of 256 TiB': [[56, 'ffffffff']],
		'references that are not there': [[48, '00000fffffff0000']],
		'4 billion snapshots': [[60, 'ffffffff']],
		'one snapshot': [[60, '00000001']],
		'a disk of 16 EiB': [[24, 'fffffffffffffe00']],
		'a disk of nothing': [[24, '0000000000000000']],
		'clusters of 2 GiB': [[20, '0000001f']],
		'clusters of a byte': [[20, '00000000']],
		'references of 2^255 bits': [[96, '000000ff']],
		'a header of 4 GiB': [[100, 'fffffff8']],
		'a header of nothing': [[100, '00000000']],
		'extensions without end': [[112, '11111111fffffff0']],
		'features from the future': [[72, '8000000000000000']],
		'known damage': [[72, '0000000000000002']],
		'a version to come': [[4, '00000004']],
	};
	for (const [what, changes] of Object.entries(lies)) {
		t.is(typeof (await outcome(altered(plain, ...changes))), 'string', what);
	}
	for (const length of [0, 4, 71, 72, 103, 104, 512, 65_536, plain.length - 65_536])
		t.is(typeof (await outcome(plain.subarray(0, length))), 'string', `${length} bytes`);
});

test('a small file that says that it holds very much is refused, and leaves nothing', async t => {
	const { image, folder, take } = await setUp(t);
	// Every entry of the map names the one table, and every entry of that the one cluster with data.
	const file = path.join(folder, 'bomb.qcow2');
	const entries = 64;
	// So many references to one cluster must be counted.
	await writeFile(file, await image('-o', 'refcount_bits=64'));
	const handle = await open(file, 'r+');
	const cluster = 65_536;
	const head = Buffer.alloc(112);
	await handle.read(head, 0, 112, 0);
	const [oldMap, copied] = [Number(head.readBigUInt64BE(40)), 1n << 63n];
	const table = Buffer.alloc(8);
	await handle.read(table, 0, 8, oldMap);
	const tableAt = table.readBigUInt64BE() & ~copied;
	await handle.read(table, 0, 8, Number(tableAt));
	const data = table.readBigUInt64BE() & ~copied;
	const many = (value: bigint, count: number): Buffer => {
		const buffer = Buffer.alloc(count * 8);
		for (let at = 0; at < buffer.length; at += 8) buffer.writeBigUInt64BE(value, at);
		return buffer;
	};
	await handle.write(many(data, cluster / 8), 0, cluster, Number(tableAt));
	const end = Math.ceil((await handle.stat()).size / cluster) * cluster;
	await handle.write(many(tableAt, entries), 0, entries * 8, end);
	await handle.truncate(end + cluster);
	head.writeBigUInt64BE(BigInt(entries) * 2n ** 29n, 24);
	head.writeUInt32BE(entries, 36);
	head.writeBigUInt64BE(BigInt(end), 40);
	await handle.write(head, 0, 112, 0);
	await handle.close();
	const before = await readdir(folder);
	const unchecked = await t.throwsAsync(take(file, 'qcow2'), { code: 'ImageRefused' });
	t.regex(unchecked?.message ?? '', /damaged|far more/);
	// With counts of references that fit, only its length tells.
	await run('qemu-img', ['check', '-q', '-r', 'all', file]).catch(() => undefined);
	await run('qemu-img', ['check', '-q', file]);
	t.true((await stat(file)).size < 2 * MiB, 'of 32 GiB');
	const told = await t.throwsAsync(take(file, 'qcow2', 32 * MiB), { code: 'ImageRefused' });
	t.regex(told?.message ?? '', /far more than it says/);
	t.deepEqual(await readdir(folder), before);
});

test('whatever is done to a file, it is taken in or refused, within its time', async t => {
	const { image, outcome } = await setUp(t);
	t.timeout(600_000);
	const plain = await image('-o', 'cluster_size=4096');
	const change = fc.tuple(
		// Most of them where the header and the tables are.
		fc.oneof(fc.nat({ max: 160 }), fc.nat({ max: plain.length - 9 })),
		fc.oneof(
			fc.constantFrom(
				'ff',
				'ffffffff',
				'ffffffffffffffff',
				'00000000',
				'7fffffffffffffff',
				'8000000000001000',
			),
			fc.uint8Array({ minLength: 1, maxLength: 8 }).map(bytes => Buffer.from(bytes).toString('hex')),
		),
	);
	const ends = { taken: 0, refused: 0 };
	await fc.assert(
		fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async changes => {
			const end = await outcome(altered(plain, ...changes));
			if (typeof end === 'number') ends.taken++;
			else ends.refused++;
		}),
		{ numRuns: 80, endOnFailure: true },
	);
	t.log(ends);
	t.true(ends.taken > 0 && ends.refused > 0);
});
