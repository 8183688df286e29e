import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { provisionerErrors } from '../../errors.ts';
import { takeIn } from '../qcow2/foreign-image.ts';
import { qemuImg } from '../qcow2/qemu-img.ts';
import type { Storage, VolumeId, VolumeSource } from '../storage.ts';
import { type CephPrograms, errno } from './ceph-programs.ts';
import { openUnfinishedImages } from './unfinished-images.ts';

type CreateOptions = Parameters<Storage['create']>[2];

/** Volumes as images of a pool. Nothing of one volume is to be done twice at once. */
export interface RbdImages {
	/** Its name for Ceph, with the pool's; also of its snapshot. */
	at(name: string, snapshot?: string): string;
	/** The same for QEMU. */
	forQemu(name: string, snapshot?: string): string;
	/** Bytes that a machine sees; null: there is no such volume. */
	look(id: VolumeId): Promise<number | null>;
	/** @throws NotThere */
	sizeOf(id: VolumeId): Promise<number>;
	/** Those of what was cloned from it. */
	childrenOf(id: VolumeId): Promise<readonly string[]>;
	/**
	 * Whoever else may have it open has died, or is another provisioner on the same pool: it is shut out, by Ceph, and cannot
	 * write any more. Else the next one who wants to would wait half a minute for the dead. Who only reads is not noticed.
	 */
	takeOver(id: VolumeId): Promise<void>;
	clone(id: VolumeId, image: VolumeId, options: CreateOptions): Promise<number>;
	fill(id: VolumeId, source: VolumeSource & { from: 'file' }, options: CreateOptions): Promise<number>;
	copy(id: VolumeId, disk: VolumeId, options: CreateOptions): Promise<number>;
	/** Whatever of it is there. */
	remove(id: VolumeId): Promise<void>;
	close(): Promise<void>;
}

