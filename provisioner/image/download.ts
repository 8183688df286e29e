import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { provisionerErrors } from '../errors.ts';
import { publicLookup, refuseOwnAddress } from './public-addresses.ts';
import { receivedChunks } from './received-chunks.ts';
import type { StagedFiles } from './staged-files.ts';

export interface DownloadDeps {
	readonly staged: StagedFiles;
	/** Hosts of the site's own networks that may be fetched from: `mirror.lab`, or `mirror.lab:8080` for one port alone. */
	readonly allowHosts: readonly string[];
	/** PEM of what is trusted instead of the system's CAs. */
	readonly ca?: string | undefined;
	readonly lookup?: ReturnType<typeof publicLookup> | undefined;
}

/**
 * Fetches what is at a URL into a staged file, from where that ends.
 * @throws SourceRefused; SourceAway when it broke off: the same again goes on; ImageTooLarge, StorageFull
 */
export type Download = (
	url: string,
	id: string,
	options: {
		readonly signal: AbortSignal;
		readonly onBytes: (done: number, total: number | null) => void;
	},
) => Promise<void>;

const mostRedirects = 5;

/** @throws SourceRefused for what is no URL to fetch from: another protocol, or one with a password in it */
export function checkedSource(text: string): URL {
	if (!URL.canParse(text)) throw provisionerErrors.SourceRefused('That is no URL.');
	const url = new URL(text);
	if (url.protocol !== 'https:' && url.protocol !== 'http:')
		throw provisionerErrors.SourceRefused(`${url.protocol} is not fetched from: https: and http: are.`);
	if (url.username !== '' || url.password !== '')
		throw provisionerErrors.SourceRefused('A password in a URL is seen by everybody: give one without.');
	return url;
}

/** What of a URL may be shown: a query can be as good as a password. */
export const shownSource = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

export function createDownload({ staged, allowHosts, ca, lookup = publicLookup() }: DownloadDeps): Download {
	const allowed = new Set(allowHosts.map(host => host.toLowerCase()));
	const tls = ca === undefined ? {} : { ca, allowPartialTrustChain: true };
	const open = buildConnector({ ...tls, timeout: 15_000 });
	const guarded = buildConnector({ ...tls, timeout: 15_000, lookup });

	const connect: buildConnector.connector = (options, tell) => {
		const { hostname, protocol } = options;
		const port = options.port || (protocol === 'https:' ? '443' : '80');
		const host = hostname.toLowerCase();
		if (allowed.has(host) || allowed.has(`${host}:${port}`)) return open(options, tell);
		try {
			// An address is not looked up.
			refuseOwnAddress(host);
		} catch (fault) {
			return tell(fault as Error, null);
		}
		return guarded(options, tell);
	};

	/** Asks for what comes from `at` on, and follows where it is sent. */
	async function ask(
		text: string,
		at: number,
		etag: string | undefined,
		options: { readonly dispatcher: Agent; readonly signal: AbortSignal },
	): Promise<{ readonly answer: Dispatcher.ResponseData; readonly host: string }> {
		let url = checkedSource(text);
		for (let redirects = 0; ; redirects++) {
			const range =
				at === 0 ? {} : { range: `bytes=${at}-`, ...(etag !== undefined && { 'if-range': etag }) };
			const headers = { 'accept-encoding': 'identity', 'user-agent': 'bimetal', ...range };
			const answer = await request(url, { ...options, headers });
			const { location } = answer.headers;
			if (answer.statusCode < 300 || answer.statusCode > 399 || location === undefined)
				return { answer, host: url.host };
			answer.body.on('error', () => undefined).destroy();
			if (redirects === mostRedirects)
				throw provisionerErrors.SourceRefused(`It was sent on more than ${mostRedirects} times.`);
			const next = checkedSource(new URL(String(location), url).href);
			if (url.protocol === 'https:' && next.protocol === 'http:')
				throw provisionerErrors.SourceRefused(`${url.host} sends it on to where nothing is encrypted.`);
			url = next;
		}
	}

	return async (url, id, { signal, onBytes }) => {
		const dispatcher = new Agent({ connect, headersTimeout: 30_000, bodyTimeout: 60_000 });
		let etag: string | undefined;
		try {
			for (;;) {
				const at = (await staged.kept(id)) ?? 0;
				signal.throwIfAborted();
				const { answer, host } = await ask(url, at, etag, { dispatcher, signal });
				const { body } = answer;
				body.on('error', () => undefined);
				const chunks = receivedChunks(body);
				const place = placeOf(answer, at, host);
				if (place === undefined) {
					body.destroy();
					await staged.empty(id);
					continue;
				}
				if (place.isWhole) return void body.destroy();
				if (place.at !== at) await staged.empty(id);
				const { total } = place;
				if (total !== null && total > staged.largest)
					throw provisionerErrors.ImageTooLarge(
						`It is of ${total} bytes; this site takes ${staged.largest}.`,
					);
				if (total !== null && total - place.at > (await staged.free()))
					throw provisionerErrors.StorageFull(`There is no room for ${total} bytes.`);
				etag = strongTag(answer) ?? etag;
				const end = Math.min(total ?? Number.POSITIVE_INFINITY, staged.largest);
				const telling = { signal, onBytes: (size: number) => onBytes(size, total) };
				const { size, broke } = await staged.append(id, chunks, { at: place.at, end }, telling);
				signal.throwIfAborted();
				if (broke === null && (total === null || size === total)) return;
				// Where it gets on at all, it is gone on with at once.
				if (size > place.at) continue;
				throw provisionerErrors.SourceAway(`${host} broke off after ${size} bytes.`, { cause: broke });
			}
		} catch (fault) {
			signal.throwIfAborted();
			throw explained(fault, url);
		} finally {
			await dispatcher.destroy();
		}
	};
}

