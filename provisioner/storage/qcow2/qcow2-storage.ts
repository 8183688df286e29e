import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { findProgram } from '../../../common/processes/programs.ts';
import { provisionerErrors } from '../../errors.ts';
import { createTurns } from '../../turns.ts';
import { createRoom } from '../room.ts';
import type { Backing, Storage, VolumeId, VolumeSource } from '../storage.ts';
import { canTakeIn, takeIn } from './foreign-image.ts';
import { qemuImg } from './qemu-img.ts';
import { openStorageDaemon, type StorageDaemon } from './storage-daemon.ts';
import { openVolumeFolder } from './volume-folder.ts';

export interface Qcow2Options {
	/** Holds `volumes/` and what the daemon needs; made when it is not there. */
	readonly folder: string;
	/** Names the processes; see common/processes/children.ts. */
	readonly run: string;
	readonly clock: Clock;
	readonly logger: Logger;
}

interface Attached {
	readonly isReadOnly: boolean;
	backing: Backing;
	/** Node names of the file and of what stands upon it, from below. */
	nodes: string[];
	/** The daemon that has it open. */
	generation: number;
}

/** Volumes as qcow2 files in a folder, served by one storage daemon. */
export async function openQcow2Storage(options: Qcow2Options): Promise<Storage> {
	const { run, clock, logger } = options;
	const folder = path.resolve(options.folder);
	const volumes = await openVolumeFolder(path.join(folder, 'volumes'));
	const attached = new Map<VolumeId, Attached>();
	const listeners = new Set<Parameters<Storage['onReattached']>[0]>();
	const outages = new Set<Parameters<NonNullable<Storage['onOutage']>>[0]>();
	const inTurn = createTurns();
	const room = createRoom(volumes.free);
	const daemon: StorageDaemon = await openStorageDaemon({
		...{ run, clock, logger },
		folder: path.join(folder, 'daemon'),
		onLost: async () => {
			for (const { began } of outages) began();
		},
		restore: reattachAll,
	});
	const isOpen = ({ generation }: Attached): boolean => generation === daemon.generation();

	/** What a daemon that died had open. */
	async function reattachAll(): Promise<void> {
		const lost: VolumeId[] = [];
		for (const disk of [...attached.keys()]) {
			try {
				const backing = await inTurn(disk, async () => {
					const is = attached.get(disk);
					return is && !isOpen(is) ? open(disk, is.isReadOnly) : undefined;
				});
				if (backing) for (const tell of listeners) await tell(disk, backing);
			} catch (fault) {
				lost.push(disk);
				logger.error({ err: fault, disk }, 'a disk could not be attached again');
			}
		}
		for (const { ended } of outages) ended();
		if (lost.length > 0) throw provisionerErrors.StorageFault(`disk ${lost.join(', ')} is missing`);
	}

	/** Lays what was written since a snapshot back into the disk's own file, which nobody has open. */
	async function mergeOverlays(disk: VolumeId): Promise<void> {
		for (const overlay of volumes.overlaysOf(disk).toReversed()) {
			await qemuImg(['commit', '-q', '-f', 'qcow2', '-d', overlay], { folder: volumes.folder });
			await volumes.drop(overlay);
		}
	}

	async function open(disk: VolumeId, isReadOnly: boolean): Promise<Backing> {
		await mergeOverlays(disk);
		const node = nodeOf(disk);
		const file = path.join(volumes.folder, volumes.fileOf(disk));
		const backing: Backing = { type: 'rdwr', path: await daemon.attach(node, file, isReadOnly) };
		attached.set(disk, { isReadOnly, backing, nodes: [node], generation: daemon.generation() });
		return backing;
	}

	const mustHave = (id: VolumeId): void => {
		if (!volumes.has(id)) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
	};

	type CreateOptions = Parameters<Storage['create']>[2];

	async function make(
		id: VolumeId,
		source: VolumeSource,
		{ signal, onProgress }: CreateOptions,
	): Promise<number> {
		signal.throwIfAborted();
		const temporary = volumes.temporary(id);
		const how = { folder: volumes.folder, signal };
		try {
			if (source.from === 'image') {
				mustHave(source.image);
				const size = volumes.sizeOf(source.image);
				const parent = { name: volumes.fileOf(source.image), size };
				await daemon.createUpon(path.join(volumes.folder, temporary), parent);
				await volumes.keep(temporary, volumes.fileOf(id));
				return size;
			}
			const telling = {
				...how,
				...(onProgress && { onProgress: (percent: number) => onProgress(percent, 100) }),
			};
			if (source.from === 'file')
				await takeIn(source, { ...telling, target: path.join(volumes.folder, temporary) });
			else
				await qemuImg(['convert', '-p', '-O', 'qcow2', ...(await freeze(source.disk)), temporary], telling);
			await volumes.keep(temporary, volumes.fileOf(id));
			return volumes.sizeOf(id);
		} finally {
			await rm(path.join(volumes.folder, temporary), { force: true });
		}
	}

	/**
	 * Has a disk go on in another file from one moment to the next: its own holds what it was then, until the next time.
	 * What to convert: beside its parent a file must stand alone, for only the topmost is compared with that.
	 */
	async function freeze(disk: VolumeId): Promise<string[]> {
		mustHave(disk);
		const parent = volumes.parentOf(disk);
		// Only what it has beside its parent is copied.
		const upon = parent === null ? [] : ['-B', volumes.fileOf(parent), '-F', 'qcow2'];
		const is = attached.get(disk);
		const below = volumes.overlaysOf(disk).at(-1) ?? volumes.fileOf(disk);
		if (is && !is.isReadOnly) {
			const overlay = volumes.nextOverlay(disk);
			const temporary = volumes.temporary(disk);
			const beneath = { name: below, size: volumes.sizeOf(disk) };
			await daemon.createUpon(path.join(volumes.folder, temporary), beneath);
			await volumes.keep(temporary, overlay);
			const node = `${nodeOf(disk)}-${is.nodes.length}-${overlay.split('.')[1]}`.slice(0, 31);
			try {
				await daemon.addOverlay(is.nodes.at(-1) ?? '', { node, file: path.join(volumes.folder, overlay) });
			} catch (fault) {
				// Of a daemon that died before it answered we cannot know: what was written since would be in it.
				const { cause } = fault as Error;
				if (cause instanceof BimetalError && cause.code === 'QmpRefused') await volumes.drop(overlay);
				throw fault;
			}
			is.nodes.push(node);
			await mergeBelow(disk);
		}
		return ['-f', 'qcow2', ...upon, volumes.fileOf(disk)];
	}

	/** What lies between a disk's own file and the topmost is laid into the former. */
	async function mergeBelow(disk: VolumeId): Promise<void> {
		const is = attached.get(disk);
		for (;;) {
			const [base, middle, next] = is?.nodes ?? [];
			const top = is?.nodes.at(-1);
			if (!is || base === undefined || middle === undefined || next === undefined || top === undefined)
				return;
			const [lower, upper] = volumes.overlaysOf(disk);
			if (lower === undefined || upper === undefined) return;
			await daemon.merge({ top, middle, base, baseName: volumes.fileOf(disk) });
			is.nodes = is.nodes.filter(node => node !== middle);
			await volumes.reread(upper);
			await volumes.drop(lower);
		}
	}

	return {
		engine: 'qcow2',
		create: (id, source, how) =>
			inTurn(id, async () => {
				if (volumes.has(id)) return { size: volumes.sizeOf(id) };
				const whole = () => make(id, source, how);
				if (source.from === 'file') return { size: await whole() };
				// What it is made of is neither removed nor attached meanwhile.
				return { size: await inTurn(source.from === 'disk' ? source.disk : source.image, whole) };
			}),
		canTakeIn,
		remove: id =>
			inTurn(id, async () => {
				if (!volumes.has(id)) return;
				if (attached.has(id)) throw provisionerErrors.InUse(`Volume ${id} is attached.`);
				if (volumes.childrenOf(id).length > 0) throw provisionerErrors.InUse(`Volume ${id} has clones.`);
				await volumes.drop(...volumes.overlaysOf(id).toReversed(), volumes.fileOf(id));
			}),
		async read(id, format, signal) {
			const giveBack = await room.reserve({
				id,
				size: volumes.sizeOf(id),
				usageOf: async of => ({ own: await volumes.used(of), parent: volumes.parentOf(of) }),
			});
			const temporary = path.join(volumes.folder, volumes.temporary(id));
			const remove = (): void => void rm(temporary, { force: true });
			try {
				const from = ['-f', 'qcow2', '-O', format, volumes.fileOf(id), temporary];
				await qemuImg(['convert', ...from], { folder: volumes.folder, signal });
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
				mustHave(disk);
				const is = attached.get(disk);
				if (is && is.isReadOnly === isReadOnly) return isOpen(is) ? is.backing : open(disk, isReadOnly);
				if (is) throw provisionerErrors.InUse(`Volume ${disk} is attached otherwise: detach it first.`);
				return open(disk, isReadOnly);
			}),
		detach: disk =>
			inTurn(disk, async () => {
				const is = attached.get(disk);
				if (!is) return;
				if (isOpen(is)) await daemon.detach(nodeOf(disk));
				attached.delete(disk);
				await mergeOverlays(disk);
			}),
		onReattached(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		onOutage(listener) {
			outages.add(listener);
			return () => outages.delete(listener);
		},
		async usage() {
			const shown = new Map<VolumeId, { own: number; parent: VolumeId | null; isAttached: boolean }>();
			for (const id of volumes.ids()) {
				const own = await volumes.used(id);
				shown.set(id, { own, parent: volumes.parentOf(id), isAttached: attached.has(id) });
			}
			return { volumes: shown, free: await volumes.free() };
		},
		async check() {
			await findProgram('qemu-img');
			await daemon.check();
			await volumes.free();
		},
		close: () => daemon.close(),
	};
}

/** QEMU takes 31 characters, the first of them a letter. */
const nodeOf = (id: VolumeId): string => `v${id.replaceAll('-', '').slice(0, 24)}`;
