import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, pause } from '../../../common/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { type Child, startChild } from '../../../common/processes/children.ts';
import { keepDaemon } from '../../../common/processes/kept-daemon.ts';
import { provisionerErrors } from '../../errors.ts';
import { unmountStale } from '../qcow2/stale-mounts.ts';
import type { Backing, VolumeId } from '../storage.ts';

export interface RbdDiskOptions {
	readonly disk: VolumeId;
	/** Bytes that a machine sees. */
	readonly size: number;
	readonly isReadOnly: boolean;
	readonly pool: string;
	readonly user: string;
	readonly configuration: string;
	/** The disk's own; made when it is not there. */
	readonly folder: string;
	readonly run: string;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Milliseconds in which it must be open, or closed. */
	readonly bound: number;
	/** Shuts out whoever else has it open. */
	readonly takeOver: () => Promise<void>;
	/** It was opened anew: the former file serves nobody. */
	readonly onReopened: (backing: Backing) => void;
}

/** A disk that is open, as a file that tgtd opens. */
export interface RbdDisk {
	readonly isReadOnly: boolean;
	backing(): Backing;
	/** Throws while it is not served. */
	check(): void;
	/**
	 * Writes what is not written yet, and closes it. Again: goes on waiting.
	 * @throws StorageAway when Ceph takes too long; it is closed as soon as Ceph is back
	 */
	close(): Promise<void>;
	/** The same, in a few seconds: what Ceph has not answered until then, it has not. */
	abandon(): Promise<void>;
}

/**
 * Opens a disk by a qemu-storage-daemon of its own: QEMU 7.2 serves one request of a FUSE export at a time, and a disk that
 * waits for Ceph must not hold up others.
 */
export async function openRbdDisk(options: RbdDiskOptions): Promise<RbdDisk> {
	const { disk, size, isReadOnly, folder, run, clock, logger, bound } = options;
	let opened = 0;
	let file = '';
	let last: Child | undefined;

	async function start(): Promise<{ child: Child }> {
		await options.takeOver();
		await unmountStale(folder);
		await rm(folder, { recursive: true, force: true });
		await mkdir(folder, { recursive: true, mode: 0o700 });
		// Another name each time: who has the former file open can tell.
		file = path.join(folder, String(++opened));
		await writeFile(file, '', { mode: 0o600 });
		const child = await startChild('qemu-storage-daemon', daemonArguments(options, file), {
			run,
			folder,
			environment: { CEPH_ARGS: '' },
		});
		try {
			await mustAppear(child);
		} catch (fault) {
			await kill(child);
			throw fault;
		}
		last = child;
		return { child };
	}

	/** The empty file becomes as large as the disk when the disk is mounted over it. */
	async function mustAppear(child: Child): Promise<void> {
		let hasEnded = false;
		void child.exited.then(() => {
			hasEnded = true;
		});
		for (const until = clock.elapsed() + bound; ; ) {
			if ((await stat(file).catch(() => ({ size: 0 }))).size === size) return;
			if (hasEnded) {
				const said = child.errorLines().join('; ');
				if (/timed out/i.test(said)) throw provisionerErrors.StorageAway(`Ceph does not answer: ${said}`);
				throw provisionerErrors.StorageFault(`qemu-storage-daemon: ${said || 'it ended'}`);
			}
			if (clock.elapsed() > until) {
				throw provisionerErrors.StorageAway(`Ceph does not answer: disk ${disk} does not open.`);
			}
			await pause(clock, 5);
		}
	}

	async function kill(child: Child): Promise<void> {
		signal(child, 'SIGKILL');
		await child.exited;
		await unmountStale(folder);
	}

	const backing = (): Backing => ({ type: 'rdwr', path: file });
	const daemon = await keepDaemon({
		name: `the daemon of disk ${disk}`,
		start,
		restore: async () => options.onReopened(backing()),
		// `close` waits for it, as long as that is worth while.
		end: async child => signal(child, 'SIGTERM'),
		clock,
		logger,
	});

	return {
		isReadOnly,
		backing,
		check: () => daemon.check(),
		async close() {
			await daemon.close();
			const child = last;
			if (!child) return;
			const late = new AbortController();
			const isClosed = await Promise.race([
				child.exited.then(() => true),
				pause(clock, bound, late.signal).then(
					() => false,
					() => true,
				),
			]);
			late.abort();
			if (!isClosed) {
				throw provisionerErrors.StorageAway(
					`Ceph does not answer: disk ${disk} still has something to write. It is closed when Ceph is back.`,
				);
			}
			await rm(folder, { recursive: true, force: true });
		},
		async abandon() {
			await daemon.close();
			await last?.stop();
			await unmountStale(folder);
			await rm(folder, { recursive: true, force: true });
		},
	};
}

function signal(child: Child, by: NodeJS.Signals): void {
	try {
		process.kill(child.pid, by);
	} catch {
		// It has ended by itself.
	}
}

/** No secret stands here: the key is where the configuration says. A comma within a value is written twice. */
function daemonArguments(of: RbdDiskOptions, mountpoint: string): string[] {
	const list = (values: Readonly<Record<string, string>>): string =>
		Object.entries(values)
			.map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`)
			.join(',');
	return [
		'--blockdev',
		list({
			...{ driver: 'rbd', 'node-name': 'disk', pool: of.pool, image: of.disk, user: of.user },
			...{ conf: of.configuration, discard: 'unmap', 'read-only': of.isReadOnly ? 'on' : 'off' },
		}),
		'--export',
		list({
			...{ type: 'fuse', id: 'file', 'node-name': 'disk', mountpoint, 'allow-other': 'off' },
			writable: of.isReadOnly ? 'off' : 'on',
		}),
	];
}
