// What becomes of disks when something dies or stops: a real Ceph of this file's own; see ceph.fixture.ts.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { findChildren } from '../../../common/processes/children.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import type { Backing, VolumeId } from '../storage.ts';
import { cephParts, type RbdBench, rbdBenches } from './rbd.fixture.ts';

const test = testNeeding(...cephParts);
const setUp = rbdBenches();
const { signal } = new AbortController();
const MiB = 2 ** 20;

async function imageIn(at: RbdBench): Promise<VolumeId> {
	const image = randomUUID();
	const file = path.join(at.folder, `${image}.raw`);
	await writeFile(file, Buffer.alloc(8 * MiB, 'x'));
	await at.storage.create(image, { from: 'file', file, format: 'raw' }, { signal });
	return image;
}

async function diskIn(at: RbdBench, image: VolumeId): Promise<VolumeId> {
	const disk = randomUUID();
	await at.storage.create(disk, { from: 'image', image }, { signal });
	return disk;
}

/** As operations do: what is worth another try gets one. */
async function persistently<R>(work: () => Promise<R>): Promise<R> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await work();
		} catch (fault) {
			if (attempt === 20 || !(fault instanceof BimetalError) || fault.status < 500) throw fault;
		}
	}
}

test("a disk's daemon that is killed is started again, with all that was written, flushed or not", async t => {
	const at = await setUp(t);
	const disk = await diskIn(at, await imageIn(at));
	const backing = await at.storage.attach(disk, { isReadOnly: false });
	const opened = await at.openBacking(backing);
	await opened.write(0, Buffer.from('flushed'));
	const fd = await promisify(fs.open)(backing.path, 'r+');
	await promisify(fs.write)(fd, Buffer.from('written'), 0, 7, 2 * MiB);
	const again = new Promise<Backing>(resolve => at.storage.onReattached((_, anew) => resolve(anew)));
	const daemon = (await findChildren(at.run)).find(({ command }) => command.includes('qemu-storage-daemon'));
	process.kill(daemon?.pid ?? 0, 'SIGKILL');
	t.not((await again).path, backing.path, 'whoever has the old one open sees that it is another');
	const anew = await at.openBacking(await again);
	t.is((await anew.read(0, 8)).toString(), 'flushedx');
	t.is((await anew.read(2 * MiB, 8)).toString(), 'writtenx');
	await anew.write(4096, Buffer.from('goes on'));
	const shutOut = await at.ceph.administer('ceph', 'osd', 'blocklist', 'ls');
	t.regex(shutOut, /127\.0\.0\.1/, 'it does not wait until Ceph forgets the dead');
	await anew.close();
	await opened.close().catch(() => undefined);
	await promisify(fs.close)(fd).catch(() => undefined);
	await at.storage.detach(disk);
});

test('an OSD that is killed while a disk is written to: that waits, goes on, and what was flushed is there', async t => {
	const at = await setUp(t);
	const disk = await diskIn(at, await imageIn(at));
	const opened = await at.openBacking(await at.storage.attach(disk, { isReadOnly: false }));
	for (let index = 0; index < 8; index++) await opened.write(index * MiB, Buffer.from(`flushed ${index}`));
	await at.ceph.osd.kill();
	let isOver = false;
	const waiting = opened.write(512 * 1024, Buffer.from('meanwhile')).then(() => {
		isOver = true;
	});
	t.false(isOver);
	await at.ceph.osd.start();
	await waiting;
	t.is((await opened.read(512 * 1024, 9)).toString(), 'meanwhile');
	await opened.close();
	await persistently(() => at.storage.detach(disk));
	const next = await at.reopen();
	const later = await at.openBacking(
		await persistently(() => next.storage.attach(disk, { isReadOnly: false })),
	);
	for (let index = 0; index < 8; index++) {
		t.is((await later.read(index * MiB, 9)).toString(), `flushed ${index}`);
	}
	await later.close();
	await persistently(() => next.storage.detach(disk));
});

test('while Ceph does not answer every call ends, and says so; when it is back, the same calls do their work', async t => {
	const at = await setUp(t);
	const image = await imageIn(at);
	const [saved, open] = [await diskIn(at, image), await diskIn(at, image)];
	const hasty = await at.another({ bound: 4000 });
	const { storage } = hasty;
	const { path: served } = await persistently(() => storage.attach(open, { isReadOnly: false }));
	const fd = await promisify(fs.open)(served, 'r+');
	const [disk, snapshot] = [randomUUID(), randomUUID()];
	const file = path.join(at.folder, `${image}.raw`);
	const calls: Readonly<Record<string, () => Promise<unknown>>> = {
		clone: () => storage.create(disk, { from: 'image', image }, { signal }),
		snapshot: () => storage.create(snapshot, { from: 'disk', disk: saved }, { signal }),
		'take in': () => storage.create(randomUUID(), { from: 'file', file, format: 'raw' }, { signal }),
		remove: () => storage.remove(saved),
		attach: () => storage.attach(saved, { isReadOnly: false }),
		read: () => storage.read(image, 'qcow2', signal),
		usage: () => storage.usage(),
		check: () => storage.check(),
	};
	at.ceph.osd.stall();
	// Before the daemon is told to end: it is answered, as one that is flushed then might not be.
	const waiting = promisify(fs.write)(fd, Buffer.from('waits'), 0, 5, 0);
	for (const [name, call] of Object.entries(calls)) {
		await t.throwsAsync(call(), { code: 'StorageAway' }, name);
	}
	await t.throwsAsync(storage.detach(open), { code: 'StorageAway' });
	at.ceph.osd.goOn();
	await waiting;
	await promisify(fs.close)(fd).catch(() => undefined);
	await persistently(() => storage.detach(open));
	await persistently(async () => calls.clone?.());
	await persistently(async () => calls.snapshot?.());
	t.true((await at.storage.usage()).volumes.has(snapshot));
	const later = await at.openBacking(await persistently(() => storage.attach(open, { isReadOnly: false })));
	t.is((await later.read(0, 6)).toString(), 'waitsx');
	await later.close();
	await persistently(() => storage.detach(open));
	at.ceph.monitor.stall();
	await t.throwsAsync(storage.check(), { code: 'StorageAway' });
	at.ceph.monitor.goOn();
	await persistently(() => storage.check());
});

test('it ends while Ceph does not answer, and the next one finds what was flushed', async t => {
	const at = await setUp(t);
	const disk = await diskIn(at, await imageIn(at));
	const opened = await at.openBacking(await at.storage.attach(disk, { isReadOnly: false }));
	await opened.write(0, Buffer.from('flushed'));
	at.ceph.osd.stall();
	const waiting = opened.write(MiB, Buffer.from('never there, or whole'));
	await at.storage.close();
	t.deepEqual(await findChildren(at.run), []);
	await t.throwsAsync(waiting);
	await opened.close().catch(() => undefined);
	at.ceph.osd.goOn();
	const next = await at.reopen();
	const later = await at.openBacking(
		await persistently(() => next.storage.attach(disk, { isReadOnly: false })),
	);
	t.is((await later.read(0, 8)).toString(), 'flushedx');
	await later.write(MiB, Buffer.from('goes on'));
	await later.close();
	await persistently(() => next.storage.detach(disk));
});
