import type { Clock } from '../../common/clock.ts';
import { type Account, passwordFits } from './accounts.ts';
import type { Answer, AnyAnswer } from './answer.ts';
import type { Admission } from './http-server.ts';
import type { ImageReader } from './image-form.ts';
import { header, type RequestHead } from './request-head.ts';
import type { Session, Sessions } from './sessions.ts';

/** Who asks, as the head of a request tells. */
export interface Caller {
	readonly account: Account | undefined;
	readonly session: Session | undefined;
	readonly remoteAddress: string;
	/** Logged in by cookie without the matching X-XSRF-TOKEN: good for reading only. */
	readonly csrfMissing: boolean;
	/** Logged in by cookie: a WebSocket, which can carry no header of the page's, must name the same token. */
	readonly byCookie: boolean;
	/** A password was given and did not fit. */
	readonly wrongPassword: boolean;
	/** Where the body of this request goes, if it is not kept whole. */
	readonly upload?: ImageReader | undefined;
}

export interface Gate {
	admit(head: RequestHead, remoteAddress: string, sessions: Sessions): Admission<Caller>;
	/** The answer for whoever is not logged in, after the delay that a wrong password costs. */
	refuse(caller: Caller, answer: Answer): AnyAnswer | Promise<AnyAnswer>;
}

// bmcweb's limits: 30 MiB of body, 4 KiB before log-in.
const BODY_LIMIT = 30 * 1024 * 1024;
const BODY_LIMIT_LOGGED_OUT = 4096;
const REMEMBERED = 64;

/** Ways to show who one is, as OpenBMC's AccountService names them. */
export type AuthMethod = 'XToken' | 'Cookie' | 'SessionToken' | 'BasicAuth';

/** Tells callers apart: X-Auth-Token, then the session cookie, then `Authorization: Token`, then Basic. */
export function createGate(options: {
	readonly clock: Clock;
	readonly findAccount: (name: string) => Account | undefined;
	readonly failedLoginDelayMs: number;
	/** What is not allowed is not looked at; everything is when absent. */
	readonly allows?: ((method: AuthMethod) => boolean) | undefined;
	/** Bytes of a body of who is logged in; 30 MiB when absent. */
	readonly bodyLimit?: number | undefined;
}): Gate {
	const allows = options.allows ?? (() => true);
	// Basic comes with every request, and hashing a password costs as much as thirty requests: what fitted once
	// is remembered, together with the hash that it fitted.
	const fitted = new Map<string, { name: string; hash: string }>();

	function basic(credentials: string): Account | undefined {
		const known = fitted.get(credentials);
		if (known) {
			const account = options.findAccount(known.name);
			if (account?.enabled && account.hash === known.hash) return account;
			fitted.delete(credentials);
		}
		const clear = Buffer.from(credentials, 'base64').toString('utf8');
		const colon = clear.indexOf(':');
		const account = colon < 0 ? undefined : options.findAccount(clear.slice(0, colon));
		if (!account?.enabled || !passwordFits(account, clear.slice(colon + 1))) return undefined;
		if (fitted.size >= REMEMBERED) fitted.clear();
		fitted.set(credentials, { name: account.name, hash: account.hash });
		return account;
	}

	function identify(head: RequestHead, sessions: Sessions): Omit<Caller, 'remoteAddress'> {
		const nobody = {
			account: undefined,
			session: undefined,
			csrfMissing: false,
			byCookie: false,
			wrongPassword: false,
		};
		const bySession = (token: string, csrf?: { given: string | undefined }) => {
			const session = sessions.use(token);
			const account = session && options.findAccount(session.account);
			if (!session || !account?.enabled) return nobody;
			const csrfMissing = csrf !== undefined && csrf.given !== session.csrf;
			return { ...nobody, account, session, csrfMissing, byCookie: csrf !== undefined };
		};
		const token = allows('XToken') ? header(head, 'x-auth-token') : undefined;
		if (token !== undefined) return bySession(token);
		const cookies = allows('Cookie') ? header(head, 'cookie') : undefined;
		const cookie = /(?:^|;\s*)BMCWEB-SESSION=([^;]*)/.exec(cookies ?? '')?.[1];
		if (cookie !== undefined) {
			const found = bySession(cookie, { given: header(head, 'x-xsrf-token') });
			if (found.account) return found;
		}
		const authorization = header(head, 'authorization') ?? '';
		if (authorization.startsWith('Token ') && allows('SessionToken'))
			return bySession(authorization.slice(6));
		if (!authorization.startsWith('Basic ') || !allows('BasicAuth')) return nobody;
		const account = basic(authorization.slice(6));
		return { ...nobody, account, wrongPassword: account === undefined };
	}

	return {
		admit(head, remoteAddress, sessions) {
			const context = { ...identify(head, sessions), remoteAddress };
			return {
				bodyLimit: context.account ? (options.bodyLimit ?? BODY_LIMIT) : BODY_LIMIT_LOGGED_OUT,
				context,
			};
		},
		refuse(caller, answer) {
			if (!caller.wrongPassword || options.failedLoginDelayMs <= 0) return answer;
			return new Promise(resolve => {
				options.clock.after(options.failedLoginDelayMs, () => resolve(answer));
			});
		},
	};
}
