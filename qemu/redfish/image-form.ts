import { createHash } from 'node:crypto';

/** What is known of an image once it has gone by; the bytes themselves are not kept. */
export interface SeenImage {
	readonly size: number;
	/** Hex. */
	readonly sha256: string;
	/** It begins as an OpenBMC image does: a tar archive whose first header is whole. */
	readonly isArchive: boolean;
}

export interface ImageForm {
	readonly image: SeenImage | undefined;
	/** The text of UpdateParameters. */
	readonly parameters: string | undefined;
}

/** Takes an upload's body as it comes, however long it is. */
export interface ImageReader {
	push(bytes: Buffer): void;
	/** Once all of it has gone by, as often as asked; undefined when it was no form, or not a whole one. */
	end(): ImageForm | undefined;
}

const HEADER = 512;
const MAX_PARAMETERS = 64 * 1024;
const MAX_PART_HEAD = 8192;

export function createImageReader(contentType: string): ImageReader | undefined {
	const [type = ''] = contentType.split(';');
	if (type.trim().toLowerCase() === 'application/octet-stream') {
		const image = watchImage();
		return { push: image.push, end: () => ({ image: image.end(), parameters: undefined }) };
	}
	const boundary = /^multipart\/form-data\s*;.*?boundary="?([^";]{1,70})"?/i.exec(contentType)?.[1];
	return boundary === undefined ? undefined : readForm(boundary);
}

interface Watch {
	push(bytes: Buffer): void;
	end(): SeenImage;
}

function watchImage(): Watch {
	const hash = createHash('sha256');
	let size = 0;
	let start: Buffer = Buffer.alloc(0);
	return {
		push(bytes) {
			hash.update(bytes);
			size += bytes.length;
			if (start.length < HEADER) start = Buffer.concat([start, bytes.subarray(0, HEADER - start.length)]);
		},
		end: () => ({ size, sha256: hash.copy().digest('hex'), isArchive: isTarHeader(start) }),
	};
}

/** POSIX ustar: the magic at 257, and a checksum over the header with blanks in the checksum's place. */
function isTarHeader(header: Buffer): boolean {
	if (header.length < HEADER || header.toString('latin1', 257, 262) !== 'ustar') return false;
	const written = Number.parseInt(header.toString('latin1', 148, 156), 8);
	let sum = 0;
	for (const [at, byte] of header.entries()) sum += at >= 148 && at < 156 ? 0x20 : byte;
	return sum === written;
}

/**
 * multipart/form-data as bmcweb reads it: it begins with its boundary, a part may have any headers, of two parts of one
 * name the last counts, parts of other names and what follows the last boundary are ignored.
 */
function readForm(boundary: string): ImageReader {
	const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
	let pending: Buffer = Buffer.from('\r\n');
	let at: 'start' | 'delimiter' | 'head' | 'content' | 'end' | 'bad' = 'start';
	let image: Watch | undefined;
	let parameters: Buffer[] | undefined;
	let take: (bytes: Buffer) => void = () => {};

	const beginPart = (head: string) => {
		const name = /^content-disposition:.*?[ ;]name="?([^";]*)"?/im.exec(head)?.[1];
		take = () => {};
		if (name === 'UpdateFile') {
			image = watchImage();
			take = image.push;
		} else if (name === 'UpdateParameters') {
			const pieces: Buffer[] = [];
			parameters = pieces;
			let size = 0;
			take = bytes => {
				size += bytes.length;
				if (size > MAX_PARAMETERS) at = 'bad';
				else pieces.push(Buffer.from(bytes));
			};
		}
	};
	/** One step on; false when more bytes are needed. */
	const step = (): boolean => {
		switch (at) {
			case 'start':
				if (pending.length < delimiter.length) return false;
				at = pending.subarray(0, delimiter.length).equals(delimiter) ? 'delimiter' : 'bad';
				pending = pending.subarray(delimiter.length);
				return true;
			case 'delimiter': {
				if (pending.length < 2) return false;
				const mark = pending.toString('latin1', 0, 2);
				at = mark === '--' ? 'end' : mark === '\r\n' ? 'head' : 'bad';
				pending = pending.subarray(2);
				return true;
			}
			case 'head': {
				const end = pending.indexOf('\r\n\r\n');
				if (end < 0) {
					if (pending.length > MAX_PART_HEAD) at = 'bad';
					return false;
				}
				at = 'content';
				beginPart(pending.toString('latin1', 0, end));
				pending = pending.subarray(end + 4);
				return true;
			}
			case 'content': {
				const end = pending.indexOf(delimiter);
				const length = end < 0 ? Math.max(0, pending.length - delimiter.length) : end;
				if (length > 0) take(pending.subarray(0, length));
				pending = pending.subarray(length);
				if (end < 0 || at !== 'content') return false;
				pending = pending.subarray(delimiter.length);
				at = 'delimiter';
				return true;
			}
			case 'end':
			case 'bad':
				pending = Buffer.alloc(0);
				return false;
		}
	};
	return {
		push(bytes) {
			pending = Buffer.concat([pending, bytes]);
			while (step());
		},
		end() {
			if (at !== 'end') return undefined;
			return { image: image?.end(), parameters: parameters && Buffer.concat(parameters).toString('utf8') };
		},
	};
}
