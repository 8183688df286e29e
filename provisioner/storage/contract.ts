import { randomUUID } from 'node:crypto';
import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import type { Backing, Storage, VolumeId } from './storage.ts';

/** A storage of an engine, and how its attached disks are written to, as tgtd would. */
export interface ContractStorage {
	readonly storage: Storage;
	/** For files that are taken in. */
	readonly folder: string;
	/** Opens what a disk is served from. */
	openBacking(backing: Backing): Promise<OpenDisk>;
	/** Ends it and opens it again, as a process does that starts after another one was killed. */
	reopen(): Promise<ContractStorage>;
}

export interface OpenDisk {
	read(at: number, length: number): Promise<Buffer>;
	/** Resolves when it is on disk. */
	write(at: number, bytes: Buffer): Promise<void>;
	close(): Promise<void>;
}

type Declare = (title: string, run: (t: ExecutionContext) => Promise<void>) => void;

const MiB = 2 ** 20;
const { signal } = new AbortController();
const text = (of: string): Buffer => Buffer.from(of.padEnd(512, '.'));

/** An image of 8 MiB that begins with `words`. */
async function takeIn(
	{ storage, folder }: ContractStorage,
	words: string,
	size = 8 * MiB,
): Promise<VolumeId> {
	const id = randomUUID();
	const file = path.join(folder, `${id}.raw`);
	await writeFile(file, text(words));
	const handle = await open(file, 'r+');
	await handle.truncate(size);
	await handle.close();
	await storage.create(id, { from: 'file', file, format: 'raw' }, { signal });
	return id;
}

const contents = async (storage: Storage, id: VolumeId): Promise<Buffer> =>
	buffer(await storage.read(id, 'raw', signal));

