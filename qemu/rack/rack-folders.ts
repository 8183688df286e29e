import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';

/** Where a rack is. */
export interface RackFolders {
	/** Marks all its processes, and names its run folder. */
	readonly run: string;
	/** Sockets, logs and the switch: gone with the rack. */
	readonly runFolder: string;
	/** Disks, TPMs, settings of the BMCs, credentials: stays. */
	readonly stateFolder: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The folders of a rack; the same name with another state folder is another rack. */
export function rackFolders(
	name: string,
	options: { readonly state?: string | undefined; readonly cwd: string; readonly env: Environment },
): RackFolders {
	const { env } = options;
	const data = env.XDG_DATA_HOME ?? join(env.HOME ?? homedir(), '.local', 'share');
	const stateFolder = resolve(options.cwd, options.state ?? join(data, 'bimetal', `rack-${name}`));
	const run = `bimetal-rack-${name}-${createHash('sha256').update(stateFolder).digest('hex').slice(0, 8)}`;
	return { run, stateFolder, runFolder: join(runBase(env), run) };
}

/** Short, for the path of a UNIX socket has room for 107 bytes only (unix(7)). */
function runBase(env: Environment): string {
	const own = env.XDG_RUNTIME_DIR;
	return own === undefined || own === '' ? `/tmp/bimetal-${process.getuid?.() ?? 0}` : join(own, 'bimetal');
}

/**
 * Makes a folder for us alone. In /tmp anybody could have made it before us: throws FolderForeign when it is not ours.
 */
export async function makeOwnFolder(folder: string): Promise<void> {
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const found = await lstat(folder);
	if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0) return;
	throw new BimetalError(
		'FolderForeign',
		`${folder} must be a folder of yours that nobody else has rights on: chmod 700 it, or remove it`,
		{ expose: true },
	);
}

/** Makes the run folder, and the one above it. Throws FolderForeign. */
export async function makeRunFolder({ runFolder }: RackFolders): Promise<void> {
	await makeOwnFolder(join(runFolder, '..'));
	await makeOwnFolder(runFolder);
}
