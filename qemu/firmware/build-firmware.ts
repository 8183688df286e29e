import { createHash, type Hash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { z } from 'zod';
import { cpioArchive } from '../guest/cpio-archive.ts';
import type { BoardProgram } from './board-program.ts';
import { fetchFirmwarePackages, unpackFirmwareParts } from './firmware-packages.ts';
import { rootFiles } from './root-files.ts';

export interface BuildOptions {
	/** What the board runs. */
	readonly program: BoardProgram;
	/** Where it is kept, a folder for each version; below `~/.cache/bimetal/` when absent. */
	readonly folder?: string | undefined;
	readonly onProgress: (step: string) => void;
}

/** Bytes of the evaluation board's flash. */
export const flashSize = 64 * 1024 * 1024;

const manifest = z.strictObject({
	/** The Debian packages that it is made of. */
	packages: z.array(z.string()),
	/** Bytes. */
	kernel: z.int(),
	initrd: z.int(),
	deviceTree: z.int(),
	/** Our own code in the initrd, before it is packed. */
	code: z.int(),
});

/** Firmware as it lies on this machine. No file of it is a secret. */
export interface Firmware extends z.infer<typeof manifest> {
	readonly folder: string;
	/** Built now, or found. */
	readonly isNew: boolean;
}

/** Files of a firmware's folder. */
export const firmwareFiles = { kernel: 'kernel', initrd: 'initrd.zst', deviceTree: 'board.dtb' } as const;
const manifestFile = 'manifest.json';

/**
 * Makes an AST2600's firmware of Debian's packages and a program, or takes what was made of the very same before.
 * Throws PartMissing, AptFailed, UnpackFailed, FirmwareNotBuilt.
 */
export async function buildFirmware({ program, onProgress, ...options }: BuildOptions): Promise<Firmware> {
	const above = options.folder ?? path.join(cacheFolder(), 'firmware');
	await mkdir(above, { recursive: true });
	const packages = await fetchFirmwarePackages({ onProgress });
	const names = [packages.kernel, ...packages.programs].map(file => path.basename(file));
	const folder = path.join(above, await digestOf(names, program));
	const found = await readManifest(folder);
	if (found) {
		const now = new Date();
		await utimes(folder, now, now);
		return { ...found, folder, isNew: false };
	}
	await removeUnused(above);

	onProgress(`Unpacking ${names.length} packages`);
	const parts = await unpackFirmwareParts(packages, above);
	const made = await mkdtemp(path.join(above, 'unfinished-'));
	try {
		const archive = cpioArchive(await rootFiles(parts, program));
		onProgress(`Packing the root file system, ${Math.round(archive.length / 1e6)} MB`);
		// More than this level of zstd's makes it a tenth smaller, and takes a minute instead of seconds.
		const initrd = await promisify(zstdCompress)(archive, {
			params: { [constants.ZSTD_c_compressionLevel]: 9 },
		});
		await writeFile(path.join(made, firmwareFiles.kernel), parts.kernel);
		await writeFile(path.join(made, firmwareFiles.initrd), initrd);
		await writeFile(path.join(made, firmwareFiles.deviceTree), parts.deviceTree);
		const sizes: z.infer<typeof manifest> = {
			packages: names,
			kernel: parts.kernel.length,
			initrd: initrd.length,
			deviceTree: parts.deviceTree.length,
			code: program.size,
		};
		await writeFile(path.join(made, manifestFile), JSON.stringify(sizes, null, 2));
		await rm(folder, { recursive: true, force: true });
		// Whole or not at all; where two build the same at once, both have it.
		await rename(made, folder).catch(async fault => {
			if (!(await readManifest(folder))) throw fault;
		});
		return { ...sizes, folder, isNew: true };
	} finally {
		await parts.close();
		await rm(made, { recursive: true, force: true });
	}
}

/** Firmware of older versions, and what was left unfinished, that nobody has taken for so long: a week, in milliseconds. */
const keepFor = 7 * 24 * 3600 * 1000;

async function removeUnused(above: string): Promise<void> {
	for (const name of await readdir(above)) {
		const folder = path.join(above, name);
		const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
		if (Date.now() - mtimeMs > keepFor) await rm(folder, { recursive: true, force: true });
	}
}

const cacheFolder = (): string =>
	path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'bimetal');

/** Of everything that goes in, our own scripts and what puts it together among it. */
async function digestOf(names: readonly string[], program: BoardProgram): Promise<string> {
	const hash = createHash('sha256').update(names.join('\n')).update(program.digest);
	await addFolder(hash, new URL('.', import.meta.url).pathname);
	return hash.digest('hex').slice(0, 16);
}

async function addFolder(hash: Hash, folder: string): Promise<void> {
	for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) =>
		a.name < b.name ? -1 : 1,
	)) {
		const file = path.join(folder, entry.name);
		if (entry.isDirectory()) await addFolder(hash, file);
		else if (!entry.name.endsWith('.test.ts')) hash.update(entry.name).update(await readFile(file));
	}
}

async function readManifest(folder: string): Promise<z.infer<typeof manifest> | undefined> {
	try {
		return manifest.parse(JSON.parse(await readFile(path.join(folder, manifestFile), 'utf8')));
	} catch {
		return undefined;
	}
}
