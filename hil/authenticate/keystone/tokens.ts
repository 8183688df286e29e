import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { hilErrors } from '../../errors.ts';
import { createTurns } from '../turns.ts';
import { AccountRefused, KeystoneAway, type KeystoneClient } from './keystone-client.ts';
import type { DescribedToken } from './token.ts';

export interface TokensDeps {
	readonly client: KeystoneClient;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Milliseconds for which Keystone's word on a token is taken without asking again. */
	readonly remember: number;
}

/** Questions to Keystone at a time, and how many more may wait. */
const questions = { running: 8, waiting: 64 };
const mostRemembered = 10_000;
/** hil's own token is renewed so long before its end, in milliseconds. */
const margin = 60_000;
/** Milliseconds without a question after one that was not answered, and after one that was refused: Keystone locks accounts. */
const rest = { away: 1000, refused: 15_000 };

/** What Keystone says of tokens. */
export interface Tokens {
	/** Undefined: no token of this Keystone, or no longer. Throws AuthenticatorAway or TooBusyError. */
	describe(token: string): Promise<DescribedToken | undefined>;
}

/**
 * Asks Keystone, by hil's own account, and remembers what holds for a short while: by a keyed digest, since a token is
 * as good as a password. A token that is revoked meanwhile is let in until that while is over, counted from before the
 * question; one that has expired is not, whatever is remembered.
 */
export function createTokens({ client, clock, logger, remember }: TokensDeps): Tokens {
	const key = randomBytes(32);
	const known = new Map<string, { readonly described: DescribedToken; readonly until: number }>();
	const asking = new Map<string, Promise<DescribedToken | undefined>>();
	const takeTurn = createTurns(questions);
	let own: Promise<{ readonly token: string; readonly expiresAt: number }> | undefined;
	let resting = { until: 0, why: '' };

	const digestOf = (token: string): string => createHmac('sha256', key).update(token).digest('base64');

	function logIn(): NonNullable<typeof own> {
		const begun = client.logIn();
		own = begun;
		begun.catch(() => {
			if (own === begun) own = undefined;
		});
		return begun;
	}

	/** hil's own token, but for one that turned out to be `useless`. One log-in serves all who wait for it. */
	async function ownToken(useless?: string): Promise<string> {
		const seen = own ?? logIn();
		const { token, expiresAt } = await seen;
		if (token !== useless && expiresAt - margin > clock.now()) return token;
		return (await (own === undefined || own === seen ? logIn() : own)).token;
	}

	async function ask(token: string): Promise<DescribedToken | undefined> {
		const used = await ownToken();
		try {
			return await client.describe(used, token);
		} catch (fault) {
			if (!(fault instanceof AccountRefused)) throw fault;
			// hil's own token may have been revoked before its time.
			return await client.describe(await ownToken(used), token);
		}
	}

	async function askUnlessAway(token: string): Promise<DescribedToken | undefined> {
		const left = resting.until - clock.elapsed();
		if (left > 0) throw away(resting.why, left);
		try {
			return await ask(token);
		} catch (cause) {
			const isRefused = cause instanceof AccountRefused;
			const why = isRefused
				? 'Keystone does not let hil ask about tokens: an administrator must see to its account there.'
				: 'Keystone does not answer as it should: nobody can be let in by a token now. Try again later.';
			logger.warn({ err: cause }, 'Keystone could not be asked');
			// An answer that only this token gets keeps no others out.
			const pause = isRefused ? rest.refused : cause instanceof KeystoneAway ? rest.away : 0;
			const until = clock.elapsed() + pause;
			if (until > resting.until) resting = { until, why };
			throw away(why, Math.max(pause, rest.away), cause);
		}
	}

	async function learn(digest: string, token: string): Promise<DescribedToken | undefined> {
		const asked = clock.elapsed();
		const described = await takeTurn(() => askUnlessAway(token));
		known.delete(digest);
		if (described) known.set(digest, { described, until: asked + remember });
		for (const oldest of known.keys()) {
			if (known.size <= mostRemembered) break;
			known.delete(oldest);
		}
		return described;
	}

	return {
		async describe(token) {
			const digest = digestOf(token);
			const found = known.get(digest);
			if (found && found.until > clock.elapsed()) return found.described;
			known.delete(digest);
			const earlier = asking.get(digest);
			if (earlier) return earlier;
			const answer = learn(digest, token).finally(() => asking.delete(digest));
			asking.set(digest, answer);
			return answer;
		},
	};
}

const away = (why: string, milliseconds: number, cause?: unknown) =>
	hilErrors.AuthenticatorAway(why, { cause, retryAfterSeconds: Math.ceil(milliseconds / 1000) });