interface Place {
	/** The first byte that comes. */
	readonly at: number;
	readonly total: number | null;
	/** Nothing comes: all of it is here. */
	readonly isWhole: boolean;
}

/** Where in the file an answer's body goes (RFC 9110 sections 14.4, 15.3.7 and 15.5.17); undefined: what is here is not of it. */
function placeOf(
	{ statusCode, headers }: Dispatcher.ResponseData,
	asked: number,
	host: string,
): Place | undefined {
	const coding = headers['content-encoding'];
	if (coding !== undefined && coding !== 'identity')
		throw provisionerErrors.SourceRefused(`${host} gives it coded (${String(coding)}).`);
	const [, from, size] =
		/^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(String(headers['content-range'] ?? '')) ?? [];
	const total = size === undefined || size === '*' ? null : Number(size);
	if (statusCode === 206 && Number(from) === asked) return { at: asked, total, isWhole: false };
	if (statusCode === 416 && asked > 0)
		return total === asked ? { at: asked, total, isWhole: true } : undefined;
	if (statusCode === 200) {
		const length = headers['content-length'];
		return { at: 0, total: length === undefined ? null : Number(length), isWhole: false };
	}
	const said = `${host} answers ${statusCode}`;
	const isPassing = statusCode >= 500 || statusCode === 429 || statusCode === 408;
	throw isPassing
		? provisionerErrors.SourceAway(`${said}.`)
		: provisionerErrors.SourceRefused(`${said}: see that the URL is right.`);
}

const strongTag = ({ headers: { etag } }: Dispatcher.ResponseData): string | undefined =>
	typeof etag === 'string' && /^"[^"]*"$/.test(etag) ? etag : undefined;

/** A fault with the host that it came from, and nothing else of the URL. */
function explained(fault: unknown, url: string): unknown {
	if (fault instanceof BimetalError) return fault;
	const {
		code = '',
		message = String(fault),
		cause,
	} = fault as { code?: string; message?: string; cause?: unknown };
	if (cause instanceof BimetalError) return cause;
	const host = URL.canParse(url) ? new URL(url).host : 'the server';
	return provisionerErrors.SourceAway(`${host} does not answer: ${code || message}.`, { cause: fault });
}
