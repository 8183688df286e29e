import { createHash } from 'node:crypto';
import { constants, copyFile, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Puts what was built under its name, where it stands only when it is whole. */
export async function moveWhole(from: string, to: string): Promise<void> {
	const fresh = `${to}.${process.pid}`;
	try {
		await copyFile(from, fresh, constants.COPYFILE_FICLONE);
		await rename(fresh, to);
	} finally {
		await rm(fresh, { force: true });
	}
}

/**
 * Stands for the packages, by their versions, and for the code and the files that make an image of them.
 * @param of whatever else goes into it
 * @param sources folders that code and files are in
 */
export async function nameOfBuild(
	debs: readonly string[],
	of: string,
	sources: readonly URL[],
): Promise<string> {
	const hash = createHash('sha256').update(`${of}\0`);
	for (const deb of debs) hash.update(`${path.basename(deb)}\n`);
	for (const at of sources) {
		for (const entry of (await readdir(at, { recursive: true, withFileTypes: true })).sort((a, b) =>
			a.name < b.name ? -1 : 1,
		)) {
			if (entry.isFile() && !entry.name.endsWith('.test.ts'))
				hash.update(await readFile(path.join(entry.parentPath, entry.name)));
		}
	}
	return hash.digest('hex').slice(0, 16);
}
