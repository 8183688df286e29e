import { createHash } from 'node:crypto';

export interface Bytes {
	readonly contentType: string;
	readonly size: number;
	/** Hex: what an operator compares with what the maker of an image publishes. */
	readonly sha256: string;
}

/** An image as its approvers see it. */
export interface Upload extends Bytes {
	/** Of a multipart body, as it reads here; null of anything else, or of one that does not hold to RFC 2046. */
	readonly parts: readonly (Bytes & { readonly name: string; readonly fileName: string | null })[] | null;
}

/** The digest that an approval names covers every byte, whatever its parts are taken for. */
export function describeUpload(contentType: string, body: Buffer): Upload {
	return { ...bytesOf(contentType, body), parts: partsOf(contentType, body) ?? null };
}

const bytesOf = (contentType: string, bytes: Buffer): Bytes => ({
	contentType,
	size: bytes.length,
	sha256: createHash('sha256').update(bytes).digest('hex'),
});

/** RFC 7578 over RFC 2046 §5.1.1, strictly: nothing before the first boundary, nothing after the last one. */
function partsOf(contentType: string, body: Buffer): Upload['parts'] | undefined {
	const boundary = /^multipart\/form-data; *boundary=(?:"([^"]+)"|([^";]+))$/i.exec(contentType);
	if (!boundary) return undefined;
	const delimiter = Buffer.from(`\r\n--${boundary[1] ?? boundary[2]}`, 'latin1');
	const start = delimiter.subarray(2);
	if (body.indexOf(start) !== 0) return undefined;
	const parts: NonNullable<Upload['parts']>[number][] = [];
	for (let at = start.length; ; ) {
		const rest = body.subarray(at);
		if (rest.indexOf('--') === 0)
			return ['--', '--\r\n'].includes(rest.toString('latin1', 0, 5)) ? parts : undefined;
		const headEnd = rest.indexOf('\r\n\r\n');
		const end = rest.indexOf(delimiter);
		if (rest.indexOf('\r\n') !== 0 || headEnd < 0 || end < headEnd + 2 || parts.length >= 16)
			return undefined;
		const head = rest.toString('utf8', 2, headEnd);
		const name = /^content-disposition: *form-data;.*?\bname="([^"\r\n]*)"/im.exec(head)?.[1];
		if (name === undefined) return undefined;
		const type = /^content-type: *([^\r\n]+)$/im.exec(head)?.[1] ?? 'text/plain';
		const fileName = /^content-disposition: *form-data;.*?\bfilename="([^"\r\n]*)"/im.exec(head)?.[1] ?? null;
		parts.push({ name, fileName, ...bytesOf(type, rest.subarray(headEnd + 4, Math.max(headEnd + 4, end))) });
		at += end + delimiter.length;
	}
}
