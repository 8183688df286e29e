import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../../../common/store/durable-file.ts';
import { provisionerErrors } from '../../errors.ts';
import type { VolumeId } from '../storage.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The files of volumes: `ID.qcow2`, and while a disk had a snapshot made of it `ID.N.qcow2` upon it, with what was
 * written since. A volume's file refers to its parent's by name, so the folder can be moved.
 */
export interface VolumeFolder {
	readonly folder: string;
	/** Where a volume's own bytes are, by name in the folder. */
	fileOf(id: VolumeId): string;
	/** What stands upon it, the topmost last, by name. */
	overlaysOf(id: VolumeId): readonly string[];
	/** A name for one more. */
	nextOverlay(id: VolumeId): string;
	/** A name that nobody looks at, for what is being made. */
	temporary(id: VolumeId): string;
	/** What was made under a temporary name is there for good: synced, then renamed. */
	keep(temporary: string, name: string): Promise<void>;
	/** A file's parent has become another one. */
	reread(name: string): Promise<void>;
	/** Removes files for good. */
	drop(...names: readonly string[]): Promise<void>;
	has(id: VolumeId): boolean;
	parentOf(id: VolumeId): VolumeId | null;
	/** Bytes that a machine sees. @throws NotThere */
	sizeOf(id: VolumeId): number;
	childrenOf(id: VolumeId): readonly VolumeId[];
	ids(): readonly VolumeId[];
	/** Bytes on disk of a volume and what stands upon it. */
	used(id: VolumeId): Promise<number>;
	/** Bytes that are free. */
	free(): Promise<number>;
}

/** Opens it, making it when it is not there; what was left half-made is removed. */
export async function openVolumeFolder(folder: string): Promise<VolumeFolder> {
	await mkdir(folder, { recursive: true, mode: 0o700 });
	/** By file name. */
	const files = new Map<string, Header>();
	for (const name of await readdir(folder)) {
		if (name.startsWith('.')) await rm(path.join(folder, name), { recursive: true, force: true });
		else if (/\.qcow2$/.test(name)) files.set(name, await readHeader(path.join(folder, name)));
	}
	const at = (name: string): string => path.join(folder, name);
	const fileOf = (id: VolumeId): string => {
		if (!uuid.test(id)) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
		return `${id}.qcow2`;
	};
	const idOf = (name: string | null | undefined): VolumeId | null => name?.slice(0, 36) ?? null;
	const overlaysOf = (id: VolumeId): string[] => {
		const above: string[] = [];
		for (let below = fileOf(id); ; ) {
			const next = [...files].find(([name, { parent }]) => parent === below && idOf(name) === id)?.[0];
			if (next === undefined) return above;
			above.push(next);
			below = next;
		}
	};
	const ids = (): VolumeId[] =>
		[...files.keys()].filter(name => uuid.test(name.slice(0, -6))).map(n => n.slice(0, 36));
	const parentOf = (id: VolumeId): VolumeId | null => idOf(files.get(fileOf(id))?.parent);
	return {
		folder,
		fileOf,
		overlaysOf,
		nextOverlay(id) {
			for (let number = 1; ; number++) {
				const name = `${id}.${number}.qcow2`;
				if (!files.has(name)) return name;
			}
		},
		temporary: id => `.${id}.${randomUUID()}`,
		async keep(temporary, name) {
			const file = await open(at(temporary), 'r');
			try {
				await file.sync();
			} finally {
				await file.close();
			}
			const header = await readHeader(at(temporary));
			await rename(at(temporary), at(name));
			await syncFolder(folder);
			files.set(name, header);
		},
		async reread(name) {
			files.set(name, await readHeader(at(name)));
		},
		async drop(...names) {
			for (const name of names) {
				await rm(at(name), { force: true });
				files.delete(name);
			}
			await syncFolder(folder);
		},
		has: id => files.has(fileOf(id)),
		parentOf,
		sizeOf(id) {
			const header = files.get(fileOf(id));
			if (!header) throw provisionerErrors.NotThere(`There is no volume ${id}.`);
			return header.size;
		},
		childrenOf: id => ids().filter(each => parentOf(each) === id),
		ids,
		async used(id) {
			let bytes = 0;
			for (const name of [fileOf(id), ...overlaysOf(id)]) {
				bytes += (await stat(at(name)).catch(() => ({ blocks: 0 }))).blocks * 512;
			}
			return bytes;
		},
		async free() {
			const { bavail, bsize } = await statfs(folder);
			return bavail * bsize;
		},
	};
}

interface Header {
	/** The name of its backing file; null: it has none. */
	readonly parent: string | null;
	/** Bytes that a machine sees. */
	readonly size: number;
}

/** What we need of a qcow2 file's header (QEMU docs/interop/qcow2.txt, bytes 0 to 31). */
async function readHeader(file: string): Promise<Header> {
	const handle = await open(file, 'r');
	try {
		const header = Buffer.alloc(32);
		const { bytesRead } = await handle.read(header, 0, header.length, 0);
		if (bytesRead < header.length || header.readUInt32BE(0) !== 0x51_46_49_fb) {
			throw provisionerErrors.StorageFault(`${path.basename(file)} is no qcow2 file`);
		}
		const size = Number(header.readBigUInt64BE(24));
		const offset = Number(header.readBigUInt64BE(8));
		const length = header.readUInt32BE(16);
		if (offset === 0) return { parent: null, size };
		const name = Buffer.alloc(Math.min(length, 1023));
		await handle.read(name, 0, name.length, offset);
		return { parent: path.basename(name.toString('utf8')), size };
	} finally {
		await handle.close();
	}
}
