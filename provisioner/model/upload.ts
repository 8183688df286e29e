import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { imageOrigin } from './image.ts';
import { bytes, hilName, moment, name } from './names.ts';

/** SHA-256, hex. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits, lower-case');
export const format = z.enum(['raw', 'qcow2']);

const upload = z.strictObject({
	project: hilName,
	/** Of the image that is made of it. */
	name,
	description: z.string().max(1000),
	format,
	/** What it must be; null: it is only told. */
	sha256: sha256.nullable(),
	origin: imageOrigin,
	/** Bytes in all. How many are there is for the file to say. */
	length: bytes,
	/** Who began it. */
	asker: z.string(),
	/** When bytes came last. */
	touchedAt: moment,
	/** What takes it in, since all of it is there. */
	operation: z.string().nullable(),
});
export type Upload = z.output<typeof upload>;

/** By a fresh id, which its file is named by. */
export const uploads = defineCollection('uploads', upload, {
	project: document => document.project,
	/** Of which bytes are still to come, by project. */
	open: document => (document.operation === null ? document.project : undefined),
});
