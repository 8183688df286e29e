import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../common/clock.ts';
import { proxyErrors } from '../errors.ts';
import { release } from './release.ts';

/** How long a body may take. */
export interface Patience {
	/** Milliseconds for the whole of it. */
	readonly time: number;
	/** Milliseconds without a byte. */
	readonly silence: number;
}

/** Bytes that are gathered before they are hashed and written: sockets give a quarter of it at a time. */
const pieceSize = 64 * 1024;

/**
 * A body in pieces of up to 64 KiB, no faster than they are taken. They share one buffer: each is valid until the next
 * one is asked for. Throws UploadTooSlow, or the stream's error when the client goes away; the request stays usable, as
 * a refusal must still reach the client.
 */
export async function* gatherPieces(
	request: IncomingMessage,
	{ clock, limits }: { readonly clock: Clock; readonly limits: Patience },
): AsyncGenerator<Buffer> {
	const piece = Buffer.allocUnsafeSlow(pieceSize);
	let filled = 0;
	/** What did not fit any more. */
	let rest: { readonly chunk: Buffer; readonly from: number } | undefined;
	let hasEnded = false;
	let fault: Error | undefined;
	let wake = (): void => undefined;
	const began = clock.now();
	let arrivedAt = began;

	const fill = (chunk: Buffer, from: number): void => {
		const copied = chunk.copy(piece, filled, from);
		filled += copied;
		rest = from + copied < chunk.length ? { chunk, from: from + copied } : undefined;
		if (!rest) release(chunk);
	};
	const listeners = {
		data(chunk: Buffer) {
			arrivedAt = clock.now();
			fill(chunk, 0);
			if (filled < pieceSize) return;
			request.pause();
			wake();
		},
		end() {
			hasEnded = true;
			wake();
		},
		error(error: Error) {
			fault ??= error;
			wake();
		},
		close() {
			if (!hasEnded) fault ??= new Error('the client broke off');
			wake();
		},
	};
	/** One timer for many chunks: it looks how long ago the last one was. */
	let cancel = (): void => undefined;
	const watch = (): void => {
		const left = Math.min(arrivedAt + limits.silence, began + limits.time) - clock.now();
		if (left > 0) cancel = clock.after(left, watch);
		else {
			fault ??= proxyErrors.UploadTooSlow('the image did not arrive in time; see limits.uploadTime');
			wake();
		}
	};

	if (request.destroyed) listeners.close();
	for (const [name, listener] of Object.entries(listeners)) request.on(name, listener);
	try {
		while (!hasEnded) {
			// The time that it took to write the piece before is not the client's.
			arrivedAt = clock.now();
			watch();
			await new Promise<void>(resolve => {
				wake = resolve;
				if (fault || filled === pieceSize) resolve();
				else request.resume();
			});
			cancel();
			if (fault) throw fault;
			if (filled > 0) yield piece.subarray(0, filled);
			filled = 0;
			if (rest) fill(rest.chunk, rest.from);
		}
		if (filled > 0) yield piece.subarray(0, filled);
	} finally {
		cancel();
		request.pause();
		for (const [name, listener] of Object.entries(listeners)) request.off(name, listener);
	}
}
