import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, pause } from '../../../common/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { type Child, startChild } from '../../../common/processes/children.ts';
import { keepDaemon } from '../../../common/processes/kept-daemon.ts';
import { provisionerErrors } from '../../errors.ts';
import { createHeldExports } from '../qcow2/held-exports.ts';
import { unmountStale } from '../qcow2/stale-mounts.ts';
import type { Backing, VolumeId } from '../storage.ts';

export interface RbdDiskOptions {
	readonly disk: VolumeId;
	/** Bytes that a machine sees. */
	readonly size: number;
	readonly isReadOnly: boolean;
	/** What is opened, as QEMU takes it. */
	readonly image: string;
	/** The disk's own, in one for all; made when it is not there. */
	readonly folder: string;
	readonly run: string;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Milliseconds in which it must be open, or closed. */
	readonly bound: number;
	/** Shuts out whoever else has it open. */
	readonly takeOver: () => Promise<void>;
	/** It was lost: what is read and written waits until this returns, and then fails. */
	readonly onLost: () => void;
	/** It could not be opened anew yet; that is tried again. */
	readonly onMissing: () => void;
	/** It was opened anew: the former file serves nobody. */
	readonly onReopened: (backing: Backing) => Promise<void>;
}

/** A disk that is open, as a file that tgtd opens. */
export interface RbdDisk {
	readonly isReadOnly: boolean;
	/** `close` was called, and has not come to its end. */
	isClosing(): boolean;
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
	let isClosed = false;
	const held = createHeldExports({ run, folder: path.dirname(folder), logger });
	/** Over when nobody waits any more for a daemon that has died. */
	let letGo: Promise<unknown> = Promise.resolve();

	async function startAgain(): Promise<{ child: Child }> {
		try {
			return await start();
		} catch (fault) {
			if (opened > 0) options.onMissing();
			throw fault;
		}
	}

	async function start(): Promise<{ child: Child }> {
		await letGo;
		await options.takeOver();
		await unmountStale(folder);
		await rm(folder, { recursive: true, force: true });
		await mkdir(folder, { recursive: true, mode: 0o700 });
		// Another name each time: who has the former file open can tell.
		const mountpoint = path.join(folder, String(opened + 1));
		await writeFile(mountpoint, '', { mode: 0o600 });
		const child = await startChild('qemu-storage-daemon', daemonArguments(options, mountpoint), {
			run,
			folder,
			environment: { CEPH_ARGS: '' },
		});
		try {
			await mustAppear(mountpoint, child);
		} catch (fault) {
			await kill(child);
			throw fault;
		}
		await held.hold(child.pid);
		void child.exited.then(() => {
			if (!isClosed) options.onLost();
			letGo = held.release();
		});
		last = child;
		file = mountpoint;
		opened++;
		return { child };
	}

	/** The empty file becomes as large as the disk when the disk is mounted over it. */
	async function mustAppear(mountpoint: string, child: Child): Promise<void> {
		let hasEnded = false;
		void child.exited.then(() => {
			hasEnded = true;
		});
		for (const until = clock.elapsed() + bound; ; ) {
			if ((await stat(mountpoint).catch(() => ({ size: 0 }))).size === size) return;
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

	async function forget(): Promise<void> {
		await held.close();
		await unmountStale(folder);
		await rm(folder, { recursive: true, force: true });
	}

	const backing = (): Backing => ({ type: 'rdwr', path: file });
	const daemon = await keepDaemon({
		name: `the daemon of disk ${disk}`,
		start: startAgain,
		restore: () => options.onReopened(backing()),
		// `close` waits for it, as long as that is worth while.
		end: async child => signal(child, 'SIGTERM'),
		clock,
		logger,
	}).catch(async fault => {
		await forget();
		throw fault;
	});

	return {
		isReadOnly,
		isClosing: () => isClosed,
		backing,
		check: () => daemon.check(),
		async close() {
			isClosed = true;
			await daemon.close();
			const late = new AbortController();
			const hasEnded = await Promise.race([
				last?.exited.then(() => true) ?? true,
				pause(clock, bound, late.signal).then(
					() => false,
					() => true,
				),
			]);
			late.abort();
			if (!hasEnded) {
				throw provisionerErrors.StorageAway(
					`Ceph does not answer: disk ${disk} still has something to write. It is closed when Ceph is back.`,
				);
			}
			await forget();
		},
		async abandon() {
			isClosed = true;
			await daemon.close();
			await last?.stop();
			await forget();
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

/** No secret stands here: the key is where the configuration says. */
function daemonArguments({ image, isReadOnly }: RbdDiskOptions, mountpoint: string): string[] {
	const [readOnly, writable] = isReadOnly ? ['on', 'off'] : ['off', 'on'];
	const file = `mountpoint=${mountpoint.replaceAll(',', ',,')}`;
	return [
		...['--blockdev', `${image},node-name=disk,discard=unmap,read-only=${readOnly}`],
		...['--export', `type=fuse,id=file,node-name=disk,${file},writable=${writable},allow-other=off`],
	];
}
