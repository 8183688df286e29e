import { createJsonClient, type JsonClient } from '../../common/http/json-client.ts';

/** What a caller shows: that of hil, whose users these are. */
export type MarketCredential =
	| { readonly username: string; readonly password: string }
	/** A token of Keystone's. */
	| { readonly token: string };

export type MarketClientOptions = MarketCredential & {
	/** The market's origin: `https://market.example:5003`. */
	readonly url: string;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca?: string | undefined;
	/** Milliseconds without a sign of life; 60,000 when absent. */
	readonly timeout?: number | undefined;
	/** Ends every call under way when it is aborted. */
	readonly signal?: AbortSignal | undefined;
};

/** How the client makes its calls: over the network, or in a simulation without one. */
export type MarketTransport = Pick<JsonClient, 'call' | 'close'>;

export const createTransport = ({
	url,
	ca,
	timeout,
	signal,
	...credential
}: MarketClientOptions): MarketTransport =>
	createJsonClient('Market', { url, ca, timeout, signal, credential });
