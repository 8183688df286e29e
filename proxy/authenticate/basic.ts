import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import type { PasswordCheck, PasswordVerdict } from './password-check.ts';
import type { Roster, RosterEntry } from './roster.ts';

/** The verdict on an `Authorization: Basic` header; at once when it was verified a short while ago. */
export type BasicCheck = (
	header: string,
	address: string | undefined,
) => PasswordVerdict | Promise<PasswordVerdict>;

/** A header that was verified, told without the header. */
export interface VerifiedBasic {
	/** Its HMAC. */
	readonly mark: string;
	readonly operator: string;
	/** The roster entry's version. */
	readonly credentials: string;
	/** Milliseconds since the epoch. */
	readonly until: number;
}

export interface BasicCheckDeps {
	readonly clock: Clock;
	readonly roster: () => Roster;
	readonly checkPassword: PasswordCheck;
	/** Milliseconds for which a verified header is taken without checking again; 60 s. */
	readonly cacheFor?: number;
	/** Key of the HMACs, where other processes of this proxy know them as well; drawn when absent. */
	readonly secret?: Uint8Array | undefined;
	readonly onVerified?: ((verified: VerifiedBasic) => void) | undefined;
}

const maxCached = 1000;
const basicPattern = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The HMAC by which a header is remembered. */
export function createBasicMarks(secret: Uint8Array): (header: string) => string {
	// As a key object: given raw bytes, each HMAC would set its key up anew, which costs ten times the HMAC itself.
	const key = createSecretKey(secret);
	return header => createHmac('sha256', key).update(header).digest('base64');
}

/**
 * Basic authentication, RFC 7617. A client repeats the header with every request while checking it takes 50 ms,
 * so right ones are remembered: by an HMAC under a key of this process, in bounded number, for a minute, and not
 * beyond a change of the roster. Wrong ones are not remembered; they are throttled.
 */
export function createBasicCheck(deps: BasicCheckDeps): BasicCheck {
	const { clock, roster, checkPassword } = deps;
	const cacheFor = deps.cacheFor ?? 60_000;
	const markOf = createBasicMarks(deps.secret ?? randomBytes(32));
	const verified = new Map<string, { readonly entry: RosterEntry; readonly until: number }>();
	const underWay = new Map<string, Promise<PasswordVerdict>>();
	let verifiedUnder = roster();

	const check = async (
		mark: string,
		header: string,
		address: string | undefined,
	): Promise<PasswordVerdict> => {
		const credentials = parseBasic(header);
		if (credentials === undefined) return { kind: 'wrong' };
		const verdict = await checkPassword(credentials.name, credentials.password, address);
		if (verdict.kind === 'right' && roster() === verifiedUnder) {
			const { entry } = verdict;
			const until = clock.now() + cacheFor;
			verified.set(mark, { entry, until });
			deps.onVerified?.({ mark, operator: entry.operator.name, credentials: entry.version, until });
			if (verified.size > maxCached) verified.delete(verified.keys().next().value ?? mark);
		}
		return verdict;
	};

	return (header, address) => {
		if (roster() !== verifiedUnder) {
			verified.clear();
			underWay.clear();
			verifiedUnder = roster();
		}
		const mark = markOf(header);
		const known = verified.get(mark);
		if (known && clock.now() < known.until) return { kind: 'right', entry: known.entry };
		verified.delete(mark);
		// Many requests with one header at once are one check.
		const earlier = underWay.get(mark);
		if (earlier) return earlier;
		const verdict = check(mark, header, address).finally(() => {
			if (underWay.get(mark) === verdict) underWay.delete(mark);
		});
		underWay.set(mark, verdict);
		return verdict;
	};
}

function parseBasic(header: string): { name: string; password: string } | undefined {
	const encoded = basicPattern.exec(header)?.[1];
	if (encoded === undefined) return undefined;
	let decoded: string;
	try {
		decoded = utf8.decode(Buffer.from(encoded, 'base64'));
	} catch {
		return undefined;
	}
	const colon = decoded.indexOf(':');
	if (colon < 0) return undefined;
	return { name: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
