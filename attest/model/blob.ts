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

/** Of no bytes, as of an IMA list that nothing was added to: these need not be kept. */
export const NOTHING = digestOf('');

/** Keeps bytes once, however often they come. @returns their digest */
export async function keepBlob(tx: Transaction, bytes: Uint8Array | string): Promise<string> {
	if (bytes.length === 0) return NOTHING;
	const digest = digestOf(bytes);
	if (!(await tx.get(blobs, digest)))
		await tx.insert(blobs, digest, {
			size: Buffer.byteLength(bytes),
			gzip: gzipSync(bytes).toString('base64'),
		});
	return digest;
}

/** What is kept under a digest, gzipped, in base64; undefined when it is not there. */
export async function findGzipped(tx: ReadTransaction, digest: string): Promise<string | undefined> {
	if (digest === NOTHING) return gzipSync('').toString('base64');
	return (await tx.get(blobs, digest))?.gzip;
}

export async function findBlob(tx: ReadTransaction, digest: string): Promise<Buffer> {
	const found = await tx.get(blobs, digest);
	const bytes = found && gunzipSync(Buffer.from(found.gzip, 'base64'), { maxOutputLength: most });
	if (bytes && digestOf(bytes) === digest) return bytes;
	throw new BimetalError('StoreCorrupt', `what was kept as ${digest} is ${bytes ? 'another' : 'not there'}`);
}
