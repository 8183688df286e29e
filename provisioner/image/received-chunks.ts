import type { Readable } from 'node:stream';

/** Chunks that wait for being taken before the stream is told to wait. */
const most = 16;

/**
 * All that a stream gives from now on until it breaks, then its fault; a stream's own iterator drops what it holds when it
 * breaks. Nothing is missed while others are waited for before the first chunk is asked for.
 */
export function receivedChunks(stream: Readable): AsyncGenerator<Uint8Array, void> {
	const waiting: Uint8Array[] = [];
	let end: { readonly fault: unknown } | undefined;
	let wake: () => void = () => undefined;
	const over = (fault: unknown): void => {
		end ??= { fault };
		wake();
	};
	stream.on('data', (chunk: Uint8Array) => {
		waiting.push(chunk);
		if (waiting.length >= most) stream.pause();
		wake();
	});
	stream.once('end', () => over(null)).once('error', over);
	stream.once('close', () => over(new Error('it was closed before its end')));
	// It may have come to an end before: that is not told again.
	if (stream.errored) over(stream.errored);
	else if (stream.readableEnded) over(null);
	else if (stream.destroyed) over(new Error('it was closed before it was read'));

	async function* chunks(): AsyncGenerator<Uint8Array, void> {
		try {
			for (;;) {
				const chunk = waiting.shift();
				if (chunk) {
					if (waiting.length === 0 && !end) stream.resume();
					yield chunk;
				} else if (end) {
					if (end.fault !== null) throw end.fault;
					return;
				} else {
					await new Promise<void>(resolve => {
						wake = resolve;
					});
				}
			}
		} finally {
			stream.destroy();
		}
	}
	return chunks();
}
