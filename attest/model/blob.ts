import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { defineCollection, type ReadTransaction, type Transaction } from '../../common/store/store.ts';

/** Bytes, compressed and in base64: logs and lists are long, and the same for many nodes. */
const blob = z.strictObject({ size: z.int().min(0), gzip: z.string() });
/** By the SHA-256 of what they are. */
export const blobs = defineCollection('blobs', blob);

const most = 64 * 1024 * 1024;

export const digestOf = (bytes: Uint8Array | string): string =>
	createHash('sha256').update(bytes).digest('hex');

/** Keeps bytes once, however often they come. @returns their digest */
export async function keepBlob(tx: Transaction, bytes: Uint8Array | string): Promise<string> {
	const digest = digestOf(bytes);
	if (!(await tx.get(blobs, digest)))
		await tx.insert(blobs, digest, {
			size: Buffer.byteLength(bytes),
			gzip: gzipSync(bytes).toString('base64'),
		});
	return digest;
}

export async function findBlob(tx: ReadTransaction, digest: string): Promise<Buffer> {
	const found = await tx.get(blobs, digest);
	const bytes = found && gunzipSync(Buffer.from(found.gzip, 'base64'), { maxOutputLength: most });
	if (bytes && digestOf(bytes) === digest) return bytes;
	throw new BimetalError('StoreCorrupt', `what was kept as ${digest} is ${bytes ? 'another' : 'not there'}`);
}
