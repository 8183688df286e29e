import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import type { Role } from './privileges.ts';

/** What a caller gives for an account at first start. */
export interface AccountSeed {
	readonly name: string;
	readonly password: string;
	readonly role: Role;
}

/** An account as it is kept: plain data, no clear password. */
export interface Account {
	readonly name: string;
	readonly role: Role;
	readonly enabled: boolean;
	readonly salt: string;
	readonly hash: string;
}

// Small on purpose: an emulated BMC guards nothing, and eight of them share one process.
const SCRYPT = { N: 512, r: 8, p: 1 };

export function createAccount(seed: AccountSeed): Account {
	return { name: seed.name, role: seed.role, enabled: true, ...hashPassword(seed.password) };
}

export function hashPassword(password: string): { salt: string; hash: string } {
	const salt = randomBytes(12).toString('base64');
	return { salt, hash: scryptSync(password, salt, 32, SCRYPT).toString('base64') };
}

export function passwordFits(account: Pick<Account, 'salt' | 'hash'>, password: string): boolean {
	return timingSafeEqual(scryptSync(password, account.salt, 32, SCRYPT), Buffer.from(account.hash, 'base64'));
}
