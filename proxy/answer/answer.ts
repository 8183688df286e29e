/** An answer of the proxy, ready to be written: to a client at once, or kept for a TaskMonitor. */
export interface Answer {
	readonly status: number;
	/** Lower-case names. Content-Length is not among them: it is worked out from the body. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Uint8Array | undefined;
}

export function jsonAnswer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
	return {
		status,
		headers: { 'content-type': 'application/json', 'odata-version': '4.0', ...headers },
		body: Buffer.from(`${JSON.stringify(body, null, 2)}\n`),
	};
}
