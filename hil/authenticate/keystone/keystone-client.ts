import { Agent, request } from 'undici';
import type { z } from 'zod';
import { type KeystoneAccount, tokenRequest } from './account.ts';
import { type DescribedToken, describedToken, issuedToken } from './token.ts';

/** Bytes of one answer of Keystone. */
const mostBytes = 1024 * 1024;

/** Keystone said no to hil itself. */
export class AccountRefused extends Error {}
/** Nobody answered. */
export class KeystoneAway extends Error {}
/** What answered did not do so as Keystone does. */
class AnswerUnknown extends Error {}

/** The two exchanges with Keystone that there are. Each throws AccountRefused, KeystoneAway or AnswerUnknown. */
export interface KeystoneClient {
	/** A token for hil's own account, good until `expiresAt` (milliseconds since the epoch). */
	logIn(): Promise<{ readonly token: string; readonly expiresAt: number }>;
	/** What a token is, asked with `own`; undefined: nothing, or nothing any more. */
	describe(own: string, token: string): Promise<DescribedToken | undefined>;
	close(): Promise<void>;
}

export interface KeystoneClientOptions {
	/** `https://keystone.example:5000/v3` */
	readonly url: string;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca: string | undefined;
	readonly account: KeystoneAccount;
	/** Milliseconds for one exchange. */
	readonly timeout: number;
}

interface KeystoneAnswer {
	readonly status: number;
	readonly subject: string | undefined;
	readonly body: string;
}

export function createKeystoneClient(options: KeystoneClientOptions): KeystoneClient {
	const { url, ca, account, timeout: longest } = options;
	const agent = new Agent({
		headersTimeout: longest,
		bodyTimeout: longest,
		maxResponseSize: mostBytes,
		connect: { timeout: longest, ...(ca !== undefined && { ca, allowPartialTrustChain: true }) },
	});

	async function exchange(
		method: 'GET' | 'POST',
		headers: Readonly<Record<string, string>>,
		body: object | undefined,
	): Promise<KeystoneAnswer> {
		try {
			const answer = await request(`${url}/auth/tokens?nocatalog=1`, {
				method,
				headers: { accept: 'application/json', ...headers },
				body: body ? JSON.stringify(body) : null,
				dispatcher: agent,
				signal: AbortSignal.timeout(longest),
			});
			const subject = answer.headers['x-subject-token'];
			return {
				status: answer.statusCode,
				subject: typeof subject === 'string' ? subject : undefined,
				body: await answer.body.text(),
			};
		} catch (cause) {
			throw new KeystoneAway(`Keystone at ${url} does not answer`, { cause });
		}
	}

	return {
		async logIn() {
			const { status, subject, body } = await exchange(
				'POST',
				{ 'content-type': 'application/json' },
				tokenRequest(account),
			);
			if ([400, 401, 403, 404].includes(status)) {
				throw new AccountRefused(`Keystone at ${url} does not let hil's own account in (${status})`);
			}
			if (status !== 201 || !subject)
				throw new AnswerUnknown(`Keystone at ${url} answered a log-in ${status}`);
			return { token: subject, expiresAt: parse(issuedToken, body, url).token.expires_at };
		},
		async describe(own, token) {
			const { status, body } = await exchange(
				'GET',
				{ 'x-auth-token': own, 'x-subject-token': token },
				undefined,
			);
			if (status === 404) return undefined;
			if (status === 401 || status === 403) {
				throw new AccountRefused(
					`Keystone at ${url} does not let hil's own account look at tokens (${status})`,
				);
			}
			if (status !== 200) throw new AnswerUnknown(`Keystone at ${url} answered ${status}`);
			return parse(describedToken, body, url);
		},
		close: () => agent.destroy(),
	};
}

function parse<S extends z.ZodType>(schema: S, body: string, url: string): z.output<S> {
	let value: unknown;
	try {
		value = JSON.parse(body);
	} catch {
		throw new AnswerUnknown(`what answers at ${url} is not Keystone: no JSON`);
	}
	const parsed = schema.safeParse(value);
	if (parsed.success) return parsed.data;
	// The places that did not fit, not what stood there.
	const places = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
	throw new AnswerUnknown(`Keystone's answer at ${url} is not understood: ${places}`);
}
