import { z } from 'zod';

/** A name of an image or a disk, as people type it. */
export const name = z
	.string()
	.regex(
		/^[a-z0-9][a-z0-9._-]{0,62}$/,
		'expected up to 63 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit',
	);

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

/** Bytes. */
export const bytes = z.int().min(0);
