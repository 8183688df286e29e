import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher, Pool } from 'undici';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { bmcGarbage, bmcUnreachable, classifyFault } from './bmc-fault.ts';
import { mayBeCollection, mayBePaged } from './paged-bytes.ts';

/** One request to a BMC, credential included. */
export interface Exchange {
	readonly method: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Uint8Array | StreamedBody | undefined;
}

/** A body that is made while it is sent, anew for each attempt. */
export interface StreamedBody {
	/** Bytes, exactly. */
	readonly length: number;
	/** What it throws ends the connection: without its last byte no request is one. */
	open(): AsyncIterable<Uint8Array>;
}

export interface BmcAnswer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly body: Buffer;
}

/** What a client is sent of the headers of an answer, given the first bytes of its body. */
export type HeadersFor = (
	answer: Pick<BmcAnswer, 'status' | 'headers'>,
	start: Uint8Array | undefined,
) => Record<string, string>;

type Controller = Dispatcher.DispatchController;

const isStreamed = (body: Exchange['body']): body is StreamedBody =>
	body !== undefined && !(body instanceof Uint8Array);

type Body = NonNullable<Dispatcher.DispatchOptions['body']>;

function options(exchange: Exchange, body: Body | null): Dispatcher.DispatchOptions {
	return {
		method: exchange.method as Dispatcher.HttpMethod,
		path: exchange.path,
		headers: exchange.headers as Record<string, string>,
		body,
	};
}

/** Milliseconds that a BMC may take for a piece of an image, and for its answer after the last one. */
const uploadPatience = 60_000;
/** Milliseconds for an upload in all: undici's own time-out would count while the BMC is slow to take more. */
const uploadTime = 3_600_000;

/** Follows a body on its way out: whether all of it has gone, and whether it goes on at all. */
function follow(body: StreamedBody, onStall: () => void) {
	let left = body.length;
	let timer = setTimeout(onStall, uploadPatience);
	const beat = () => {
		clearTimeout(timer);
		timer = setTimeout(onStall, uploadPatience);
	};
	return {
		async *pieces(): AsyncGenerator<Uint8Array> {
			for await (const piece of body.open()) {
				left -= piece.length;
				beat();
				yield piece;
			}
		},
		/** Has its last byte been handed over? Until then it certainly was not executed. */
		isWhole: () => left <= 0,
		stop: () => clearTimeout(timer),
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
		let sending: Controller | undefined;
		const chunks: Buffer[] = [];
		const stalled = () => sending?.abort(new Error('it takes no more of the image'));
		const { body } = exchange;
		const upload = isStreamed(body) ? follow(body, stalled) : undefined;
		// Its types do not say so, but undici takes what can be iterated over, and waits for the socket between pieces.
		const sent = isStreamed(body) ? (upload?.pieces() as unknown as Body) : body;
		const timeout = upload ? uploadTime : limits.timeout;
		pool.dispatch(
			{ ...options(exchange, sent ?? null), headersTimeout: timeout, bodyTimeout: limits.timeout },
			{
				onRequestStart(controller: Controller) {
					started = true;
					sending = controller;
				},
				onResponseStart(_controller: Controller, statusCode: number, responseHeaders: IncomingHttpHeaders) {
					if (statusCode < 200) return; // interim answers carry nothing for us
					status = statusCode;
					headers = responseHeaders;
				},
				onResponseData(controller: Controller, chunk: Buffer) {
					size += chunk.length;
					if (size > limits.answer) controller.abort(tooLarge(bmc, limits.answer));
					else chunks.push(chunk);
				},
				onResponseEnd() {
					upload?.stop();
					resolve({
						status,
						headers,
						body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
					});
				},
				onResponseError(_controller: Controller, fault: Error) {
					upload?.stop();
					if (fault instanceof BimetalError || !started || upload?.isWhole() !== false)
						return reject(classifyFault(bmc, fault, started));
					reject(bmcUnreachable(bmc, `it broke off before it had the whole image: ${fault.message}`, fault));
				},
			},
		);
	});
}

