import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { BimetalError } from '../errors/bimetal-error.ts';

/**
 * Replaces `path` by `bytes` so that after a crash at any moment the file is the whole old one or the whole new one,
 * and the new one once the promise has resolved: a temporary file beside it, fsync, rename, fsync of the folder.
 *
 * @param mode permissions of the file, whatever the umask says
 * @throws BimetalError WriteUncertain when the name was replaced but the folder could not be synced: after a crash it
 *   may be either file. Any other error means that the old file is untouched.
 */
export async function writeFileDurably(
	path: string,
	bytes: string | Uint8Array,
	mode = 0o600,
): Promise<void> {
	const temporary = join(dirname(path), `${temporaryPrefix(path)}${randomBytes(6).toString('hex')}.tmp`);
	try {
		const file = await open(temporary, 'wx', mode);
		try {
			await file.chmod(mode);
			await file.writeFile(bytes);
			await file.sync();
		} finally {
			await file.close();
		}
		await rename(temporary, path);
	} catch (error) {
		await rm(temporary, { force: true }).catch(() => {});
		throw error;
	}
	try {
		await syncFolder(dirname(path));
	} catch (error) {
		throw new BimetalError('WriteUncertain', `${path} was replaced, but its folder could not be synced`, {
			cause: error,
		});
	}
}

/** Removes what writes of `path` left that a crash cut short. Only for who holds the lock on `path`. */
export async function removeUnfinishedWrites(path: string): Promise<void> {
	const folder = dirname(path);
	for (const name of await readdir(folder)) {
		if (name.startsWith(temporaryPrefix(path)) && name.endsWith('.tmp')) {
			await rm(join(folder, name), { force: true });
		}
	}
}

function temporaryPrefix(path: string): string {
	return `.${basename(path)}.`;
}

/** Creates the folder (mode 0700) and its missing parents so that they are still there after a crash. */
export async function makeFolderDurably(folder: string): Promise<void> {
	const first = await mkdir(folder, { recursive: true, mode: 0o700 });
	if (first === undefined) return;
	const top = dirname(resolve(first));
	for (let made = resolve(folder); made !== top; made = dirname(made)) await syncFolder(dirname(made));
}

/** Makes names that were created, renamed or removed in the folder survive a crash. */
export async function syncFolder(folder: string): Promise<void> {
	const handle = await open(folder, 'r');
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}
