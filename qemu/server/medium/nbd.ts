/**
 * The Network Block Device protocol, as far as both ends here speak it (the NBD project's doc/proto.md): fixed newstyle
 * negotiation, and simple replies.
 */
export const NBD = {
	greeting: Buffer.from('NBDMAGICIHAVEOPT', 'latin1'),
	option: Buffer.from('IHAVEOPT', 'latin1'),
	optionReply: 0x3e889045565a9n,
	request: 0x25609513,
	reply: 0x67446698,
	handshake: { fixedNewstyle: 1, noZeroes: 2 },
	options: { exportName: 1, abort: 2, info: 6, go: 7 },
	replies: { ack: 1, info: 3, unsupported: 0x8000_0001, invalid: 0x8000_0003 },
	info: { export: 0, blockSize: 3 },
	flags: { has: 1, readOnly: 2, flush: 4 },
	commands: { read: 0, write: 1, disconnect: 2, flush: 3 },
	errors: { none: 0, notPermitted: 1, io: 5, invalid: 22 },
} as const;

/** Bytes that are passed on with one request; a client's WebSocket takes messages of twice this. */
export const LARGEST_TRANSFER = 65_536;

/** What one end asks of the other. */
export type NbdRequest =
	| { readonly kind: 'read'; readonly offset: bigint; readonly length: number }
	| { readonly kind: 'write'; readonly offset: bigint; readonly data: Buffer }
	| { readonly kind: 'flush' };

/** A disk that is read and written by NBD. */
export interface NbdDisk {
	/** Bytes. */
	readonly size: number;
	readonly readOnly: boolean;
	/** Throws when it cannot be done: EIO for whoever asked. */
	request(request: NbdRequest): Promise<Buffer>;
}

/** Bytes that come in pieces and are taken in others. */
export class Incoming {
	#pieces: Buffer[] = [];
	#length = 0;

	add(bytes: Buffer): void {
		this.#pieces.push(bytes);
		this.#length += bytes.length;
	}

	get length(): number {
		return this.#length;
	}

	/** The next `count` bytes, left where they are; undefined when they have not all come. */
	peek(count: number): Buffer | undefined {
		if (this.#length < count) return undefined;
		if (this.#pieces.length > 1 && (this.#pieces[0]?.length ?? 0) < count)
			this.#pieces = [Buffer.concat(this.#pieces)];
		return this.#pieces[0]?.subarray(0, count) ?? Buffer.alloc(0);
	}

	/** The next `count` bytes; undefined when they have not all come. */
	take(count: number): Buffer | undefined {
		const taken = this.peek(count);
		if (!taken) return undefined;
		const rest = this.#pieces[0]?.subarray(count);
		if (rest && rest.length > 0) this.#pieces[0] = rest;
		else this.#pieces.shift();
		this.#length -= count;
		return taken;
	}
}
