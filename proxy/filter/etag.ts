import { hash } from 'node:crypto';

/**
 * The proxy's own ETag, made from the body as this client sees it. The BMC's is made from the whole resource,
 * so that it would change with what is hidden. Strong: for a body of these very bytes.
 */
export function strongETag(body: string | Uint8Array): string {
	return `"${digest(body)}"`;
}

/** Weak (RFC 9110 §8.8.1): the same content, perhaps written otherwise. */
export function weakETag(body: string | Uint8Array): string {
	return `W/${strongETag(body)}`;
}

function digest(body: string | Uint8Array): string {
	return hash('sha256', body, 'hex').slice(0, 32);
}

/** If-None-Match (RFC 9110 §13.1.2), compared weakly: true means 304 for a GET. */
export function matchesIfNoneMatch(header: string, etag: string): boolean {
	return header.trim() === '*' || listETags(header).some(candidate => opaque(candidate) === opaque(etag));
}

/** If-Match (§13.1.1), compared strongly: false means 412. Weak tags never match, except that `*` always does. */
export function matchesIfMatch(header: string, etag: string): boolean {
	return header.trim() === '*' || (!etag.startsWith('W/') && listETags(header).includes(etag));
}

function listETags(header: string): string[] {
	return header.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\uffff]*"/g) ?? [];
}

function opaque(etag: string): string {
	return etag.replace(/^W\//, '');
}
