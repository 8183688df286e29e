/** How messages are told apart on the wire: `marked` by what comes behind them, or `chunked` (RFC 6242, section 4). */
export type Framing = 'marked' | 'chunked';

/** Behind every message of NETCONF 1.0, and behind both hellos (RFC 6242, section 4.3). */
const endMark = Buffer.from(']]>]]>');
/** `\n#`, a length of up to ten digits, `\n`. */
const longestHeader = 13;
/** Messages are cut into chunks no longer than this, so that nobody has to believe a large number. */
const chunkSize = 64 * 1024;

export class FramingError extends Error {}

/** A message as it goes onto the wire. */
export function frame(message: string, framing: Framing): Buffer {
	const bytes = Buffer.from(message);
	if (framing === 'marked') {
		if (bytes.includes(endMark)) throw new FramingError('a message cannot hold the mark of its own end');
		return Buffer.concat([bytes, endMark]);
	}
	const parts: Buffer[] = [];
	for (let at = 0; at < bytes.length; at += chunkSize) {
		const chunk = bytes.subarray(at, at + chunkSize);
		parts.push(Buffer.from(`\n#${chunk.length}\n`), chunk);
	}
	return Buffer.concat([...parts, Buffer.from('\n##\n')]);
}

/** Puts messages together from whatever pieces they come in. */
export interface FrameReader {
	push(bytes: Buffer): void;
	/**
	 * The next whole message, when there is one.
	 * @throws FramingError when what has come is no message, is no UTF-8, or is longer than `limit` bytes
	 */
	next(): string | undefined;
	/** From the next message on; called when both hellos offer NETCONF 1.1. */
	use(framing: Framing): void;
}

export function createFrameReader(limit: number): FrameReader {
	const waiting = new Bytes();
	let framing: Framing = 'marked';
	/** The message under way, in a buffer that grows: whoever sends chunks of one byte makes no millions of buffers. */
	let message: Buffer = Buffer.alloc(0);
	let length = 0;

	function append(chunk: Buffer): void {
		const needed = length + chunk.length;
		if (needed > message.length) {
			const larger = Buffer.alloc(Math.max(needed, Math.min(limit, 2 * message.length)));
			message.copy(larger, 0, 0, length);
			message = larger;
		}
		chunk.copy(message, length);
		length = needed;
	}

	function nextMarked(): Buffer | undefined {
		const end = waiting.find(endMark);
		if ((end < 0 ? waiting.length : end) > limit) throw tooLong(limit);
		if (end < 0) return undefined;
		const message = waiting.take(end);
		waiting.take(endMark.length);
		return message;
	}

	function nextChunked(): Buffer | undefined {
		for (;;) {
			const head = waiting.peek(longestHeader).toString('latin1');
			const header = /^\n#(?:([1-9][0-9]{0,9})|(#))\n/.exec(head);
			if (!header) {
				if (!/^(?:\n(?:#(?:#|[1-9][0-9]{0,9})?)?)?$/.test(head)) throw new FramingError('this is no chunk');
				return undefined;
			}
			const [all, digits] = header;
			if (digits === undefined) {
				if (length === 0) throw new FramingError('a message without a chunk');
				waiting.take(all.length);
				const whole = message.subarray(0, length);
				message = Buffer.alloc(0);
				length = 0;
				return whole;
			}
			const size = Number(digits);
			if (length + size > limit) throw tooLong(limit);
			if (waiting.length < all.length + size) return undefined;
			waiting.take(all.length);
			append(waiting.take(size));
		}
	}

	return {
		push: bytes => waiting.push(bytes),
		next() {
			const message = framing === 'marked' ? nextMarked() : nextChunked();
			if (message === undefined) return undefined;
			try {
				return new TextDecoder('utf-8', { fatal: true }).decode(message);
			} catch (cause) {
				throw new FramingError('a message is not in UTF-8', { cause });
			}
		},
		use(next) {
			framing = next;
		},
	};
}

const tooLong = (limit: number): Error => new FramingError(`a message is longer than ${limit} bytes`);

/** Bytes in a row, joined only when somebody looks: a long message comes in thousands of pieces. */
class Bytes {
	#pieces: Buffer[] = [];
	#joined: Buffer = Buffer.alloc(0);
	/** Up to here a mark was looked for in vain. */
	#searched = 0;
	length = 0;

	push(bytes: Buffer): void {
		if (bytes.length === 0) return;
		this.#pieces.push(bytes);
		this.length += bytes.length;
	}

	find(mark: Buffer): number {
		const bytes = this.#join();
		const at = bytes.indexOf(mark, this.#searched);
		this.#searched = at < 0 ? Math.max(0, bytes.length - mark.length + 1) : at;
		return at;
	}

	peek(count: number): Buffer {
		return this.#join().subarray(0, count);
	}

	take(count: number): Buffer {
		const bytes = this.#join();
		this.#joined = bytes.subarray(count);
		this.length -= count;
		this.#searched = Math.max(0, this.#searched - count);
		return bytes.subarray(0, count);
	}

	#join(): Buffer {
		if (this.#pieces.length > 0) {
			this.#joined = Buffer.concat([this.#joined, ...this.#pieces]);
			this.#pieces = [];
		}
		return this.#joined;
	}
}
