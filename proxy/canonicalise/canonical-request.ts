/**
 * The one form in which a Redfish call is classified, decided on, stored, digested and forwarded. What the
 * BMC receives is rendered from this value and from nothing else.
 */
export interface CanonicalRequest {
	/** `WEBSOCKET` is the handshake that opens a console: see handshake.ts. It is never forwarded as a request. */
	readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE' | 'WEBSOCKET';
	/** Starts with `/redfish` (of a WEBSOCKET: a console's path), no trailing slash, no percent-encoding, no dot segments, no query. */
	readonly path: string;
	/** The path's segments, without the leading empty one: `['redfish', 'v1', 'Systems', 'system']`. */
	readonly segments: readonly string[];
	/** Redfish query parameters, decoded, at most one of each name, sorted by name. */
	readonly query: readonly (readonly [name: string, value: string])[];
	/** The value of If-Match or If-None-Match as sent; undefined when absent. */
	readonly ifMatch: string | undefined;
	readonly ifNoneMatch: string | undefined;
	/** The parsed JSON body; undefined when there is none. */
	readonly body: JsonValue | undefined;
	/** What is forwarded: the body rendered again from `body`. */
	readonly bytes: Uint8Array | undefined;
	readonly contentType: string | undefined;
	/** An uploaded image, kept in a file; `body` then holds its UpdateParameters, if it came with some. */
	readonly image?: UploadedImage | undefined;
}

export interface UploadedImage {
	/** Name in the spool. */
	readonly file: string;
	/** Bytes. */
	readonly size: number;
	/** Hex. */
	readonly sha256: string;
	/** As the client named it. */
	readonly fileName: string | undefined;
}

/** An image as policies see it (`Request.Image`), and as the digest of a request binds it. */
export const describeImage = ({ sha256, size, fileName }: Omit<UploadedImage, 'file'>) => ({
	SHA256: sha256,
	Size: size,
	FileName: fileName ?? null,
});

export type JsonValue =
	| null
	| boolean
	| number
	| string
	| readonly JsonValue[]
	| { readonly [key: string]: JsonValue };
