import { randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { hashPassword, verifyPassword } from '../../common/identity/passwords.ts';
import type { Roster, RosterEntry } from './roster.ts';
import { createThrottle, networkOf } from './throttle.ts';

export type PasswordVerdict =
	| { readonly kind: 'right'; readonly entry: RosterEntry }
	| { readonly kind: 'wrong' }
	/** Not looked at: too many failures. The same whether or not there is such an operator. */
	| { readonly kind: 'throttled'; readonly retryAfter: number }
	/** Not looked at: too many checks are waiting already. */
	| { readonly kind: 'busy' };

/** Milliseconds in `retryAfter`. Address as node:net gives it. */
export type PasswordCheck = (
	name: string,
	password: string,
	address: string | undefined,
) => Promise<PasswordVerdict>;

export interface PasswordCheckDeps {
	readonly clock: Clock;
	readonly roster: () => Roster;
	/** Checks under way at a time, each with 16 MiB and a thread of libuv's four; 2. */
	readonly concurrency?: number;
	/** Checks that may wait for their turn; 32. */
	readonly queue?: number;
}

/**
 * Checks passwords without telling an unknown operator from a wrong password, by answer or by time, and
 * without letting guesses take the machine over.
 *
 * Failures count for the operator at an address (5 free, then waits up to 15 minutes), for the address (20
 * free, up to 5 minutes) and for the operator from anywhere (50 free, up to 1 minute only, since anyone can
 * cause them: they slow a spread guess down and never lock its victim out for long).
 */
export function createPasswordCheck(deps: PasswordCheckDeps): PasswordCheck {
	const { clock, roster } = deps;
	const minute = 60_000;
	const pairs = createThrottle(clock, { free: 5, delay: 1000, maxDelay: 15 * minute });
	const addresses = createThrottle(clock, { free: 20, delay: 1000, maxDelay: 5 * minute });
	const accounts = createThrottle(clock, { free: 50, delay: 1000, maxDelay: minute });
	const takeTurn = createTurns(deps.concurrency ?? 2, deps.queue ?? 32);
	const decoy = hashPassword(randomBytes(32).toString('hex'));

	return async (name, password, address) => {
		const from = networkOf(address);
		const pair = `${from} ${name}`;
		const retryAfter = Math.max(pairs.wait(pair), addresses.wait(from), accounts.wait(name));
		if (retryAfter > 0) return { kind: 'throttled', retryAfter };
		// Counted before the check, so that guesses sent at once count as well.
		pairs.attempt(pair);
		addresses.attempt(from);
		accounts.attempt(name);

		const hash = roster().find(name)?.password;
		const right = await takeTurn(
			async () => (await verifyPassword(password, hash ?? (await decoy))) && hash !== undefined,
		);
		if (right === undefined) {
			for (const [throttle, key] of [
				[pairs, pair],
				[addresses, from],
				[accounts, name],
			] as const)
				throttle.forgive(key);
			return { kind: 'busy' };
		}
		// The roster may have changed meanwhile: what was verified must still be what it says.
		const entry = roster().find(name);
		if (!right || entry?.password !== hash || entry === undefined) return { kind: 'wrong' };
		pairs.clear(pair);
		accounts.clear(name);
		// Only this attempt: who owns one account must not wipe out the guesses at others.
		addresses.forgive(from);
		return { kind: 'right', entry };
	};
}

/** Runs work, `concurrency` at a time; undefined when `queue` more are waiting. */
function createTurns(concurrency: number, queue: number) {
	let running = 0;
	const waiting: (() => void)[] = [];
	return async <T>(work: () => Promise<T>): Promise<T | undefined> => {
		if (running >= concurrency) {
			if (waiting.length >= queue) return undefined;
			// Whoever ends hands its turn over, so `running` stays as it is.
			await new Promise<void>(resolve => waiting.push(resolve));
		} else running++;
		try {
			return await work();
		} finally {
			const next = waiting.shift();
			if (next) next();
			else running--;
		}
	};
}
