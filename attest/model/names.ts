import { z } from 'zod';

/** hil's name of a project or a node. */
export const hilName = z.string().min(1).max(128);

/** Names something that may or may not be there: any text that the store can look up. */
export const reference = z
	.string()
	.min(1)
	.max(256)
	.refine(text => text.isWellFormed() && !text.includes('\0'), 'expected text without NUL');

/** A moment, in milliseconds since the epoch. */
export const moment = z.int().min(0);

/** SHA-256, in hexadecimal. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256: 64 hexadecimal digits');

/** Bytes in base64, at most so many of them. */
export const base64 = (most: number) => z.base64().max(Math.ceil(most / 3) * 4);

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');
