import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { silentLogger } from '../../../common/log/logger.ts';
import type { ContractStorage } from '../contract.ts';
import type { Backing } from '../storage.ts';
import { startCeph, type TestCeph } from './ceph.fixture.ts';
import { openRbdStorage } from './rbd-storage.ts';

/** The Debian packages that it takes. */
export const cephParts = ['ceph-mon', 'ceph-osd', 'ceph-mgr', 'ceph-common', 'qemu-block-extra'];
/** Milliseconds: a Ceph is started within the first test. */
const patience = 300_000;

export interface RbdBench extends ContractStorage {
	readonly ceph: TestCeph;
	/** Of the processes that the storage has. */
	readonly run: string;
	reopen(options?: { readonly bound?: number }): Promise<RbdBench>;
	/** Another one on the same pool. */
	another(options: { readonly bound: number }): Promise<RbdBench>;
}

/** A function that sets a storage up for a test, on an empty pool of one Ceph for all tests of a file. */
export function rbdBenches(): (t: ExecutionContext) => Promise<RbdBench> {
	let starting: Promise<TestCeph> | undefined;
	test.after.always(async () => (await starting)?.close());
	return async t => {
		t.timeout(patience);
		// The clock of services keeps no process alive.
		const alive = setInterval(() => undefined, 1000);
		t.teardown(() => clearInterval(alive));
		starting ??= startCeph();
		const ceph = await starting;
		await ceph.clear();
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-rbd-'));
		t.teardown(() => rm(folder, { recursive: true, force: true }));
		const openAt = async (name: string, bound?: number): Promise<RbdBench> => {
			const run = `rbd-${randomUUID().slice(0, 8)}`;
			const { configuration, pool, user, keyring } = ceph;
			const storage = await openRbdStorage({
				...{ configuration, pool, user, keyring, run, clock: systemClock, logger: silentLogger },
				...{ folder: path.join(folder, name), ...(bound !== undefined && { bound }) },
			});
			t.teardown(() => storage.close());
			return {
				...{ storage, folder, run, ceph, openBacking },
				async reopen(options) {
					await storage.close();
					return openAt(name, options?.bound);
				},
				another: options => openAt('another', options.bound),
			};
		};
		return openAt('storage');
	};
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
