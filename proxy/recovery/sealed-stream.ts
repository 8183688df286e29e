import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { recoveryErrors } from './errors.ts';

/** What stands at a backup's beginning in clear; its key depends on every byte of it. */
const header = z.strictObject({
	backup: z.string().regex(/^[0-9a-f]{32}$/),
	site: z.string(),
	created: z.iso.datetime(),
	threshold: z.int().min(2),
	/** Who has a share. */
	parties: z.array(z.string()).min(2),
	/** See `checkOf`. */
	check: z.string().regex(/^[0-9a-f]{64}$/),
	/** Random, hex: no two backups are encrypted by the same key. */
	salt: z.string().regex(/^[0-9a-f]{64}$/),
});
export type BackupHeader = z.infer<typeof header>;

/** 16 bytes, the version among them. */
const magic = Buffer.from('BIMETAL-BACKUP1\n');
const magicStart = magic.subarray(0, 14);
const longestHeader = 64 * 1024;
/** Bytes of a chunk before encryption. */
const chunkLength = 64 * 1024;
const tagLength = 16;

export const newBackupHeader = (fields: Omit<BackupHeader, 'salt'>): BackupHeader => ({
	...fields,
	salt: randomBytes(32).toString('hex'),
});

/**
 * Encrypts a stream: AES-256-GCM chunk by chunk, each bound to its place and the last one marked, so that no
 * chunk can be changed, moved, repeated or left out (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
 * Vizár, 2015). Layout: magic; length of the header (4 bytes, big-endian); header; then for each chunk its length and
 * the chunk with its tag.
 */
export async function* seal(
	about: BackupHeader,
	key: Uint8Array,
	plain: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
	const head = Buffer.from(JSON.stringify(about));
	yield Buffer.concat([magic, lengthOf(head), head]);
	const fileKey = fileKeyOf(key, about, head);
	let place = 0;
	const encrypt = (chunk: Uint8Array, last: boolean): Buffer => {
		const cipher = createCipheriv('aes-256-gcm', fileKey, nonceOf(place++, last));
		const box = Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
		return Buffer.concat([lengthOf(box), box]);
	};
	let rest = Buffer.alloc(0);
	for await (const bytes of plain) {
		rest = Buffer.concat([rest, bytes]);
		// One byte more than a chunk: what is left is never empty, and can be the last.
		while (rest.length > chunkLength) {
			yield encrypt(rest.subarray(0, chunkLength), false);
			rest = rest.subarray(chunkLength);
		}
	}
	yield encrypt(rest, true);
}

/** Reads exactly so many bytes, or fewer at the end. */
export type ReadBytes = (length: number) => Promise<Buffer>;

/** The header, before there is a key. @throws BimetalError BackupUnreadable, BackupUnsupported */
export async function readHeader(read: ReadBytes): Promise<{ about: BackupHeader; head: Buffer }> {
	const start = await read(magic.length);
	if (!start.equals(magic)) {
		if (start.length === magic.length && start.subarray(0, magicStart.length).equals(magicStart))
			throw recoveryErrors.BackupUnsupported('the backup is of another version than this program reads');
		throw recoveryErrors.BackupUnreadable('the file is no backup');
	}
	const size = await read(4);
	const length = size.length === 4 ? size.readUInt32BE() : longestHeader + 1;
	if (length > longestHeader) throw recoveryErrors.BackupUnreadable('the header of the backup was changed');
	const head = await read(length);
	try {
		return { about: header.parse(JSON.parse(head.toString('utf8'))), head };
	} catch (cause) {
		throw recoveryErrors.BackupUnreadable('the header of the backup was changed', { cause });
	}
}

/**
 * Decrypts what follows the header; gives nothing that was not authenticated.
 * @throws BimetalError BackupUnreadable when any byte was changed or is missing
 */
export async function* unseal(
	{ about, head }: { about: BackupHeader; head: Buffer },
	key: Uint8Array,
	read: ReadBytes,
): AsyncGenerator<Buffer> {
	const fileKey = fileKeyOf(key, about, head);
	for (let place = 0; ; place++) {
		const size = await read(4);
		const length = size.length === 4 ? size.readUInt32BE() : 0;
		if (length < tagLength || length > chunkLength + tagLength)
			throw recoveryErrors.BackupUnreadable('the backup is cut off, or was changed');
		const box = await read(length);
		if (box.length < length) throw recoveryErrors.BackupUnreadable('the backup is cut off');
		const middle = decrypt(fileKey, place, false, box);
		if (middle) {
			yield middle;
			continue;
		}
		const last = decrypt(fileKey, place, true, box);
		if (!last || (await read(1)).length > 0)
			throw recoveryErrors.BackupUnreadable('the backup is cut off, or was changed');
		yield last;
		return;
	}
}

function decrypt(key: Buffer, place: number, last: boolean, box: Buffer): Buffer | undefined {
	const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(place, last), { authTagLength: tagLength });
	try {
		decipher.setAuthTag(box.subarray(-tagLength));
		return Buffer.concat([decipher.update(box.subarray(0, -tagLength)), decipher.final()]);
	} catch {
		return undefined;
	}
}

function fileKeyOf(key: Uint8Array, about: BackupHeader, head: Buffer): Buffer {
	const info = Buffer.concat([Buffer.from('bimetal backup v1'), createHash('sha256').update(head).digest()]);
	return Buffer.from(hkdfSync('sha256', key, Buffer.from(about.salt, 'hex'), info, 32));
}

/** The key is the backup's own, so a chunk's place and whether it is the last are enough. */
function nonceOf(place: number, last: boolean): Buffer {
	const nonce = Buffer.alloc(12);
	nonce.writeBigUInt64BE(BigInt(place), 3);
	nonce[11] = last ? 1 : 0;
	return nonce;
}

function lengthOf(bytes: Uint8Array): Buffer {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(bytes.length);
	return length;
}
