import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { type Distribution, openAptRoot } from './apt-root.ts';

export interface FetchOptions extends Distribution {
	readonly packages: readonly string[];
	/** A folder to keep them in; see `cacheFolder`. */
	readonly cache?: string;
	readonly onProgress?: (step: string) => void;
}

/** What was fetched is taken again for so long, in milliseconds: a week. After that newer versions are looked for. */
const keepFor = 7 * 24 * 3600 * 1000;
const kept = z.object({ at: z.number(), files: z.array(z.string().min(1)).min(1) });

/** Where things are kept that can be fetched or made again. */
export const cacheFolder = (): string =>
	path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'bimetal');

/**
 * Fetches Debian packages with everything that they depend on, verified by Debian's signatures: the files' paths.
 * Without a network what was fetched before is taken. Throws PartMissing, AptFailed.
 */
export async function fetchPackages(options: FetchOptions): Promise<readonly string[]> {
	const { suite, architecture, packages, onProgress = () => undefined } = options;
	const cache = options.cache ?? cacheFolder();
	await mkdir(cache, { recursive: true });
	const name = createHash('sha256')
		.update([...packages].sort().join(' '))
		.digest('hex')
		.slice(0, 16);
	const list = path.join(cache, `packages-${suite}-${architecture}-${name}.json`);
	const before = await readKept(list);
	if (before && Date.now() - before.at < keepFor) return before.files;

	const what = `${packages.join(', ')} of Debian ${suite} for ${architecture}`;
	try {
		onProgress(`Looking up ${what}`);
		const apt = await openAptRoot(cache, { suite, architecture });
		await apt.update(onProgress);
		// Packages that are in the archives already are left out of the list, so it is asked for where none are.
		const elsewhere = `Dir::Cache::archives=${apt.empty}`;
		const uris = await apt.run('install', '-o', elsewhere, '--yes', '--print-uris', '--quiet', ...packages);
		const files = [...uris.matchAll(/^'[^']+' (\S+\.deb) (\d+)/gm)].map(([, file = '', size]) => ({
			file: path.join(apt.archives, file),
			size: Number(size),
		}));
		const bytes = files.reduce((sum, { size }) => sum + size, 0);
		onProgress(`Fetching ${files.length} packages, ${Math.ceil(bytes / 1e6)} MB, for ${architecture}`);
		await apt.run('install', '--yes', '--download-only', '--quiet', ...packages);
		const paths = files.map(({ file }) => file);
		for (const file of paths) await access(file);
		await writeFile(`${list}.${process.pid}`, JSON.stringify({ at: Date.now(), files: paths }));
		await rename(`${list}.${process.pid}`, list);
		return paths;
	} catch (fault) {
		if (!before) throw fault;
		onProgress(`Newer packages cannot be had (${(fault as Error).message}); the kept ones are taken`);
		return before.files;
	}
}

/** What is kept, if all of it is there. */
async function readKept(list: string): Promise<z.infer<typeof kept> | undefined> {
	try {
		const found = kept.parse(JSON.parse(await readFile(list, 'utf8')));
		for (const file of found.files) await access(file);
		return found;
	} catch {
		return undefined;
	}
}
