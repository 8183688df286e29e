import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { hashPassword, verifyPassword } from '../../common/identity/passwords.ts';
import type { Store } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import type { User } from '../model/project.ts';
import type { Authenticator } from './authenticator.ts';
import { isBasic, parseBasic } from './basic.ts';
import { createGuesses } from './guesses.ts';
import { createTurns, tooBusy } from './turns.ts';
import { actorOf, findUser } from './user.ts';

export interface DatabaseDeps {
	readonly store: Store;
	readonly clock: Clock;
}

/** Checks at a time, each with 16 MiB and a thread, and how many more may wait. */
const checks = { running: 2, waiting: 64 };
/** Milliseconds for which a password that was right is not checked by scrypt again. */
const remember = 5 * 60_000;
const mostRemembered = 1000;

/**
 * Users with passwords in the store, by HTTP Basic. The user's record is read for each request: rights that were taken
 * are gone at once. A password that was right is remembered for a while, as a keyed digest and only for as long as the
 * user's hash stays the same: HIL's clients send it with every call, and scrypt costs 50 ms.
 */
export function createDatabaseAuthenticator({ store, clock }: DatabaseDeps): Authenticator {
	const guesses = createGuesses(clock);
	const key = randomBytes(32);
	const known = new Map<string, { readonly hash: string; readonly until: number }>();
	const decoy = hashPassword(randomBytes(32).toString('hex'));
	const takeTurn = createTurns(checks);

	const digestOf = (name: string, password: string): string =>
		createHmac('sha256', key)
			.update(JSON.stringify([name, password]))
			.digest('base64');

	const isKnown = (digest: string, user: User | undefined): boolean => {
		const found = known.get(digest);
		return found !== undefined && found.hash === user?.password && found.until > clock.elapsed();
	};

	async function isRight(digest: string, password: string, user: User | undefined): Promise<boolean> {
		const right = await takeTurn(async () => verifyPassword(password, user?.password ?? (await decoy)));
		if (!right || !user) return false;
		known.set(digest, { hash: user.password, until: clock.elapsed() + remember });
		for (const oldest of known.keys()) {
			if (known.size <= mostRemembered) break;
			known.delete(oldest);
		}
		return true;
	}

	return {
		extension: 'hil.ext.auth.database',
		asksFor: 'a user name and a password',
		scheme: ['basic', { type: 'http', scheme: 'basic' }],
		challenge: 'Basic realm="hil", charset="UTF-8"',
		isFor: ({ authorization }) => isBasic(authorization),
		async authenticate({ authorization, address = '' }) {
			const basic = parseBasic(authorization);
			if (!basic) throw wrong();
			const { name, password } = basic;
			const read = () => findUser(store, name);
			const before = await read();
			const digest = digestOf(name, password);
			// Whoever is known to know it is not kept out by the guesses of others.
			if (before && isKnown(digest, before)) return actorOf(before);
			const wait = guesses.wait(name, address);
			if (wait > 0) throw tooBusy('Too many wrong passwords.', wait);
			const right = await isRight(digest, password, before);
			// What was verified must still be what is recorded.
			const user = right ? await read() : undefined;
			if (!user || user.password !== before?.password) {
				guesses.failed(name, address);
				throw wrong();
			}
			guesses.succeeded(name, address);
			return actorOf(user);
		},
	};
}

/** The same for whoever does not exist. */
const wrong = () => hilErrors.AuthorizationError('The user name or the password is wrong.');
