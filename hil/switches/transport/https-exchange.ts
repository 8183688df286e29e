import type { IncomingHttpHeaders } from 'node:http';
import type { Agent, Dispatcher } from 'undici';

export interface HttpsCall {
	readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
	readonly path: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string | undefined;
	/** It can change the switch: once it was sent, nothing else is sent before its answer is here. */
	readonly isChange: boolean;
}

export interface HttpsAnswer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly body: string;
}

export interface Exchange {
	/** Rejects with what undici throws, or with the reason of what ended it. */
	readonly answer: Promise<HttpsAnswer>;
	/** Something of it may have reached the switch. */
	wasSent(): boolean;
	/** Ends it, sent or not. */
	abort(reason: Error): void;
}

/** Sends one request and collects its answer, whose size the agent bounds. */
export function exchange(agent: Agent, origin: string, call: HttpsCall): Exchange {
	let controller: Dispatcher.DispatchController | undefined;
	let ended: Error | undefined;
	const answer = new Promise<HttpsAnswer>((resolve, reject) => {
		let status = 0;
		let headers: IncomingHttpHeaders = {};
		const chunks: Buffer[] = [];
		agent.dispatch(
			{
				origin,
				method: call.method,
				path: call.path,
				headers: { ...call.headers },
				body: call.body ?? null,
			},
			{
				onRequestStart(started) {
					controller = started;
					if (ended) started.abort(ended);
				},
				onResponseStart(_controller, statusCode, responseHeaders) {
					status = statusCode;
					headers = responseHeaders;
				},
				onResponseData(_controller, chunk) {
					chunks.push(chunk);
				},
				onResponseEnd() {
					resolve({ status, headers, body: Buffer.concat(chunks).toString('utf8') });
				},
				onResponseError(_controller, fault) {
					reject(ended ?? fault);
				},
			},
		);
	});
	return {
		answer,
		wasSent: () => controller !== undefined,
		abort(reason) {
			ended ??= reason;
			controller?.abort(reason);
		},
	};
}
