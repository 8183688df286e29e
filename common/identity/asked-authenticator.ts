import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';

/** What a request brings to prove who asks: shown to hil, which knows. */
export interface Credentials {
	/** The Authorization header. */
	readonly authorization?: string | undefined;
	/** The X-Auth-Token header: a token of Keystone's. */
	readonly token?: string | undefined;
}

export interface AuthenticatorDeps<Actor> {
	/** Who the one that knows (hil) says it is; undefined when it does not know. Throws when it cannot be asked. */
	readonly ask: (credentials: Credentials) => Promise<Actor | undefined>;
	readonly clock: Clock;
}

export interface Authenticator<Actor> {
	/** Undefined: not proven. Throws what `ask` throws. */
	authenticate(credentials: Credentials): Promise<Actor | undefined>;
}

/** Milliseconds for which hil's answer stands: rights that were taken are gone at the latest then. */
const remember = 30_000;
const mostRemembered = 1000;

/**
 * Asks another service, hil, who is asking: users, passwords and projects are hil's. A good answer is remembered for half a minute under a
 * keyed digest of the credential; a bad one is not. Calls that come together ask once.
 */
export function createAuthenticator<Actor>({ ask, clock }: AuthenticatorDeps<Actor>): Authenticator<Actor> {
	const key = randomBytes(32);
	const known = new Map<string, { readonly actor: Actor; readonly until: number }>();
	const asking = new Map<string, Promise<Actor | undefined>>();

	async function askAndRemember(digest: string, credentials: Credentials): Promise<Actor | undefined> {
		const actor = await ask(credentials);
		known.delete(digest);
		if (!actor) return undefined;
		known.set(digest, { actor, until: clock.elapsed() + remember });
		for (const oldest of known.keys()) {
			if (known.size <= mostRemembered) break;
			known.delete(oldest);
		}
		return actor;
	}

	return {
		async authenticate(credentials) {
			const digest = createHmac('sha256', key)
				.update(JSON.stringify([credentials.authorization, credentials.token]))
				.digest('base64');
			const found = known.get(digest);
			if (found && found.until > clock.elapsed()) return found.actor;
			const under = asking.get(digest);
			if (under) return under;
			const answer = askAndRemember(digest, credentials).finally(() => asking.delete(digest));
			asking.set(digest, answer);
			return answer;
		},
	};
}
