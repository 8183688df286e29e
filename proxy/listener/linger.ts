import type { IncomingMessage, ServerResponse } from 'node:http';
import { release } from '../upload/release.ts';

/** How much more is taken in of a body that nobody wants any more. */
export interface Lingering {
	readonly bytes: number;
	/** Milliseconds in all. */
	readonly time: number;
}

/** Of clients that may be anybody. */
export const shortLingering: Lingering = { bytes: 256 * 1024, time: 2000 };
/** Milliseconds without a byte after which there is nothing to wait for. */
const silence = 500;

/**
 * Ends an answer that was written whole before its request's body was read. Closing at once would have the client's system
 * drop the answer with the connection (RFC 9112 §9.6), and most clients send all they have before they read: so what
 * still comes is taken and dropped, until it ends, or is more than `lingering` says.
 */
export function endAfterBody(request: IncomingMessage, response: ServerResponse, lingering: Lingering): void {
	let left = lingering.bytes;
	const end = () => {
		clearTimeout(whole);
		clearTimeout(quiet);
		request.off('data', drop).off('end', end).off('close', end);
		response.end();
	};
	const drop = (chunk: Buffer) => {
		left -= chunk.length;
		release(chunk);
		if (left < 0) end();
		else quiet.refresh();
	};
	const whole = setTimeout(end, lingering.time);
	const quiet = setTimeout(end, silence);
	// Nobody else reads it any more, nor holds on to what is given back here.
	request.removeAllListeners('data');
	request.on('data', drop).on('end', end).on('close', end);
	request.resume();
}