export interface RbdImagesOptions {
	readonly ceph: CephPrograms;
	readonly pool: string;
	readonly user: string;
	readonly configuration: string;
	/** For files on their way in. */
	readonly passing: string;
	readonly clock: Clock;
	readonly logger: Logger;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** What a disk copies of its image when it is first written to somewhere, instead of Ceph's 4 MiB. */
const granularity = '512K';

/** Of `rbd --format json`. */
const infoSchema = z.looseObject({ size: z.int().min(0) });
const childrenSchema = z.array(z.looseObject({ image: z.string() }));
const statusSchema = z.looseObject({ watchers: z.array(z.looseObject({ address: z.string() })) });

/** Opens them: what another process has left half-made is removed. Throws StorageFault, StorageAway. */
export async function openRbdImages(options: RbdImagesOptions): Promise<RbdImages> {
	const { ceph, pool, user, configuration, passing, clock, logger } = options;
	/** They never change. */
	const sizes = new Map<VolumeId, number>();
	const rbd = (args: readonly string[], how?: Parameters<typeof ceph.run>[2]) => ceph.run('rbd', args, how);
	const absent = { endings: [0, errno.ENOENT] };
	const at: RbdImages['at'] = (name, snapshot) =>
		`${pool}/${name}${snapshot === undefined ? '' : `@${snapshot}`}`;
	const unfinished = openUnfinishedImages({ names: await ceph.names(), remove, clock, logger });

	/** A comma within a value is written twice. */
	const forQemu: RbdImages['forQemu'] = (name, snapshot) =>
		[
			...['driver=rbd', `pool=${pool}`, `image=${name}`, `user=${user}`],
			`conf=${configuration.replaceAll(',', ',,')}`,
			...(snapshot === undefined ? [] : [`snapshot=${snapshot}`]),
		].join(',');

	async function look(id: VolumeId): Promise<number | null> {
		if (!uuid.test(id)) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
		const found = await ceph.ask(infoSchema.nullable(), 'rbd', ['info', at(id)], { absent: null });
		if (found) sizes.set(id, found.size);
		return found?.size ?? null;
	}

	async function sizeOf(id: VolumeId): Promise<number> {
		const size = sizes.get(id) ?? (await look(id));
		if (size === null) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
		return size;
	}

	async function childrenOf(id: VolumeId): Promise<readonly string[]> {
		const found = await ceph.ask(childrenSchema, 'rbd', ['children', at(id)], { absent: [] });
		return found.map(({ image }) => image);
	}

	async function takeOver(name: string): Promise<void> {
		const { watchers } = await ceph.ask(statusSchema, 'rbd', ['status', at(name)]);
		for (const { address } of watchers) {
			logger.info({ image: name, address }, 'who had it open is shut out');
			await ceph.run('ceph', ['osd', 'blocklist', 'add', address]);
		}
	}

	async function remove(name: string): Promise<void> {
		try {
			await takeOver(name);
		} catch (fault) {
			// Half an image can be removed, and not be opened.
			if (!(fault instanceof BimetalError && fault.code === 'NotThere')) throw fault;
		}
		await rbd(['snap', 'purge', '--no-progress', at(name)], absent);
		const endings = [0, errno.ENOENT, errno.EBUSY];
		const { code } = await rbd(['rm', at(name)], { endings, isLong: true });
		if (code === errno.EBUSY) {
			throw provisionerErrors.StorageFault(
				`${at(name)} is still open somewhere. Who has died is forgotten after half a minute.`,
			);
		}
		sizes.delete(name);
	}

	/** `make` makes an image of a name, with the snapshot; then it gets its own. */
	async function whole(id: VolumeId, make: (name: string) => Promise<void>): Promise<number> {
		const name = unfinished.nameFor(id);
		try {
			await make(name);
			await rbd(['rename', at(name), at(id)]);
		} catch (fault) {
			await unfinished.discard(name);
			throw fault;
		}
		return sizeOf(id);
	}

	return {
		at,
		forQemu,
		look,
		sizeOf,
		childrenOf,
		takeOver,
		remove,
		async clone(id, image, { signal }) {
			signal.throwIfAborted();
			const size = await sizeOf(image);
			const pieces = ['--object-size', granularity, '--stripe-unit', granularity, '--stripe-count', '1'];
			const make = (endings: readonly number[]) =>
				rbd(['clone', ...pieces, at(image, image), at(id)], { endings });
			// Its image knows of it last.
			const { code } = await make([0, errno.EEXIST]);
			if (code === errno.EEXIST && !(await childrenOf(image)).includes(id)) {
				await remove(id);
				await make([0]);
			}
			if (signal.aborted) await remove(id);
			signal.throwIfAborted();
			return size;
		},
		/** First as a file of our own: who reads what strangers gave us has no way to Ceph. */
		async fill(id, { file, format }, { signal, onProgress }) {
			const own = path.join(passing, randomUUID());
			const half = (percent: number): void => onProgress?.(percent / 2, 100);
			try {
				const foreign = { file: path.resolve(file), format };
				const size = await takeIn(foreign, { target: own, signal, onProgress: half });
				return await whole(id, async name => {
					signal.throwIfAborted();
					await rbd(['create', '--size', `${size}B`, at(name)]);
					await ceph.watched(signal, async (stop, isAlive) => {
						const telling = (percent: number): void => {
							isAlive();
							half(100 + percent);
						};
						const target = ['-n', '--target-is-zero', '--target-image-opts'];
						const args = ['convert', '-p', '-f', 'qcow2', ...target, own, forQemu(name)];
						await qemuImg(args, { folder: passing, signal: stop, onProgress: telling });
					});
					await rbd(['snap', 'create', '--no-progress', at(name, id)]);
				});
			} finally {
				await rm(own, { force: true });
			}
		},
		/** What the disk has beside its image is copied from a snapshot that is of one moment, also while it is written to. */
		async copy(id, disk, { signal, onProgress }) {
			await sizeOf(disk);
			// One that was cut off may have left a snapshot, and all would be copied.
			await rbd(['snap', 'purge', '--no-progress', at(disk)]);
			signal.throwIfAborted();
			await rbd(['snap', 'create', '--no-progress', at(disk, id)]);
			try {
				return await whole(id, async name => {
					const telling = (percent: number): void => onProgress?.(percent, 100);
					const how = { signal, isLong: true, onProgress: telling };
					await rbd(['deep', 'cp', at(disk, id), at(name)], how);
				});
			} finally {
				await rbd(['snap', 'rm', '--no-progress', at(disk, id)], absent).catch(fault =>
					logger.warn({ err: fault, disk }, 'a snapshot is left on a disk until the next one'),
				);
			}
		},
		close: () => unfinished.close(),
	};
}
