import { randomBytes } from 'node:crypto';
import { hashPassword, verifyPassword } from '../../common/identity/passwords.ts';
import type { Lockouts } from './lockouts.ts';
import type { Roster, RosterEntry } from './roster.ts';
import { networkOf } from './throttle.ts';

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
	readonly lockouts: Lockouts;
	readonly roster: () => Roster;
	/** Checks under way at a time, each with 16 MiB and a thread of libuv's four; 2. */
	readonly concurrency?: number;
	/** Checks that may wait for their turn, a quarter of them from one address; 32. */
	readonly queue?: number;
}

/**
 * Checks passwords without telling an unknown operator from a wrong password, by answer or by time, and
 * without letting guesses take the machine over. Who has to wait, `lockouts` says.
 */
export function createPasswordCheck(deps: PasswordCheckDeps): PasswordCheck {
	const { lockouts, roster } = deps;
	const takeTurn = createTurns(deps.concurrency ?? 2, deps.queue ?? 32);
	const decoy = hashPassword(randomBytes(32).toString('hex'));

	return async (name, password, address) => {
		const from = networkOf(address);
		// Counted before the check, so that guesses sent at once count as well.
		const retryAfter = lockouts.attempt(name, from);
		if (retryAfter > 0) return { kind: 'throttled', retryAfter };

		const hash = roster().find(name)?.password;
		const right = await takeTurn(
			from,
			async () => (await verifyPassword(password, hash ?? (await decoy))) && hash !== undefined,
		);
		if (right === undefined) {
			lockouts.forgive(name, from);
			return { kind: 'busy' };
		}
		// The roster may have changed meanwhile: what was verified must still be what it says.
		const entry = roster().find(name);
		if (!right || entry?.password !== hash || entry === undefined) {
			lockouts.failed(name, from);
			return { kind: 'wrong' };
		}
		lockouts.succeeded(name, from);
		return { kind: 'right', entry };
	};
}

/**
 * Runs work, `concurrency` at a time; undefined when `queue` more are waiting, or a quarter as many from one address:
 * a flood of log-ins from there leaves room for others.
 */
function createTurns(concurrency: number, queue: number) {
	const queueEach = Math.max(1, Math.ceil(queue / 4));
	let running = 0;
	const waiting: { readonly from: string; go(): void }[] = [];
	return async <T>(from: string, work: () => Promise<T>): Promise<T | undefined> => {
		if (running >= concurrency) {
			const own = waiting.filter(each => each.from === from).length;
			if (waiting.length >= queue || own >= queueEach) return undefined;
			// Whoever ends hands its turn over, so `running` stays as it is.
			await new Promise<void>(resolve => waiting.push({ from, go: resolve }));
		} else running++;
		try {
			return await work();
		} finally {
			const next = waiting.shift();
			if (next) next.go();
			else running--;
		}
	};
}
