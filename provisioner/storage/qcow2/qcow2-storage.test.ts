import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { mkdtemp, open, readdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { silentLogger } from '../../../common/log/logger.ts';
import { endChildren, findChildren } from '../../../common/processes/children.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import { until } from '../../../test/visitor.ts';
import { type ContractStorage, storageContract } from '../contract.ts';
import type { Backing } from '../storage.ts';
import { openQcow2Storage } from './qcow2-storage.ts';

const test = testNeeding('qemu-utils', 'qemu-system-common');

interface At extends ContractStorage {
	readonly run: string;
	reopen(): Promise<At>;
}

async function setUp(t: ExecutionContext): Promise<At> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-storage-'));
	const openAt = async (): Promise<At> => {
		const run = `storage-${randomUUID().slice(0, 8)}`;
		const options = { folder: path.join(folder, 'storage'), run, clock: systemClock, logger: silentLogger };
		const storage = await openQcow2Storage(options);
		t.teardown(() => storage.close());
		return {
			storage,
			folder,
			run,
			openBacking,
			async reopen() {
				await storage.close();
				return openAt();
			},
		};
	};
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	return openAt();
}

/** By its number: closing a file whose daemon has died fails, and Node.js takes that hard of a handle. */
async function openBacking({ path: file }: Backing) {
	const fd = await promisify(fs.open)(file, 'r+');
	return {
		async read(at: number, length: number) {
			const { buffer } = await promisify(fs.read)(fd, Buffer.alloc(length), 0, length, at);
			return buffer;
		},
		async write(at: number, bytes: Buffer) {
			await promisify(fs.write)(fd, bytes, 0, bytes.length, at);
			await promisify(fs.fsync)(fd);
		},
		close: () => promisify(fs.close)(fd),
	};
}

async function killDaemon({ run }: At): Promise<void> {
	const daemon = (await findChildren(run)).find(({ command }) => command.includes('qemu-storage-daemon'));
	process.kill(daemon?.pid ?? 0, 'SIGKILL');
}

/** Kills what holds the daemon's exports, and waits until another one does. */
async function killHolder({ run }: At): Promise<void> {
	const find = async () => (await findChildren(run)).find(({ command }) => command.includes('hold-exports'));
	const first = await find();
	process.kill(first?.pid ?? 0, 'SIGKILL');
	await until(
		async () => {
			const other = await find();
			if (!other || other.pid === first?.pid) return [];
			const folder = `/proc/${other.pid}/fd`;
			const names = await readdir(folder).catch(() => []);
			return Promise.all(names.map(name => readlink(`${folder}/${name}`).catch(() => '')));
		},
		open => open.includes('/dev/fuse'),
	);
}

storageContract(test, 'qcow2', setUp);

test('a storage daemon that is killed is started again, and every disk with what was flushed', async t => {
	const at = await setUp(t);
	// The clock of services keeps no process alive.
	const alive = setInterval(() => undefined, 1000);
	t.teardown(() => clearInterval(alive));
	const { signal } = new AbortController();
	const [image, disk] = [randomUUID(), randomUUID()];
	const file = path.join(at.folder, 'image.raw');
	const handle = await open(file, 'w');
	await handle.truncate(2 ** 22);
	await handle.close();
	await at.storage.create(image, { from: 'file', file, format: 'raw' }, { signal });
	await at.storage.create(disk, { from: 'image', image }, { signal });
	const opened = await at.openBacking(await at.storage.attach(disk, { isReadOnly: false }));
	await opened.write(0, Buffer.from('flushed'));
	// Its file is now one upon another.
	await at.storage.create(randomUUID(), { from: 'disk', disk }, { signal });
	await opened.write(4096, Buffer.from('after'));
	const again = new Promise<Backing>(resolve => at.storage.onReattached((_, backing) => resolve(backing)));
	await t.notThrowsAsync(at.storage.check());
	const before = await at.storage.attach(disk, { isReadOnly: false });
	await killDaemon(at);
	t.not((await again).path, before.path, 'whoever has the old one open sees that it is another');
	const anew = await at.openBacking(await again);
	await t.notThrowsAsync(at.storage.check());
	t.is((await anew.read(0, 7)).toString(), 'flushed');
	t.is((await anew.read(4096, 5)).toString(), 'after');
	await anew.write(8192, Buffer.from('goes on'));
	await anew.close();
	await opened.close().catch(() => undefined);
	await at.storage.detach(disk);
	t.is((await readdir(path.join(at.folder, 'storage', 'volumes'))).length, 3, 'one file each');
});

