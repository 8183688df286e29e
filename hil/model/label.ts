import { z } from 'zod';
import { hilErrors } from '../errors.ts';

/** What HIL's own client lets a name be made of. A slash is not among it: ids join names by one. */
const labelPattern = /^(?!\.{1,2}$)[A-Za-z0-9 $_.+!*'(),-]{1,128}$/;

/** A name of something that is recorded. */
export const label = z.string().regex(labelPattern);

/** Names something that may or may not be there: any text that the store can look up. */
export const reference = z
	.string()
	.max(256)
	.refine(text => text.isWellFormed() && !text.includes('\0'), 'expected text without NUL');

/** @throws BimetalError BadArgumentError */
export function checkLabel(kind: string, text: string): void {
	if (labelPattern.test(text)) return;
	throw hilErrors.BadArgumentError(
		`'${text}' cannot name a ${kind}: up to 128 letters, digits, spaces and $_.+!*'(),- can.`,
	);
}

/** A moment, in milliseconds since the epoch. */
export const moment = z.int().min(0);
