import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';

/** An image as its approvers see it: all that the digest which they name binds of it. */
export interface Upload {
	readonly contentType: string;
	/** Bytes. */
	readonly size: number;
	/** Hex: what an operator compares with what the maker of an image publishes. */
	readonly sha256: string;
	readonly fileName: string | null;
	/** UpdateParameters; null of an image that came alone. */
	readonly parameters: JsonValue;
}

/** Null of a request without an image. */
export function describeUpload({
	image,
	contentType,
	body,
}: Pick<CanonicalRequest, 'image' | 'contentType' | 'body'>): Upload | null {
	if (!image) return null;
	const { size, sha256, fileName = null } = image;
	return { contentType: contentType ?? '', size, sha256, fileName, parameters: body ?? null };
}