test('what is written while the daemon is gone waits until whoever wrote it was ended: nobody is told that it failed', async t => {
	const at = await setUp(t);
	const alive = setInterval(() => undefined, 1000);
	t.teardown(() => clearInterval(alive));
	const { signal } = new AbortController();
	const [image, disk] = [randomUUID(), randomUUID()];
	const file = path.join(at.folder, 'image.raw');
	await writeFile(file, Buffer.alloc(2 ** 20, 'x'));
	await at.storage.create(image, { from: 'file', file, format: 'raw' }, { signal });
	await at.storage.create(disk, { from: 'image', image }, { signal });
	// Writes and flushes as fast as it can, and says how each went.
	const script = `
		const fs = require('node:fs');
		const file = fs.openSync(process.argv[1], 'r+');
		for (;;) {
			let how = 'written';
			try { fs.writeSync(file, 'x', 0); fs.fsyncSync(file); } catch (fault) { how = fault.code; }
			fs.writeSync(1, how + '\\n');
		}`;
	for (let turn = 0; turn < 3; turn++) {
		const { path: of } = await at.storage.attach(disk, { isReadOnly: false });
		const writer = spawn(process.execPath, ['-e', script, of], { stdio: ['ignore', 'pipe', 'inherit'] });
		let said = '';
		writer.stdout.setEncoding('utf8').on('data', text => {
			said += text;
		});
		const over = once(writer, 'close');
		await until(
			async () => said.length,
			length => length > 100,
		);
		const ended = new Promise<void>(resolve => {
			const stop = at.storage.onOutage?.({
				began: () => void writer.kill('SIGKILL'),
				ended() {
					stop?.();
					resolve();
				},
			});
		});
		if (turn === 1) await killHolder(at);
		await killDaemon(at);
		await over;
		t.deepEqual([...new Set(said.split('\n').filter(line => line !== ''))], ['written']);
		await ended;
	}
	await at.storage.detach(disk);
});

test('a disk that cannot be opened again is tried until it can, and said meanwhile; others are served', async t => {
	const at = await setUp(t);
	const alive = setInterval(() => undefined, 1000);
	t.teardown(() => clearInterval(alive));
	const { signal } = new AbortController();
	const [image, disk, other] = [randomUUID(), randomUUID(), randomUUID()];
	const file = path.join(at.folder, 'image.raw');
	await writeFile(file, Buffer.alloc(2 ** 20, 'x'));
	await at.storage.create(image, { from: 'file', file, format: 'raw' }, { signal });
	for (const id of [disk, other]) {
		await at.storage.create(id, { from: 'image', image }, { signal });
		await at.storage.attach(id, { isReadOnly: false });
	}
	const back = new Map<string, Backing>();
	at.storage.onReattached((id, backing) => void back.set(id, backing));
	const volume = path.join(at.folder, 'storage', 'volumes', `${disk}.qcow2`);
	await rename(volume, `${volume}.away`);
	await killDaemon(at);
	const wellOf = () =>
		at.storage.check().then(
			() => '',
			fault => fault.message,
		);
	await until(wellOf, said => said.includes(`disk ${disk} is missing`));
	t.deepEqual([...back.keys()], [other]);
	await rename(`${volume}.away`, volume);
	await until(wellOf, said => said === '');
	const opened = await at.openBacking(back.get(disk) as Backing);
	t.is((await opened.read(0, 3)).toString(), 'xxx');
	await opened.close();
	for (const id of [disk, other]) await at.storage.detach(id);
});

test('nothing is left of it once it is closed', async t => {
	const at = await setUp(t);
	await at.storage.close();
	await until(
		() => findChildren(at.run),
		living => living.length === 0,
	);
	t.deepEqual(await endChildren(at.run), []);
});
