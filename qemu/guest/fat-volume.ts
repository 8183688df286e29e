import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runTool } from './tools.ts';

/** Where a FAT file system lies: a file in `folder`, and in bytes from where in it and how far. */
export interface Volume {
	readonly folder: string;
	readonly image: string;
	readonly at: number;
	readonly size: number;
}

const sector = 512;
/** Of the file system, which is made up by the clock otherwise: 32 bits. */
const serial = 'b1e7a100';

/**
 * Makes a FAT file system with these files, by their paths (`EFI/BOOT/BOOTX64.EFI`), in a file that is there and long
 * enough. With mtools: no root, no loop device. Throws PartMissing, GuestNotBuilt.
 */
export async function makeFatVolume(volume: Volume, files: Readonly<Record<string, Buffer | string>>) {
	const { folder } = volume;
	const image = ['-i', `${path.join(folder, volume.image)}@@${volume.at}`];
	const geometry = ['-T', volume.size / sector, '-H', volume.at / sector, '-h', 255, '-s', 63].map(String);
	await runTool(folder, 'mformat', ...image, ...geometry, '-N', serial, '-v', 'BIMETAL', '::');
	const source = await mkdtemp(path.join(folder, 'files-'));
	const folders = new Set<string>();
	for (const [index, [name, content]] of Object.entries(files).entries()) {
		const parents = name.split('/').slice(0, -1);
		for (let depth = 1; depth <= parents.length; depth++) {
			const parent = parents.slice(0, depth).join('/');
			if (folders.has(parent)) continue;
			folders.add(parent);
			await runTool(folder, 'mmd', ...image, `::${parent}`);
		}
		const file = path.join(source, String(index));
		await writeFile(file, content);
		await runTool(folder, 'mcopy', ...image, file, `::${name}`);
	}
	await rm(source, { recursive: true });
}

/** Bytes for a FAT file system that holds so many, and its tables: whole MiB. */
export function fatSize(contents: readonly (Buffer | string)[]): number {
	const mebibyte = 1024 * 1024;
	const sum = contents.reduce((bytes, content) => bytes + content.length, 0);
	// Below 16 MiB mtools would take FAT12, which firmware need not read on a disk.
	return Math.max(17, Math.ceil(sum / mebibyte) + 2) * mebibyte;
}
