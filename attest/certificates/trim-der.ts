import { accept, type Outcome, refuse } from '../outcome.ts';

/**
 * A DER sequence without what pads it: NV indexes of TPMs are often larger than the certificate in them, and filled up
 * with zeros or ones. Anything else after it is refused.
 */
export function trimDer(bytes: Buffer, what: string): Outcome<Buffer> {
	const first = bytes[1] ?? 0;
	const extra = first < 0x80 ? 0 : first & 0x7f;
	if (bytes[0] !== 0x30 || extra > 3 || bytes.length < 2 + extra || first === 0x80)
		return refuse('Malformed', `${what} is no DER`);
	const length = 2 + extra + (extra === 0 ? first : bytes.readUIntBE(2, extra));
	const padding = bytes.subarray(length);
	if (length > bytes.length) return refuse('Malformed', `${what} is cut short`);
	if (!padding.every(byte => byte === 0) && !padding.every(byte => byte === 0xff))
		return refuse('Malformed', `${what} has something after its end`);
	return accept(bytes.subarray(0, length));
}
