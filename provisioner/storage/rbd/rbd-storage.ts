import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { provisionerErrors } from '../../errors.ts';
import { createTurns } from '../../turns.ts';
import { takeIn } from '../qcow2/foreign-image.ts';
import { qemuImg } from '../qcow2/qemu-img.ts';
import { unmountStale } from '../qcow2/stale-mounts.ts';
import type { Backing, Storage, VolumeId, VolumeSource, VolumeUsage } from '../storage.ts';
import { type CephSettings, writeCephConfiguration } from './ceph-configuration.ts';
import { createCephPrograms, errno } from './ceph-programs.ts';
import { openRbdDisk, type RbdDisk } from './rbd-disk.ts';
import { openUnfinishedImages } from './unfinished-images.ts';

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

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** What a disk copies of its image when it is first written to somewhere, instead of Ceph's 4 MiB. */
const granularity = '512K';

/** Of `rbd --format json`. Images of others have other names. */
const infoSchema = z.looseObject({ size: z.int().min(0), parent: z.looseObject({}).optional() });
const namesSchema = z.array(z.string());
const childrenSchema = z.array(z.looseObject({ image: z.string() }));
const statusSchema = z.looseObject({ watchers: z.array(z.looseObject({ address: z.string() })) });
const listSchema = z.array(
	z.looseObject({
		image: z.string(),
		snapshot: z.string().optional(),
		parent: z.looseObject({ image: z.string() }).optional(),
	}),
);
const usedSchema = z.looseObject({
	images: z.array(
		z.looseObject({ name: z.string(), snapshot: z.string().optional(), used_size: z.int().min(0) }),
	),
});
const poolsSchema = z.looseObject({
	pools: z.array(z.looseObject({ name: z.string(), stats: z.looseObject({ max_avail: z.number().min(0) }) })),
});

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
	const ceph = createCephPrograms({ configuration, user, folder, run, clock, bound });
	const attached = new Map<VolumeId, RbdDisk>();
	const listeners = new Set<(disk: VolumeId, backing: Backing) => void>();
	/** They never change. */
	const sizes = new Map<VolumeId, number>();
	const inTurn = createTurns();
	const rbd = (args: readonly string[], how?: Parameters<typeof ceph.run>[2]) => ceph.run('rbd', args, how);
	const at = (name: string, snapshot?: string): string =>
		`${pool}/${name}${snapshot === undefined ? '' : `@${snapshot}`}`;
	const absent = { endings: [0, errno.ENOENT] };

	const mustBeId = (id: VolumeId): VolumeId => {
		if (!uuid.test(id)) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
		return id;
	};

	/** Bytes that a machine sees; null: there is no such volume. */
	async function look(id: VolumeId): Promise<number | null> {
		const found = await ceph.ask(infoSchema.nullable(), ['info', at(mustBeId(id))], { absent: null });
		if (found) sizes.set(id, found.size);
		return found?.size ?? null;
	}

	async function sizeOf(id: VolumeId): Promise<number> {
		const size = sizes.get(mustBeId(id)) ?? (await look(id));
		if (size === null) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
		return size;
	}

	const childrenOf = (name: string) =>
		ceph.ask(childrenSchema, ['children', at(name)], { absent: [] as z.infer<typeof childrenSchema> });

	/**
	 * Whoever else may have an image open has died, or is another provisioner on the same pool: it is shut out, by Ceph, and
	 * cannot write any more. Else the next one who wants to would wait half a minute for the dead. Who only reads is not noticed.
	 */
	async function takeOver(name: string): Promise<void> {
		for (const { address } of (await ceph.ask(statusSchema, ['status', at(name)])).watchers) {
			logger.info({ image: name, address }, 'who had it open is shut out');
			await ceph.run('ceph', ['osd', 'blocklist', 'add', address]);
		}
	}

	/** Whatever of it is there. */
	async function removeImage(name: string): Promise<void> {
		try {
			await takeOver(name);
		} catch (fault) {
			// Half an image can be removed, and not be opened.
			if (!(fault instanceof BimetalError && fault.code === 'NotThere')) throw fault;
		}
		await rbd(['snap', 'purge', '--no-progress', at(name)], absent);
		const { code } = await rbd(['rm', '--no-progress', at(name)], {
			endings: [0, errno.ENOENT, errno.EBUSY],
		});
		if (code === errno.EBUSY) {
			throw provisionerErrors.StorageFault(
				`${at(name)} is still open somewhere. Who has died is forgotten after half a minute.`,
			);
		}
	}

	const names = async (): Promise<readonly string[]> => ceph.ask(namesSchema, ['ls', pool]);
	const unfinished = openUnfinishedImages({ names: await names(), remove: removeImage, clock, logger });

	/** While something takes long: when it says nothing for a while, Ceph is asked whether it is there. */
	async function watched<R>(
		signal: AbortSignal,
		work: (signal: AbortSignal, isAlive: () => void) => Promise<R>,
	): Promise<R> {
		const stop = new AbortController();
		let heard = true;
		let cancel: () => void = () => undefined;
		const watch = (): void => {
			cancel = clock.after(bound, async () => {
				if (!heard) await names().catch(fault => stop.abort(fault));
				heard = false;
				if (!stop.signal.aborted) watch();
			});
		};
		watch();
		try {
			return await work(AbortSignal.any([signal, stop.signal]), () => {
				heard = true;
			});
		} finally {
			stop.abort();
			cancel();
		}
	}

	type CreateOptions = Parameters<Storage['create']>[2];

	async function clone(id: VolumeId, image: VolumeId, { signal }: CreateOptions): Promise<number> {
		signal.throwIfAborted();
		const size = await sizeOf(image);
		const pieces = ['--object-size', granularity, '--stripe-unit', granularity, '--stripe-count', '1'];
		const make = () => rbd(['clone', ...pieces, at(image, image), at(id)], { endings: [0, errno.EEXIST] });
		if ((await make()).code === errno.EEXIST) {
			// Its image knows of it last.
			const isWhole = (await childrenOf(image)).some(child => child.image === id);
			if (!isWhole) {
				await removeImage(id);
				await make();
			}
		}
		if (signal.aborted) await removeImage(id);
		signal.throwIfAborted();
		return size;
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

	/** For QEMU, which doubles commas. */
	const forQemu = (name: string, snapshot?: string): string =>
		[
			...['driver=rbd', `pool=${pool}`, `image=${name}`, `user=${user}`],
			`conf=${configuration.replaceAll(',', ',,')}`,
			...(snapshot === undefined ? [] : [`snapshot=${snapshot}`]),
		].join(',');

	/** First as a file of our own: who reads what strangers gave us has no way to Ceph. */
	async function fill(
		id: VolumeId,
		source: VolumeSource & { readonly from: 'file' },
		{ signal, onProgress }: CreateOptions,
	): Promise<number> {
		const { format } = source;
		const own = path.join(passing, randomUUID());
		try {
			const half = (percent: number): void => onProgress?.(percent / 2, 100);
			const foreign = { file: path.resolve(source.file), format };
			const size = await takeIn(foreign, { target: own, signal, onProgress: half });
			return await whole(id, async name => {
				signal.throwIfAborted();
				await rbd(['create', '--size', `${size}B`, at(name)]);
				await watched(signal, async (stop, isAlive) => {
					const telling = (percent: number): void => {
						isAlive();
						half(100 + percent);
					};
					const target = ['-n', '--target-is-zero', '--target-image-opts'];
					const args = ['convert', '-p', '-f', 'qcow2', ...target, own, forQemu(name)];
					await qemuImg(args, { folder, signal: stop, onProgress: telling });
				});
				await rbd(['snap', 'create', '--no-progress', at(name, id)]);
			});
		} finally {
			await rm(own, { force: true });
		}
	}

	/** What the disk has beside its image is copied from a snapshot that is of one moment, also while it is written to. */
	async function copy(id: VolumeId, disk: VolumeId, { signal, onProgress }: CreateOptions): Promise<number> {
		await sizeOf(disk);
		// One that was cut off may have left a snapshot, and all would be copied.
		await rbd(['snap', 'purge', '--no-progress', at(disk)]);
		signal.throwIfAborted();
		await rbd(['snap', 'create', '--no-progress', at(disk, id)]);
		try {
			return await whole(id, async name => {
				await watched(signal, async (stop, isAlive) => {
					const telling = (percent: number): void => {
						isAlive();
						onProgress?.(percent, 100);
					};
					const args = ['deep', 'cp', at(disk, id), at(name)];
					await rbd(args, { signal: stop, isLong: true, onProgress: telling });
				});
			});
		} finally {
			await rbd(['snap', 'rm', '--no-progress', at(disk, id)], absent).catch(fault =>
				logger.warn({ err: fault, disk }, 'a snapshot is left on a disk until the next one'),
			);
		}
	}

	return {
		engine: 'rbd',
		create: (id, source, how) =>
			inTurn(id, async () => {
				mustBeId(id);
				if (source.from === 'image') {
					// What it is made of is neither removed nor attached meanwhile.
					const size = await inTurn(source.image, () => clone(id, source.image, how));
					return { size };
				}
				const known = await look(id);
				if (known !== null) return { size: known };
				if (source.from === 'file') return { size: await fill(id, source, how) };
				return { size: await inTurn(source.disk, () => copy(id, source.disk, how)) };
			}),
		remove: id =>
			inTurn(id, async () => {
				mustBeId(id);
				if (attached.has(id)) throw provisionerErrors.InUse(`Volume ${id} is attached.`);
				if ((await childrenOf(id)).length > 0) throw provisionerErrors.InUse(`Volume ${id} has clones.`);
				await removeImage(id);
				sizes.delete(id);
			}),
		async read(id, format, signal) {
			await sizeOf(id);
			if (format === 'raw') return ceph.stream(['export', '--no-progress', at(id, id), '-'], signal);
			const temporary = path.join(passing, randomUUID());
			const remove = (): void => void rm(temporary, { force: true });
			try {
				const from = ['-O', format, '--image-opts', forQemu(id, id), temporary];
				await watched(signal, async (stop, isAlive) => {
					await qemuImg(['convert', '-p', ...from], { folder, signal: stop, onProgress: isAlive });
				});
			} catch (fault) {
				remove();
				throw fault;
			}
			const stream = createReadStream(temporary, { signal });
			// Once it is open its name is not needed, and nothing is left however we end.
			stream.once('open', remove).once('error', remove);
			return stream;
		},
		attach: (disk, { isReadOnly }) =>
			inTurn(disk, async () => {
				mustBeId(disk);
				const is = attached.get(disk);
				if (is && is.isReadOnly === isReadOnly) return is.backing();
				if (is) throw provisionerErrors.InUse(`Volume ${disk} is attached otherwise: detach it first.`);
				const opened = await openRbdDisk({
					...{ disk, isReadOnly, pool, user, configuration, run, clock, logger, bound },
					size: await sizeOf(disk),
					folder: path.join(disksFolder, disk),
					takeOver: () => takeOver(disk),
					onReopened(backing) {
						for (const tell of listeners) tell(disk, backing);
					},
				});
				attached.set(disk, opened);
				return opened.backing();
			}),
		detach: disk =>
			inTurn(disk, async () => {
				await attached.get(disk)?.close();
				attached.delete(disk);
			}),
		onReattached(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		async check() {
			await names();
			for (const disk of attached.values()) disk.check();
		},
		async usage() {
			const [listed, used, space] = await Promise.all([
				ceph.ask(listSchema, ['ls', '-l', pool]),
				ceph.ask(usedSchema, ['du', '--pool', pool]),
				ceph.run('ceph', ['df', '--format', 'json']),
			]);
			const volumes = new Map<VolumeId, VolumeUsage>();
			for (const { image, snapshot, parent } of listed) {
				if (snapshot !== undefined || !uuid.test(image)) continue;
				const parts = used.images.filter(({ name }) => name === image);
				// Of an image nothing was written since its snapshot, which has it all.
				const own = parts.find(part => part.snapshot === image);
				volumes.set(image, {
					own: own?.used_size ?? parts.reduce((sum, { used_size }) => sum + used_size, 0),
					parent: parent?.image ?? null,
					isAttached: attached.has(image),
				});
			}
			const free = poolsSchema.parse(JSON.parse(space.out)).pools.find(({ name }) => name === pool);
			return { volumes, free: free?.stats.max_avail ?? 0 };
		},
		async close() {
			await unfinished.close();
			await Promise.all([...attached.values()].map(disk => disk.abandon()));
			await unmountStale(disksFolder);
		},
	};
}
