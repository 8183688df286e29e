import { refusal } from '../canonicalise/refusals.ts';
import { release } from './release.ts';

/** What the head of a part says, of the little that it may say. */
export interface PartHead {
	readonly name: string;
	readonly fileName: string | undefined;
	/** In lower case, without parameters; undefined when not given. */
	readonly contentType: string | undefined;
}

export type PartEvent =
	| { readonly kind: 'begin'; readonly part: PartHead }
	/** `bytes` are valid until the next event is asked for. */
	| { readonly kind: 'data'; readonly bytes: Buffer }
	| { readonly kind: 'end' };

/** Bytes of a part's head; three short lines fit many times. */
const headLimit = 2048;
const crlf = Buffer.from('\r\n');
const blankLine = Buffer.from('\r\n\r\n');

/**
 * Reads multipart/form-data (RFC 7578 over RFC 2046 §5.1.1) while it arrives, holding no more than a delimiter's length
 * of it, or a part's head; of the source it needs each piece only until it asks for the next one. Nothing stands before the first delimiter or after the last one, lines end in CRLF, delimiters carry no
 * padding, and a part's head says no more than its name, file name and type: what can be read in two ways is not read.
 * Throws MultipartMalformed.
 */
export async function* readMultipart(
	source: AsyncIterable<Buffer>,
	boundary: string,
): AsyncGenerator<PartEvent> {
	const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
	// The first delimiter needs no line break before it: with one put there, it reads like all others.
	let pending: Buffer = crlf;
	let at: 'start' | 'delimiter' | 'head' | 'data' | 'end' = 'start';
	for await (const chunk of source) {
		const joined = Buffer.concat([pending, chunk]);
		pending = joined;
		for (let more = true; more; ) {
			more = false;
			if (at === 'start') {
				const length = Math.min(pending.length, delimiter.length);
				if (!pending.subarray(0, length).equals(delimiter.subarray(0, length)))
					throw malformed('it does not start with its boundary');
				if (length < delimiter.length) break;
				pending = pending.subarray(length);
				at = 'delimiter';
			}
			if (at === 'delimiter') {
				if (pending.length < 2) break;
				const mark = pending.toString('latin1', 0, 2);
				if (mark !== '\r\n' && mark !== '--') throw malformed('a boundary is followed by something else');
				pending = pending.subarray(2);
				at = mark === '--' ? 'end' : 'head';
			}
			if (at === 'head') {
				const end = pending.indexOf(blankLine);
				if (end > headLimit || (end < 0 && pending.length > headLimit))
					throw malformed('the head of a part is too long');
				if (end < 0) break;
				yield { kind: 'begin', part: parsePartHead(pending.toString('latin1', 0, end)) };
				pending = pending.subarray(end + blankLine.length);
				at = 'data';
			}
			if (at === 'data') {
				const found = pending.indexOf(delimiter);
				// What might be the beginning of a delimiter is kept back.
				const length = found < 0 ? pending.length - delimiter.length + 1 : found;
				if (length > 0) yield { kind: 'data', bytes: pending.subarray(0, length) };
				if (length > 0) pending = pending.subarray(length);
				if (found < 0) break;
				yield { kind: 'end' };
				pending = pending.subarray(delimiter.length);
				at = 'delimiter';
				more = true;
			}
		}
		if (at === 'end' && pending.length > 2) throw malformed('something follows its last boundary');
		pending = Buffer.from(pending);
		release(joined);
	}
	if (at !== 'end') throw malformed('it ends before its last boundary');
	if (pending.length > 0 && !pending.equals(crlf)) throw malformed('something follows its last boundary');
}

const token = /^[\w.+-]{1,128}$/;
/** A file name as any system takes it, and no path. */
const plainName = /^(?!\.)[\w.+@()=, -]{1,255}$/;

function parsePartHead(text: string): PartHead {
	let disposition: string | undefined;
	let type: string | undefined;
	for (const line of text.split('\r\n')) {
		const [, name = '', value = ''] =
			/^([A-Za-z-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/.exec(line) ?? [];
		switch (name.toLowerCase()) {
			case 'content-disposition':
				if (disposition !== undefined) throw malformed('a part has two Content-Dispositions');
				disposition = value;
				break;
			case 'content-type':
				if (type !== undefined) throw malformed('a part has two Content-Types');
				type = value;
				break;
			case '':
				throw malformed('a line of a part’s head cannot be read');
			default:
				throw malformed(`a part has a header ${name}; it may have Content-Disposition and Content-Type`);
		}
	}
	if (disposition === undefined) throw malformed('a part has no Content-Disposition');
	return { ...parseDisposition(disposition), contentType: type && parseType(type) };
}

function parseDisposition(text: string): Pick<PartHead, 'name' | 'fileName'> {
	const [kind, ...rest] = text.split(/ *; */);
	const found = new Map<string, string>();
	for (const parameter of rest) {
		const [, key = '', quoted, bare = ''] = /^([a-z]+)=(?:"([^"\\]*)"|([^"\\ ]+))$/.exec(parameter) ?? [];
		if ((key !== 'name' && key !== 'filename') || found.has(key))
			throw malformed('a Content-Disposition says more than name and filename');
		found.set(key, quoted ?? bare);
	}
	const name = found.get('name');
	const fileName = found.get('filename');
	if (kind?.toLowerCase() !== 'form-data' || name === undefined || !token.test(name))
		throw malformed('a Content-Disposition is no form-data with a name');
	if (fileName !== undefined && !plainName.test(fileName)) {
		throw malformed(
			'a file name holds what it may not: letters, digits, space and _.+@()=,- may stand in it, and no dot first',
		);
	}
	return { name, fileName };
}

function parseType(text: string): string {
	const [type = '', ...parameters] = text.toLowerCase().split(/ *; */);
	if (!/^[\w.+-]{1,64}\/[\w.+-]{1,64}$/.test(type) || /^(?:multipart|message)\//.test(type))
		throw malformed('a part has a Content-Type that it may not have');
	if (parameters.some(parameter => !/^charset="?utf-8"?$/.test(parameter)))
		throw malformed('a Content-Type has a parameter that it may not have');
	return type;
}

const malformed = (detail: string) => refusal('MultipartMalformed', detail);
