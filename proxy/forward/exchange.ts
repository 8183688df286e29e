import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import { bmcGarbage, classifyFault } from './bmc-fault.ts';

/** One request to a BMC, credential included. */
export interface Exchange {
	readonly method: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Uint8Array | undefined;
}

export interface BmcAnswer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly body: Buffer;
}

type Controller = Dispatcher.DispatchController;

function options(exchange: Exchange): Dispatcher.DispatchOptions {
	return {
		method: exchange.method as Dispatcher.HttpMethod,
		path: exchange.path,
		headers: exchange.headers as Record<string, string>,
		body: exchange.body ?? null,
	};
}

/** Sends and keeps the whole answer, up to `limits.answer` bytes. */
export function collectAnswer(
	pool: Pool,
	bmc: string,
	limits: { readonly timeout: number; readonly answer: number },
	exchange: Exchange,
): Promise<BmcAnswer> {
	return new Promise((resolve, reject) => {
		let started = false;
		let status = 0;
		let headers: IncomingHttpHeaders = {};
		let size = 0;
		const chunks: Buffer[] = [];
		pool.dispatch(
			{ ...options(exchange), headersTimeout: limits.timeout, bodyTimeout: limits.timeout },
			{
				onRequestStart() {
					started = true;
				},
				onResponseStart(_controller: Controller, statusCode: number, responseHeaders: IncomingHttpHeaders) {
					if (statusCode < 200) return; // interim answers carry nothing for us
					status = statusCode;
					headers = responseHeaders;
				},
				onResponseData(controller: Controller, chunk: Buffer) {
					size += chunk.length;
					if (size > limits.answer) controller.abort(bmcGarbage(bmc, `more than ${limits.answer} bytes`));
					else chunks.push(chunk);
				},
				onResponseEnd() {
					resolve({
						status,
						headers,
						body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
					});
				},
				onResponseError(_controller: Controller, fault: Error) {
					reject(classifyFault(bmc, fault, started));
				},
			},
		);
	});
}

/**
 * Sends and passes the answer on as it comes, with backpressure both ways. An answer that comes in one piece,
 * as most do, is written in one piece, and nothing is written before that piece is whole: a BMC that breaks
 * off early still becomes a 502. A 401 is held back, for the caller to log in and try again.
 */
export function passAnswer(
	pool: Pool,
	bmc: string,
	exchange: Exchange,
	to: ServerResponse,
	headersFor: (headers: IncomingHttpHeaders) => Record<string, string>,
): Promise<{ status: number }> {
	return new Promise((resolve, reject) => {
		let started = false;
		let status = 0;
		let headers: IncomingHttpHeaders = {};
		let held: Buffer | undefined;
		let flowing = false;
		let controller: Controller | undefined;
		const onClose = () => controller?.abort(new Error('the client went away'));
		const onDrain = () => controller?.resume();
		const settle = () => {
			if (!flowing) return;
			to.off('close', onClose);
			to.off('drain', onDrain);
		};
		pool.dispatch(options(exchange), {
			onRequestStart(requestController: Controller) {
				started = true;
				controller = requestController;
				if (to.destroyed) onClose();
			},
			onResponseStart(_controller: Controller, statusCode: number, responseHeaders: IncomingHttpHeaders) {
				if (statusCode < 200) return; // interim answers carry nothing for us
				status = statusCode;
				headers = responseHeaders;
			},
			onResponseData(responseController: Controller, chunk: Buffer) {
				if (status === 401) return;
				if (!flowing && !held) {
					held = chunk;
					return;
				}
				if (!flowing) {
					// A client that goes away before this costs the BMC one answer; from here on it could be a long one.
					if (to.destroyed) return onClose();
					flowing = true;
					to.writeHead(status, headersFor(headers));
					to.on('close', onClose);
					to.on('drain', onDrain);
					to.write(held);
				}
				if (!to.write(chunk)) responseController.pause();
			},
			onResponseEnd() {
				settle();
				if (status !== 401) {
					if (!flowing) to.writeHead(status, headersFor(headers));
					to.end(flowing ? undefined : held);
				}
				resolve({ status });
			},
			onResponseError(_controller: Controller, fault: Error) {
				settle();
				if (!flowing) return reject(classifyFault(bmc, fault, started));
				// The status is out: cutting the connection is the only way left to say that the answer is not whole.
				to.destroy();
				resolve({ status });
			},
		});
	});
}

/** Passes on an answer that was kept whole. */
export function passWhole(
	{ status, headers, body }: BmcAnswer,
	to: ServerResponse,
	headersFor: (headers: IncomingHttpHeaders) => Record<string, string>,
): number {
	to.writeHead(status, { ...headersFor(headers), ...(hasBody(status) && { 'content-length': body.length }) });
	to.end(body);
	return status;
}

const hasBody = (status: number): boolean => status !== 204 && status !== 304;

/** What comes of a stream once its head is there: bytes as they come, then its end, once. */
export interface StreamSink {
	onData(chunk: Uint8Array): void;
	/** `fault` is absent when the BMC ended it, and when `close` was called. */
	onEnd(fault?: Error): void;
}

export interface OpenStream {
	readonly status: number;
	close(): void;
}

/**
 * Sends a GET whose answer goes on for as long as both stay, and resolves once its head has come. Any answer but an
 * event stream ends there: nothing of it reaches `sink`, not even the end.
 */
export function streamAnswer(
	pool: Pool,
	bmc: string,
	limits: { readonly timeout: number },
	exchange: Exchange,
	sink: StreamSink,
): Promise<OpenStream> {
	return new Promise((resolve, reject) => {
		let started = false;
		let isOpen = false;
		let isOver = false;
		const finish = (fault?: Error): void => {
			if (isOver) return;
			isOver = true;
			if (isOpen) sink.onEnd(fault);
		};
		pool.dispatch(
			// Between two events hours may pass: a dead connection is found by TCP's own keep-alive.
			{ ...options(exchange), headersTimeout: limits.timeout, bodyTimeout: 0 },
			{
				onRequestStart() {
					started = true;
				},
				onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders) {
					if (status < 200) return;
					isOpen = status === 200 && headers['content-type']?.split(';')[0]?.trim() === 'text/event-stream';
					const close = () => {
						finish();
						controller.abort(new Error('the stream is not needed any more'));
					};
					if (!isOpen) close();
					if (status === 200 && !isOpen) reject(bmcGarbage(bmc, 'no event stream'));
					else resolve({ status, close });
				},
				onResponseData(_controller: Controller, chunk: Buffer) {
					if (!isOver) sink.onData(chunk);
				},
				onResponseEnd() {
					finish();
				},
				onResponseError(_controller: Controller, fault: Error) {
					finish(fault);
					reject(classifyFault(bmc, fault, started));
				},
			},
		);
	});
}
