import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { ConfigError } from '../../common/config/config-error.ts';
import { largestFile, largestSnapshot, mostFiles, type Snapshot, scopeOfFile } from './snapshot.ts';

/**
 * Reads what belongs to a snapshot from a policy folder; everything else there is left alone.
 * @throws ConfigError for what cannot be read, leads out of the folder, is too large or not UTF-8
 */
export async function readSnapshot(folder: string, parties: readonly string[]): Promise<Snapshot> {
	const names = ['', ...parties.map(party => `${party.toLowerCase()}/`)];
	const listed = await Promise.all(
		names.map(async name => (await list(join(folder, name))).map(entry => name + entry)),
	);
	const wanted = listed.flat().filter(name => scopeOfFile(name, parties) !== undefined);
	if (wanted.length > mostFiles) throw problem(folder, `there are more than ${mostFiles} policy files`);
	const root = await realpath(folder).catch(() => folder);
	const files = new Map<string, string>();
	let total = 0;
	for (const name of wanted.sort()) {
		const bytes = await readInside(root, join(folder, name));
		if (!bytes) continue;
		total += bytes.length;
		if (total > largestSnapshot)
			throw problem(folder, `its files have more than ${largestSnapshot} bytes together`);
		files.set(name, decode(join(folder, name), bytes));
	}
	return files;
}

async function list(folder: string): Promise<string[]> {
	try {
		return (await readdir(folder)).filter(entry => !entry.startsWith('.'));
	} catch (error) {
		if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
		throw problem(folder, `the folder cannot be read: ${codeOf(error)}`);
	}
}

/** Undefined for a folder that has the name of a file. */
async function readInside(root: string, path: string): Promise<Uint8Array | undefined> {
	try {
		const real = await realpath(path);
		if (!real.startsWith(root + sep)) throw problem(path, 'a link out of the policy folder');
		const stat = await lstat(real);
		if (!stat.isFile()) return undefined;
		if (stat.size > largestFile) throw problem(path, `${stat.size} bytes, more than ${largestFile}`);
		return await readFile(real);
	} catch (error) {
		if (error instanceof ConfigError) throw error;
		throw problem(path, `cannot be read: ${codeOf(error)}`);
	}
}

function decode(path: string, bytes: Uint8Array): string {
	try {
		// A byte order mark stays in the text: it is part of what is signed.
		return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
	} catch {
		throw problem(path, 'this is not UTF-8');
	}
}

const problem = (file: string, message: string): ConfigError =>
	new ConfigError([{ file, line: 1, column: 1, message }]);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown error';
