import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** Memory 128·N·r bytes (16 MiB here) and about 50 ms of one core: RFC 7914. */
const cost = { N: 16384, r: 8, p: 1 };
const saltBytes = 16;
const keyBytes = 32;
/** What a stored hash may ask for, so that a file cannot make the process run out of memory. */
const maxMemory = 256 * 1024 * 1024;
/** In UTF-8; longer ones are simply wrong. */
const maxPasswordBytes = 1024;

const hashPattern =
	/^scrypt\$([1-9][0-9]{0,7})\$([1-9][0-9]?)\$([1-9][0-9]?)\$([A-Za-z0-9_-]{22,86})\$([A-Za-z0-9_-]{43})$/;

/** `scrypt$N$r$p$salt$hash`, salt and hash in base64url. */
export const passwordHash = z
	.string()
	.refine(text => parseHash(text) !== undefined, 'must be a password hash as `scrypt$N$r$p$salt$hash`');

interface ParsedHash {
	readonly cost: { readonly N: number; readonly r: number; readonly p: number };
	readonly salt: Buffer;
	readonly key: Buffer;
}

function parseHash(text: string): ParsedHash | undefined {
	const [, n, r, p, salt, key] = hashPattern.exec(text) ?? [];
	if (n === undefined || salt === undefined || key === undefined) return undefined;
	const parsed = { N: Number(n), r: Number(r), p: Number(p) };
	const powerOfTwo = parsed.N > 1 && (parsed.N & (parsed.N - 1)) === 0;
	if (!powerOfTwo || 128 * parsed.N * parsed.r > maxMemory) return undefined;
	return { cost: parsed, salt: Buffer.from(salt, 'base64url'), key: Buffer.from(key, 'base64url') };
}

/** A hash under a fresh salt. Throws a RangeError on an empty password or one over 1024 bytes. */
export async function hashPassword(password: string): Promise<string> {
	const bytes = prepare(password);
	if (bytes === undefined) throw new RangeError('a password has between 1 and 1024 bytes');
	const salt = randomBytes(saltBytes);
	const key = await derive(bytes, salt, cost);
	return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** Whether the password is the hash's, compared in constant time. Throws a TypeError on a malformed hash. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
	const parsed = parseHash(hash);
	if (parsed === undefined) throw new TypeError('not a password hash');
	const bytes = prepare(password);
	// What cannot be right still takes its time.
	const key = await derive(bytes ?? Buffer.alloc(1), parsed.salt, parsed.cost);
	return timingSafeEqual(key, parsed.key) && bytes !== undefined;
}

/** One spelling of what looks the same (RFC 8265 §4.2.2 asks for NFC). */
function prepare(password: string): Buffer | undefined {
	const bytes = Buffer.from(password.normalize('NFC'));
	return bytes.length === 0 || bytes.length > maxPasswordBytes ? undefined : bytes;
}

function derive(password: Buffer, salt: Buffer, { N, r, p }: ParsedHash['cost']): Promise<Buffer> {
	const maxmem = 128 * N * r + 128 * r * p + 1024 * 1024;
	return new Promise((resolve, reject) => {
		scrypt(password, salt, keyBytes, { N, r, p, maxmem }, (error, key) =>
			error ? reject(error) : resolve(key),
		);
	});
}

/** Lower case and digits without l, o, 0 and 1: five bits each. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/** A password of 120 random bits that can be read out: four groups of six. */
export function generatePassword(random: (bytes: number) => Uint8Array = randomBytes): string {
	const letters = Array.from(random(24), byte => alphabet[byte & 31]);
	return [0, 6, 12, 18].map(from => letters.slice(from, from + 6).join('')).join('-');
}