/** Which answers are kept whole, and so limited: those that are filtered, and those of requests that waited. */
const tooLarge = (bmc: string, limit: number) =>
	bmcGarbage(
		bmc,
		`more than ${limit} bytes, which is all that is kept of an answer that is filtered or was waited for: ask for less of it, or have limits.answer raised in the site file`,
	);

/**
 * Sends and passes the answer on as it comes, with backpressure both ways. An answer that comes in one piece,
 * as most do, is written in one piece, and nothing is written before that piece is whole: a BMC that breaks
 * off early still becomes a 502. A 401 is held back, for the caller to log in and try again. So is one page of a collection,
 * to be asked for as a whole; for that a collection is held as far as `limits.answer` bytes.
 * @returns `isPage` when nothing was written
 */
export function passAnswer(
	pool: Pool,
	bmc: string,
	limits: { readonly answer: number; readonly timeout: number },
	exchange: Exchange,
	to: ServerResponse,
	headersFor: HeadersFor,
): Promise<{ status: number; isPage: boolean }> {
	return new Promise((resolve, reject) => {
		let started = false;
		let status = 0;
		let headers: IncomingHttpHeaders = {};
		let held: Buffer | undefined;
		/** What comes behind it while it may be a page. */
		let more: Buffer[] | undefined;
		let size = 0;
		let flowing = false;
		let controller: Controller | undefined;
		const onClose = () => controller?.abort(new Error('the client went away'));
		const onDrain = () => controller?.resume();
		const settle = () => {
			if (!flowing) return;
			to.off('close', onClose);
			to.off('drain', onDrain);
		};
		const { body } = exchange;
		if (isStreamed(body)) throw new TypeError('an answer to an upload is kept, not passed on');
		pool.dispatch(options(exchange, body ?? null), {
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
					size = chunk.length;
					return;
				}
				if (!flowing && held) {
					size += chunk.length;
					more ??= isJson(status, headers) && mayBeCollection(held) ? [] : undefined;
					if (more && size <= limits.answer) {
						more.push(chunk);
						return;
					}
					// A client that goes away before this costs the BMC one answer; from here on it could be a long one.
					if (to.destroyed) return onClose();
					flowing = true;
					to.writeHead(status, headersFor({ status, headers }, held));
					to.on('close', onClose);
					to.on('drain', onDrain);
					// Who reads nothing for as long as a BMC may be silent keeps a connection to it from everybody else.
					to.setTimeout(limits.timeout, () => to.destroy());
					to.write(more ? Buffer.concat([held, ...more]) : held);
					more = undefined;
				}
				if (!to.write(chunk)) responseController.pause();
			},
			onResponseEnd() {
				settle();
				if (!flowing && held && more) held = Buffer.concat([held, ...more]);
				if (!flowing && held && isJson(status, headers) && mayBePaged(held)) {
					return resolve({ status, isPage: true });
				}
				if (status !== 401) {
					if (!flowing) to.writeHead(status, headersFor({ status, headers }, held));
					to.end(flowing ? undefined : held);
				}
				resolve({ status, isPage: false });
			},
			onResponseError(_controller: Controller, fault: Error) {
				settle();
				if (!flowing) return reject(classifyFault(bmc, fault, started));
				// The status is out: cutting the connection is the only way left to say that the answer is not whole.
				to.destroy();
				resolve({ status, isPage: false });
			},
		});
	});
}

/** Passes on an answer that was kept whole; a page of a collection it leaves alone, as `passAnswer` does. */
export function passWhole(
	answer: BmcAnswer,
	to: ServerResponse,
	headersFor: HeadersFor,
): { status: number; isPage: boolean } {
	const { status, headers, body } = answer;
	if (isJson(status, headers) && mayBePaged(body)) return { status, isPage: true };
	to.writeHead(status, {
		...headersFor(answer, body),
		...(hasBody(status) && { 'content-length': body.length }),
	});
	to.end(body);
	return { status, isPage: false };
}

const isJson = (status: number, headers: IncomingHttpHeaders): boolean =>
	status === 200 && headers['content-type']?.startsWith('application/json') === true;

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
			{ ...options(exchange, null), headersTimeout: limits.timeout, bodyTimeout: 0 },
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