/** What every engine does. `setUp` is given a test to end what it starts with. */
export function storageContract(
	test: Declare,
	engine: string,
	setUp: (t: ExecutionContext) => Promise<ContractStorage>,
): void {
	const clone = async ({ storage }: ContractStorage, image: VolumeId): Promise<VolumeId> => {
		const disk = randomUUID();
		await storage.create(disk, { from: 'image', image }, { signal });
		return disk;
	};
	const write = async (at: ContractStorage, disk: VolumeId, where: number, words: string): Promise<void> => {
		const opened = await at.openBacking(await at.storage.attach(disk, { isReadOnly: false }));
		await opened.write(where, text(words));
		await opened.close();
	};
	const read = async (at: ContractStorage, disk: VolumeId, where = 0): Promise<string> => {
		const opened = await at.openBacking(await at.storage.attach(disk, { isReadOnly: false }));
		const words = (await opened.read(where, 512)).toString().replace(/\.*$/, '');
		await opened.close();
		return words;
	};

	test(`${engine}: an image is taken in as it is, and given out as it was, raw and qcow2`, async t => {
		const at = await setUp(t);
		const image = await takeIn(at, 'golden');
		const bytes = await contents(at.storage, image);
		t.is(bytes.length, 8 * MiB);
		t.true(bytes.subarray(0, 512).equals(text('golden')));
		const file = path.join(at.folder, 'given.qcow2');
		await writeFile(file, await buffer(await at.storage.read(image, 'qcow2', signal)));
		const again = randomUUID();
		t.deepEqual(await at.storage.create(again, { from: 'file', file, format: 'qcow2' }, { signal }), {
			size: 8 * MiB,
		});
		t.true((await contents(at.storage, again)).equals(bytes));
		t.deepEqual(await at.storage.create(again, { from: 'file', file, format: 'qcow2' }, { signal }), {
			size: 8 * MiB,
		});
	});

	test(`${engine}: a clone copies nothing, shows its image, and never changes it`, async t => {
		const at = await setUp(t);
		const image = await takeIn(at, 'golden');
		const [one, other] = [await clone(at, image), await clone(at, image)];
		await write(at, one, 0, 'mine');
		await write(at, one, 4 * MiB, 'far');
		t.deepEqual(
			[await read(at, one), await read(at, one, 4 * MiB), await read(at, other)],
			['mine', 'far', 'golden'],
		);
		const { volumes, free } = await at.storage.usage();
		t.true(free > 0);
		t.like(volumes.get(one), { parent: image, isAttached: true });
		t.true((volumes.get(one)?.own ?? 0) < 2 * MiB);
		t.true((volumes.get(other)?.own ?? 0) < MiB);
		await at.storage.detach(one);
		t.true((await contents(at.storage, image)).subarray(0, 512).equals(text('golden')));
	});

	test(`${engine}: what was written is there after detaching, and after the service was killed`, async t => {
		const at = await setUp(t);
		const disk = await clone(at, await takeIn(at, 'golden'));
		await write(at, disk, 1 * MiB, 'first');
		await at.storage.detach(disk);
		await at.storage.detach(disk);
		t.is(await read(at, disk, 1 * MiB), 'first');
		await write(at, disk, 2 * MiB, 'second');
		const next = await at.reopen();
		t.is((await next.storage.usage()).volumes.get(disk)?.isAttached, false);
		t.deepEqual([await read(next, disk, 1 * MiB), await read(next, disk, 2 * MiB)], ['first', 'second']);
	});

	test(`${engine}: a snapshot of a disk that is written to is what it held at that moment`, async t => {
		const at = await setUp(t);
		const image = await takeIn(at, 'golden');
		const disk = await clone(at, image);
		await write(at, disk, 1 * MiB, 'before');
		const opened = await at.openBacking(await at.storage.attach(disk, { isReadOnly: false }));
		const saved: VolumeId[] = [];
		for (const round of ['one', 'two', 'three']) {
			await opened.write(2 * MiB, text(round));
			const id = randomUUID();
			t.deepEqual(await at.storage.create(id, { from: 'disk', disk }, { signal }), { size: 8 * MiB });
			await opened.write(2 * MiB, text(`after ${round}`));
			saved.push(id);
		}
		t.true((await opened.read(2 * MiB, 512)).equals(text('after three')));
		await opened.close();
		for (const [index, round] of ['one', 'two', 'three'].entries()) {
			const bytes = await contents(at.storage, saved[index] ?? '');
			t.true(bytes.subarray(0, 512).equals(text('golden')));
			t.true(bytes.subarray(1 * MiB, 1 * MiB + 512).equals(text('before')));
			t.true(bytes.subarray(2 * MiB, 2 * MiB + 512).equals(text(round)), round);
		}
		await at.storage.detach(disk);
		t.is(await read(at, disk, 2 * MiB), 'after three');
		const next = await at.reopen();
		t.is(await read(next, disk, 2 * MiB), 'after three');
		const copy = await clone(next, saved[0] ?? '');
		t.is(await read(next, copy, 2 * MiB), 'one');
	});

	test(`${engine}: a snapshot of a saved disk; the disk can go, and the snapshot stays`, async t => {
		const at = await setUp(t);
		const disk = await clone(at, await takeIn(at, 'golden'));
		await write(at, disk, 1 * MiB, 'saved');
		await at.storage.detach(disk);
		const image = randomUUID();
		await at.storage.create(image, { from: 'disk', disk }, { signal });
		await at.storage.remove(disk);
		t.is(await read(at, await clone(at, image), 1 * MiB), 'saved');
	});

	test(`${engine}: what is attached or cloned is not removed; what is not there is`, async t => {
		const at = await setUp(t);
		const image = await takeIn(at, 'golden');
		const disk = await clone(at, image);
		await t.throwsAsync(at.storage.remove(image), { code: 'InUse' });
		await at.storage.attach(disk, { isReadOnly: true });
		await t.throwsAsync(at.storage.remove(disk), { code: 'InUse' });
		await t.throwsAsync(at.storage.attach(disk, { isReadOnly: false }), { code: 'InUse' });
		await at.storage.detach(disk);
		await at.storage.remove(disk);
		await at.storage.remove(disk);
		await at.storage.remove(image);
		t.deepEqual([...(await at.storage.usage()).volumes], []);
		await t.throwsAsync(at.storage.attach(disk, { isReadOnly: false }), { code: 'NotThere' });
		await t.throwsAsync(at.storage.attach('../../etc/passwd', { isReadOnly: true }), { code: 'NotThere' });
	});

	test(`${engine}: a disk that is attached for reading cannot be written to`, async t => {
		const at = await setUp(t);
		const disk = await clone(at, await takeIn(at, 'golden'));
		const backing = await at.storage.attach(disk, { isReadOnly: true });
		await t.throwsAsync(async () => {
			const opened = await at.openBacking(backing);
			await opened.write(0, text('vandal'));
		});
		await at.storage.detach(disk);
		t.is(await read(at, disk), 'golden');
	});

	test(`${engine}: a file that is no image, or refers to others, is refused and leaves nothing`, async t => {
		const at = await setUp(t);
		const file = path.join(at.folder, 'secret');
		await writeFile(file, 'root:x:0:0');
		const asQcow2 = { from: 'file', file, format: 'qcow2' } as const;
		await t.throwsAsync(at.storage.create(randomUUID(), asQcow2, { signal }), { code: 'ImageRefused' });
		const qcow2 = path.join(at.folder, 'given.qcow2');
		await writeFile(qcow2, await buffer(await at.storage.read(await takeIn(at, 'x'), 'qcow2', signal)));
		// Bytes 8 to 19 of the header name a backing file: here the secret, whose name stands at the end.
		const header = await readFile(qcow2);
		header.writeBigUInt64BE(BigInt(512), 8);
		header.writeUInt32BE(file.length, 16);
		header.write(file, 512, 'utf8');
		await writeFile(qcow2, header);
		const before = [...(await at.storage.usage()).volumes.keys()];
		const refusal = async (content: Buffer, format: 'raw' | 'qcow2'): Promise<string> => {
			const given = path.join(at.folder, 'given.other');
			await writeFile(given, content);
			const source = { from: 'file', file: given, format } as const;
			const fault = await t.throwsAsync(at.storage.create(randomUUID(), source, { signal }), {
				code: 'ImageRefused',
			});
			return fault?.message ?? '';
		};
		const whole = await buffer(await at.storage.read(await takeIn(at, 'x'), 'qcow2', signal));
		t.regex(await refusal(whole.subarray(0, whole.length - 65_536), 'qcow2'), /cut off/);
		t.regex(await refusal(whole, 'raw'), /say that its format is qcow2/);
		t.regex(await refusal(Buffer.alloc(1000, 1), 'raw'), /no whole sectors/);
		t.regex(await refusal(Buffer.from('1f8b0800', 'hex'), 'raw'), /gzip/);
		t.regex(await refusal(Buffer.alloc(0), 'raw'), /empty/);
		const forged = { from: 'file', file: qcow2, format: 'qcow2' } as const;
		await t.throwsAsync(at.storage.create(randomUUID(), forged, { signal }), { code: 'ImageRefused' });
		t.deepEqual((await at.storage.usage()).volumes.size, before.length + 1, 'only the one that was good');
	});

	test(`${engine}: what is given up leaves nothing, and can be done again`, async t => {
		const at = await setUp(t);
		const id = randomUUID();
		const file = path.join(at.folder, 'big.raw');
		await writeFile(file, Buffer.alloc(8 * MiB, 1));
		const givenUp = AbortSignal.abort(new Error('given up'));
		const source = { from: 'file', file, format: 'raw' } as const;
		await t.throwsAsync(at.storage.create(id, source, { signal: givenUp }), { message: 'given up' });
		t.deepEqual([...(await at.storage.usage()).volumes], []);
		await at.storage.create(id, source, { signal });
		t.true((await contents(at.storage, id)).equals(Buffer.alloc(8 * MiB, 1)));
	});
}
