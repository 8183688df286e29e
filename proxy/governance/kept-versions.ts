import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolderDurably, syncFolder } from '../../common/store/durable-file.ts';
import { governanceErrors } from './errors.ts';
import { readSnapshot } from './read-snapshot.ts';
import { type Snapshot, snapshotId } from './snapshot.ts';

/** Every version that ever came into force, each a folder named by the SHA-256 of its contents. */
export interface KeptVersions {
	/** Resolves with the id once all of it is on disk; a crash leaves all of it or nothing under that name. */
	keep(snapshot: Snapshot): Promise<string>;
	/**
	 * Reads a version back.
	 * @throws VersionDamaged when it is not there, or is not what its name says
	 */
	read(id: string, parties: readonly string[]): Promise<Snapshot>;
	folderOf(id: string): string;
	/** Runs work on a folder with these files, which is gone afterwards. */
	tryOut<R>(snapshot: Snapshot, work: (folder: string) => Promise<R>): Promise<R>;
}

const unfinished = '.unfinished-';

/** Opens the folder, and removes what a crash left unfinished there. */
export async function openKeptVersions(folder: string): Promise<KeptVersions> {
	await makeFolderDurably(folder);
	for (const name of await readdir(folder)) {
		if (name.startsWith(unfinished)) await rm(join(folder, name), { recursive: true, force: true });
	}
	const temporary = (): string => join(folder, unfinished + randomBytes(8).toString('hex'));
	return {
		folderOf: id => join(folder, id),
		async keep(snapshot) {
			const id = snapshotId(snapshot);
			const path = join(folder, id);
			const copy = temporary();
			try {
				await writeFiles(copy, snapshot, writeSynced);
				for (const name of foldersOf(snapshot)) await syncFolder(join(copy, name));
				await syncFolder(copy);
				await rename(copy, path);
			} catch (error) {
				await rm(copy, { recursive: true, force: true });
				// Kept before: the name says what is in it.
				if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
			}
			await syncFolder(folder);
			return id;
		},
		async read(id, parties) {
			const snapshot = await readSnapshot(join(folder, id), parties);
			if (snapshotId(snapshot) === id) return snapshot;
			throw governanceErrors.VersionDamaged(
				`${join(folder, id)} ${snapshot.size === 0 ? 'is missing' : 'is not what was kept'}; restore it from a backup`,
			);
		},
		async tryOut(snapshot, work) {
			const copy = temporary();
			try {
				await writeFiles(copy, snapshot, (path, text) => writeFile(path, text, { mode: 0o600 }));
				return await work(copy);
			} finally {
				await rm(copy, { recursive: true, force: true });
			}
		},
	};
}

const foldersOf = (snapshot: Snapshot): string[] => [
	...new Set([...snapshot.keys()].map(name => dirname(name)).filter(name => name !== '.')),
];

async function writeFiles(
	folder: string,
	snapshot: Snapshot,
	write: (path: string, text: string) => Promise<void>,
): Promise<void> {
	await mkdir(folder, { mode: 0o700 });
	for (const name of foldersOf(snapshot)) await mkdir(join(folder, name), { mode: 0o700 });
	for (const [name, text] of snapshot) await write(join(folder, name), text);
}

async function writeSynced(path: string, text: string): Promise<void> {
	const file = await open(path, 'wx', 0o600);
	try {
		await file.writeFile(text);
		await file.sync();
	} finally {
		await file.close();
	}
}
