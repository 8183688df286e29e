import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFileDurably } from '../../../common/store/durable-file.ts';
import { provisionerErrors } from '../../errors.ts';

/** A pool of ours in the site's Ceph, and the user who may use it. */
export interface CephSettings {
	/** The site's own ceph.conf. */
	readonly configuration: string;
	readonly pool: string;
	/** Ceph's `client.USER`, without the `client.`. */
	readonly user: string;
	/** The file with the user's key; where Ceph itself looks for it when absent. */
	readonly keyring?: string | undefined;
}

/** Seconds in which a monitor must have answered; Ceph's own is five minutes. */
const mountTimeout = 10;

/**
 * Writes what the programs of Ceph are started with: the site's configuration, and at its end what we want otherwise, since
 * the last section of a name has the last word. Keys stay in their file. The path of it.
 * @throws StorageFault when the site's cannot be read
 */
export async function writeCephConfiguration(folder: string, settings: CephSettings): Promise<string> {
	const { configuration, user, keyring } = settings;
	let site: string;
	try {
		site = await readFile(configuration, 'utf8');
	} catch (cause) {
		throw provisionerErrors.StorageFault(`${configuration} cannot be read: ${(cause as Error).message}`, {
			cause,
		});
	}
	const own = [
		`[client.${user}]`,
		...(keyring === undefined ? [] : [`keyring = ${path.resolve(keyring)}`]),
		`client_mount_timeout = ${mountTimeout}`,
		// What a clone is made of needs no protection of Ceph's, which takes rights on every pool.
		'rbd_default_clone_format = 2',
		// What a node was told to be written must not be lost with the process that it was told by, as in a cache of writes.
		'rbd_cache = true',
		'rbd_cache_policy = writethrough',
		// Programs that live for a moment leave no files.
		'admin_socket =',
		'log_file =',
	];
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const file = path.join(path.resolve(folder), 'ceph.conf');
	await writeFileDurably(file, `${site}\n\n${own.join('\n')}\n`);
	return file;
}
