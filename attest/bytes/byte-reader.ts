import { accept, type Outcome, type RefusalCode, refuse } from '../outcome.ts';

/** Thrown by readers, and caught by `readAll` only: it never leaves a parser. */
class Unreadable extends Error {
	readonly code: RefusalCode;
	constructor(code: RefusalCode, message: string) {
		super(message);
		this.code = code;
	}
}

/**
 * Bytes read one after another, never past their end: whatever is asked for beyond it makes the whole input malformed.
 * TPM structures are big-endian, logs of firmware and kernel little-endian.
 */
export class ByteReader {
	readonly #bytes: Buffer;
	readonly #little: boolean;
	readonly #what: string;
	#at = 0;

	/** @param what names the input in reasons */
	constructor(bytes: Uint8Array, what: string, order: 'big' | 'little' = 'big') {
		this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.#what = what;
		this.#little = order === 'little';
	}

	get left(): number {
		return this.#bytes.length - this.#at;
	}

	/** A view, no copy. */
	take(length: number): Buffer {
		const at = this.#skip(length);
		return this.#bytes.subarray(at, at + length);
	}

	u8(): number {
		return this.#bytes.readUInt8(this.#skip(1));
	}

	u16(): number {
		const at = this.#skip(2);
		return this.#little ? this.#bytes.readUInt16LE(at) : this.#bytes.readUInt16BE(at);
	}

	u32(): number {
		const at = this.#skip(4);
		return this.#little ? this.#bytes.readUInt32LE(at) : this.#bytes.readUInt32BE(at);
	}

	u64(): bigint {
		const at = this.#skip(8);
		return this.#little ? this.#bytes.readBigUInt64LE(at) : this.#bytes.readBigUInt64BE(at);
	}

	/** Goes on by so many bytes, when there are as many; returns where they begin. */
	#skip(length: number): number {
		if (length > this.left)
			this.fail(`wants ${length} more bytes at ${this.#at}, and ${this.left} are there`);
		const at = this.#at;
		this.#at += length;
		return at;
	}

	/** TPM2B: a length of 16 bits, and as many bytes. */
	sized16(): Buffer {
		return this.take(this.u16());
	}

	sized32(): Buffer {
		return this.take(this.u32());
	}

	/** Of what an array says of its own length, before anything is read for it. */
	count(value: number, most: number, of: string): number {
		if (value > most) this.fail(`has ${value} ${of}, more than ${most}`);
		return value;
	}

	end(): void {
		if (this.left > 0) this.fail(`has ${this.left} bytes too many`);
	}

	fail(reason: string, code: RefusalCode = 'Malformed'): never {
		throw new Unreadable(code, `${this.#what} ${reason}`);
	}
}

/** Runs a parser over all of `bytes`: what it leaves over is malformed as well. */
export function readAll<T>(
	bytes: Uint8Array,
	what: string,
	read: (reader: ByteReader) => T,
	order: 'big' | 'little' = 'big',
): Outcome<T> {
	const reader = new ByteReader(bytes, what, order);
	try {
		const value = read(reader);
		reader.end();
		return accept(value);
	} catch (error) {
		if (error instanceof Unreadable) return refuse(error.code, error.message);
		throw error;
	}
}
