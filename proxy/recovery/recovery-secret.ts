import { createHash, timingSafeEqual } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import { recoveryErrors } from './errors.ts';

/** Bytes of the key that encrypts one backup. */
export const keyLength = 32;

/** What a backup says of its key, so that wrong shares are found out before anything is decrypted. */
export const checkOf = (key: Uint8Array): string =>
	createHash('sha256').update('bimetal backup key check v1\0').update(key).digest('hex');

/**
 * Shares of the key over GF(2⁸) (Shamir 1979): any `threshold` of them make it, fewer tell nothing of it.
 * @throws BimetalError ThresholdRefused when one party could do it alone, or all together could not
 */
export async function splitKey(key: Uint8Array, parties: number, threshold: number): Promise<Uint8Array[]> {
	if (!Number.isInteger(threshold) || threshold < 2 || threshold > parties || parties > 255) {
		throw recoveryErrors.ThresholdRefused(
			`${threshold} of ${parties} parties: the threshold is at least 2 and at most as many as there are parties`,
		);
	}
	// The library takes nothing but a plain Uint8Array, which a Buffer is not.
	return split(Uint8Array.from(key), parties, threshold);
}

/**
 * The key that the shares make. @throws BimetalError SharesTooFew, SharesWrong
 * @param check what `checkOf` said of the key when it was split
 */
export async function combineShares(
	shares: readonly Uint8Array[],
	threshold: number,
	check: string,
): Promise<Uint8Array> {
	// The last byte is the point at which the share was taken: the same one twice is one share.
	const different = new Map(shares.map(share => [share.at(-1), Uint8Array.from(share)]));
	if (different.size < threshold) {
		const given = different.size === 1 ? '1 share was' : `${different.size} different shares were`;
		throw recoveryErrors.SharesTooFew(`${given} given, and this backup needs ${threshold}`);
	}
	let key: Uint8Array;
	try {
		key = await combine([...different.values()]);
	} catch (cause) {
		throw recoveryErrors.SharesWrong('the shares do not fit together', { cause });
	}
	const same = timingSafeEqual(Buffer.from(checkOf(key)), Buffer.from(check.padEnd(64).slice(0, 64)));
	if (!same) throw recoveryErrors.SharesWrong('the shares do not make the key of this backup');
	return key;
}
