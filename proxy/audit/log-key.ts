import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { auditKeyUnusable } from './errors.ts';
import { fromBase64, type NoteSigner, signerOf } from './signed-note.ts';

/**
 * The key with which a log signs its checkpoints, from its file: `PRIVATE+KEY+name+key id+base64(1, seed)`, one line, as
 * the note tools have it. Undefined when there is no such file.
 *
 * @throws BimetalError AuditKeyUnusable when others may read the file, or it holds no key
 */
export async function readLogKey(file: string): Promise<NoteSigner | undefined> {
	let line: string;
	try {
		const { mode } = await stat(file);
		if ((mode & 0o077) !== 0)
			throw auditKeyUnusable(`others than its owner have rights on ${file}: chmod 600 it`);
		line = await readFile(file, 'utf8');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw error;
	}
	const [, name = '', keyId, encoded] =
		/^PRIVATE\+KEY\+([^\s+]+)\+([0-9a-f]{8})\+(\S{44})\n?$/.exec(line) ?? [];
	const typed = fromBase64(encoded ?? '');
	const signer = typed?.length === 33 && typed[0] === 1 ? signerOf(name, typed.subarray(1)) : undefined;
	if (signer?.keyId !== keyId || !signer) throw auditKeyUnusable(`${file} holds no key of a log`);
	return signer;
}

/** Makes a key and keeps it in `file` (mode 0600), on disk before it is used. `name` becomes the log's origin. */
export async function createLogKey(file: string, name: string): Promise<NoteSigner> {
	const seed = randomBytes(32);
	const signer = signerOf(name, seed);
	const typed = Buffer.concat([Buffer.of(1), seed]).toString('base64');
	await writeFileDurably(file, `PRIVATE+KEY+${name}+${signer.keyId}+${typed}\n`);
	return signer;
}
