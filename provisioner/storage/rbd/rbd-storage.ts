import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { provisionerErrors } from '../../errors.ts';
import { createTurns } from '../../turns.ts';
import { canTakeIn } from '../qcow2/foreign-image.ts';
import { qemuImg } from '../qcow2/qemu-img.ts';
import { unmountStale } from '../qcow2/stale-mounts.ts';
import { createRoom } from '../room.ts';
import type { Storage, VolumeId } from '../storage.ts';
import { type CephSettings, writeCephConfiguration } from './ceph-configuration.ts';
import { createCephPrograms } from './ceph-programs.ts';
import { createOutage } from './outage.ts';
import { openRbdDisk, type RbdDisk } from './rbd-disk.ts';
import { openRbdImages } from './rbd-images.ts';
import { readRbdUsage } from './rbd-usage.ts';

export interface RbdOptions extends CephSettings {
	/** For the configuration, open disks, and images on their way in and out; made when it is not there. */
	readonly folder: string;
	/** Names the processes; see common/processes/children.ts. */
	readonly run: string;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Milliseconds that Ceph may take for a short command. */
	readonly bound?: number;
}

/**
 * Volumes as images of a Ceph pool (RBD). An image has a snapshot of its own name, which disks are clones of (of format 2); it
 * is made under another name, and gets its own when it is whole. A disk that is attached is a file here: tgtd, which
 * nodes talk to, is on their network alone, and has neither a way to Ceph nor its key.
 */
export async function openRbdStorage(options: RbdOptions): Promise<Storage> {
	const { run, pool, user, clock, logger, bound = 30_000 } = options;
	const folder = path.resolve(options.folder);
	const disksFolder = path.join(folder, 'disks');
	const passing = path.join(folder, 'passing');
	await mkdir(disksFolder, { recursive: true, mode: 0o700 });
	await unmountStale(disksFolder);
	await rm(passing, { recursive: true, force: true });
	await mkdir(passing, { mode: 0o700 });
	const configuration = await writeCephConfiguration(folder, options);
	const ceph = createCephPrograms({ configuration, user, pool, folder, run, clock, bound });
	const images = await openRbdImages({ ceph, pool, user, configuration, passing, clock, logger });
	const attached = new Map<VolumeId, RbdDisk>();
	const listeners = new Set<Parameters<Storage['onReattached']>[0]>();
	const outage = createOutage();
	const inTurn = createTurns();
	const room = createRoom(async () => {
		const { bavail, bsize } = await statfs(passing);
		return bavail * bsize;
	});

	const openDisk = async (disk: VolumeId, isReadOnly: boolean): Promise<RbdDisk> =>
		openRbdDisk({
			...{ disk, isReadOnly, run, clock, logger, bound },
			image: images.forQemu(disk),
			size: await images.sizeOf(disk),
			folder: path.join(disksFolder, disk),
			takeOver: () => images.takeOver(disk),
			onLost: () => outage.begin(disk),
			onMissing: () => outage.end(disk),
			async onReopened(backing) {
				for (const tell of listeners) await tell(disk, backing);
				outage.end(disk);
			},
		});

	async function closeDisk(disk: VolumeId): Promise<void> {
		await attached.get(disk)?.close();
		attached.delete(disk);
		outage.end(disk);
	}

	return {
		engine: 'rbd',
		create: (id, source, how) =>
			inTurn(id, async () => {
				// What it is made of is neither removed nor attached meanwhile.
				if (source.from === 'image') {
					return { size: await inTurn(source.image, () => images.clone(id, source.image, how)) };
				}
				const known = await images.look(id);
				if (known !== null) return { size: known };
				if (source.from === 'file') return { size: await images.fill(id, source, how) };
				return { size: await inTurn(source.disk, () => images.copy(id, source.disk, how)) };
			}),
		canTakeIn,
		remove: id =>
			inTurn(id, async () => {
				if (attached.has(id)) throw provisionerErrors.InUse(`Volume ${id} is attached.`);
				if ((await images.childrenOf(id)).length > 0) {
					throw provisionerErrors.InUse(`Volume ${id} has clones.`);
				}
				await images.remove(id);
			}),
		async read(id, format, signal) {
			const size = await images.sizeOf(id);
			if (format === 'raw') {
				return ceph.stream(['export', '--no-progress', images.at(id, id), '-'], signal);
			}
			const { volumes } = await readRbdUsage(ceph, pool);
			const giveBack = await room.reserve({
				id,
				size,
				usageOf: async of => volumes.get(of) ?? { own: 0, parent: null },
			});
			const temporary = path.join(passing, randomUUID());
			const remove = (): void => void rm(temporary, { force: true });
			try {
				const from = ['-O', format, '--image-opts', images.forQemu(id, id), temporary];
				await ceph.watched(signal, (stop, isAlive) =>
					qemuImg(['convert', '-p', ...from], { folder: passing, signal: stop, onProgress: isAlive }),
				);
			} catch (fault) {
				remove();
				throw fault;
			} finally {
				giveBack();
			}
			const stream = createReadStream(temporary, { signal });
			// Once it is open its name is not needed, and nothing is left however we end.
			stream.once('open', remove).once('error', remove);
			return stream;
		},
		attach: (disk, { isReadOnly }) =>
			inTurn(disk, async () => {
				if (attached.get(disk)?.isClosing()) await closeDisk(disk);
				const is = attached.get(disk);
				if (is && is.isReadOnly !== isReadOnly) {
					throw provisionerErrors.InUse(`Volume ${disk} is attached otherwise: detach it first.`);
				}
				const open = is ?? (await openDisk(disk, isReadOnly));
				attached.set(disk, open);
				return open.backing();
			}),
		detach: disk => inTurn(disk, () => closeDisk(disk)),
		onReattached(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		onOutage: outage.listen,
		async check() {
			await ceph.names();
			for (const disk of attached.values()) disk.check();
		},
		async usage() {
			const { volumes, free } = await readRbdUsage(ceph, pool);
			const shown = [...volumes].map(
				([id, volume]) => [id, { ...volume, isAttached: attached.has(id) }] as const,
			);
			return { volumes: new Map(shown), free };
		},
		async close() {
			await images.close();
			await Promise.all([...attached.values()].map(disk => disk.abandon()));
			await unmountStale(disksFolder);
		},
	};
}
