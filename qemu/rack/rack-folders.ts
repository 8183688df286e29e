import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { systemClock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { lockFile } from '../../common/store/file-lock.ts';

/** Where a rack is. */
export interface RackFolders {
	/** Marks all its processes, and names its run folder. */
	readonly run: string;
	/** Sockets, logs and the switch: gone with the rack. */
	readonly runFolder: string;
	/** Disks, TPMs, settings of the BMCs, credentials: stays. */
	readonly stateFolder: string;
}

/** What a rack that was started left to be found by: `rack.json` in its run folder. */
const rackRecord = z.strictObject({
	name: z.string(),
	run: z.string(),
	stateFolder: z.string(),
	/** The file that it was started from. */
	file: z.string(),
	/** Of the plan. */
	digest: z.string(),
});
type RackRecord = z.infer<typeof rackRecord>;

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

/**
 * Does something with a rack while nobody else starts it, ends it or clears up after it; waits for who does. Throws
 * RackBusy when that takes more than two minutes, FolderForeign.
 */
export async function alone<T>({ runFolder }: RackFolders, work: () => Promise<T>): Promise<T> {
	await makeOwnFolder(join(runFolder, '..'));
	for (let left = 600; ; left--) {
		const lock = await lockFile(`${runFolder}.lock`, systemClock);
		if (lock.locked) {
			try {
				return await work();
			} finally {
				await lock.release();
			}
		}
		if (left === 0)
			throw new BimetalError('RackBusy', `another one starts or ends this rack: ${lock.holder}`, {
				status: 409,
			});
		await sleep(200);
	}
}

/** All racks that were started and not ended, whether they still run or not. */
export async function findRacks(
	env: Environment,
): Promise<readonly (RackRecord & Pick<RackFolders, 'runFolder'>)[]> {
	const base = runBase(env);
	const names = await readdir(base).catch(() => []);
	const found = await Promise.all(
		names.map(async name => {
			const text = await readFile(join(base, name, 'rack.json'), 'utf8').catch(() => 'null');
			const read = rackRecord.safeParse(parse(text));
			return read.success && read.data.run === name ? [{ ...read.data, runFolder: join(base, name) }] : [];
		}),
	);
	return found.flat();
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
