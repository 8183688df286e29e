import { Agent, buildConnector } from 'undici';
import { z } from 'zod';
import { type Clock, systemClock } from '../../../common/clock.ts';
import type { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { hilErrors } from '../../errors.ts';
import type { SwitchTrust } from '../driver.ts';
import { type Exchange, exchange, type HttpsAnswer, type HttpsCall } from './https-exchange.ts';
import { awayFrom } from './https-fault.ts';

/** `HOST`, `HOST:PORT` or `https://HOST:PORT`; never plain HTTP, which would carry the password. */
const httpsHost = z.string().refine(text => originOf(text) !== undefined, {
	message: 'expected HOST, HOST:PORT or https://HOST:PORT',
});

/** Settings of every switch that is spoken to over HTTPS, by HIL's names. */
export const httpsSettings = {
	hostname: httpsHost,
	username: z.string().regex(/^[^:]+$/, 'expected a name without a colon'),
	password: z.string().min(1),
};

export interface HttpsAccount {
	/** `HOST`, `HOST:PORT` or `https://HOST:PORT`. */
	readonly hostname: string;
	readonly username: string;
	readonly password: string;
	/** Bytes that an answer may have. */
	readonly largestAnswer: number;
}

/** One switch over HTTPS. */
export interface HttpsSwitch {
	/**
	 * Sends a request, with the account in its headers, and collects the answer, of whatever status but 401 and 403.
	 * @throws SwitchAway, SwitchRefused (the account is not let in), or the signal's reason
	 */
	ask(call: HttpsCall, signal: AbortSignal): Promise<HttpsAnswer>;
	/** SwitchRefused with the switch's own words, made short and without what nobody may read. */
	refusal(what: string, words: string): BimetalError;
	/** SwitchAway in the switch's words: it says that it has no time now. */
	busy(what: string, words: string): BimetalError;
	/** SwitchAway: what it answered is not what such a switch answers, and nobody knows what it did. */
	nonsense(what: string): BimetalError;
	/** Ends the connection; what the switch has not answered yet goes on being waited for. */
	close(): Promise<void>;
}

/** The way to every switch that is spoken to over HTTPS. */
export interface Https {
	open(account: HttpsAccount): HttpsSwitch;
}

/** How long the answer to a change is waited for after it was given up, in ms. */
const patience = 120_000;

export interface HttpsOptions {
	readonly clock?: Clock;
	/** Milliseconds that a switch has to end a change whose connection broke, before anything else is sent to it. */
	readonly quiet?: number;
}

/**
 * Certificates are verified, always: against `trust.ca`, or what Node.js comes with where that is absent.
 *
 * A switch may still do what was given up, and what it was sent before a connection broke; it works on requests of
 * several connections at once. Whoever looked at a port meanwhile, or changed it back, could be overtaken: so nothing
 * is sent before the answer is there, or the switch had time.
 */
export function createHttps(trust: SwitchTrust, options: HttpsOptions = {}): Https {
	/** By origin, when it has ended a change without a known end. Outlives the connection of its worker. */
	const unsettled = new Map<string, Promise<void>>();
	return {
		open(account) {
			const origin = originOf(account.hostname);
			if (origin === undefined) throw new TypeError(`${account.hostname} is no host`);
			return openSwitch(origin, account, trust, unsettled, options);
		},
	};
}

function openSwitch(
	origin: string,
	{ username, password, largestAnswer }: HttpsAccount,
	{ ca }: SwitchTrust,
	unsettled: Map<string, Promise<void>>,
	{ clock = systemClock, quiet = 5_000 }: HttpsOptions,
): HttpsSwitch {
	const token = Buffer.from(`${username}:${password}`).toString('base64');
	const dial = buildConnector({ ...(ca && { ca, allowPartialTrustChain: true }), minVersion: 'TLSv1.2' });
	let unref = (): void => undefined;
	const agent = new Agent({
		connections: 1,
		pipelining: 1,
		maxResponseSize: largestAnswer,
		headersTimeout: patience,
		bodyTimeout: patience,
		connect: (options, callback) =>
			dial(options, (...[fault, socket]) => {
				if (fault) return callback(fault, null);
				unref = () => socket.unref();
				callback(null, socket);
			}),
	});

	/** Lets nothing pass before that. */
	function holdUntil(end: Promise<void>): void {
		const over = end.then(() => {
			if (unsettled.get(origin) === over) unsettled.delete(origin);
		});
		unsettled.set(origin, over);
	}
	async function answerOf(sent: Exchange, reason: Error): Promise<void> {
		const cancel = clock.after(patience, () => sent.abort(reason));
		await sent.answer.catch(() => undefined);
		cancel();
	}
	const someTime = () =>
		new Promise<void>(resolve => {
			clock.after(quiet, resolve);
		});

	async function ask(call: HttpsCall, signal: AbortSignal): Promise<HttpsAnswer> {
		signal.throwIfAborted();
		const earlier = unsettled.get(origin);
		if (earlier) await orAborted(earlier, signal);
		const headers = { ...call.headers, authorization: `Basic ${token}` };
		const sent = exchange(agent, origin, { ...call, headers });
		const answer = await orAborted(sent.answer, signal).catch(fault => {
			const isOpen = call.isChange && sent.wasSent();
			if (!signal.aborted) {
				if (isOpen) holdUntil(someTime());
				throw awayFrom(origin, fault);
			}
			const reason = signal.reason instanceof Error ? signal.reason : new Error('given up');
			if (isOpen) holdUntil(answerOf(sent, reason));
			else sent.abort(reason);
			throw reason;
		});
		if (answer.status === 401 || answer.status === 403) {
			throw hilErrors.SwitchRefused(
				`the switch does not let ${username} in (${answer.status}): register it with an account that may change ports`,
			);
		}
		return answer;
	}

	return {
		ask,
		refusal: (what, words) => hilErrors.SwitchRefused(`${what}: ${speakable(words, [password, token])}`),
		busy: (what, words) => hilErrors.SwitchAway(`${what}: ${speakable(words, [password, token])}`),
		nonsense: what => hilErrors.SwitchAway(`what the switch answered cannot be understood: ${what}`),
		async close() {
			const pending = unsettled.get(origin);
			if (!pending) return agent.destroy();
			unref();
			void pending.then(() => agent.destroy());
		},
	};
}

/** The promise, or the reason of the signal when that comes first. */
async function orAborted<R>(promise: Promise<R>, signal: AbortSignal): Promise<R> {
	signal.throwIfAborted();
	let onAbort = (): void => undefined;
	const aborted = new Promise<never>((_, reject) => {
		onAbort = () => reject(signal.reason);
		signal.addEventListener('abort', onAbort, { once: true });
	});
	try {
		return await Promise.race([promise, aborted]);
	} finally {
		signal.removeEventListener('abort', onAbort);
	}
}

function originOf(text: string): string | undefined {
	const given = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
	const url = URL.canParse(given) ? new URL(given) : undefined;
	const isPlain =
		url?.protocol === 'https:' &&
		url.pathname === '/' &&
		!url.username &&
		!url.password &&
		!url.search &&
		!url.hash;
	return isPlain ? url.origin : undefined;
}

const longestWords = 400;

/** One line of what a switch said. */
function speakable(words: string, secrets: readonly string[]): string {
	const shown = secrets.filter(Boolean).reduce((text, secret) => text.replaceAll(secret, '…'), words);
	const line = shown.replace(/[\p{Cc}\s]+/gu, ' ').trim();
	return line.slice(0, longestWords) || 'no reason given';
}
