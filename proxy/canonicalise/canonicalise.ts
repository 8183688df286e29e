import type { CanonicalRequest, JsonValue, UploadedImage } from './canonical-request.ts';
import { type HeaderFields, readHeaderFields } from './header-fields.ts';
import type { Query } from './query.ts';
import { refusal } from './refusals.ts';
import { parseStrictJson } from './strict-json.ts';
import { parseTarget } from './target.ts';

/** What node:http's IncomingMessage says of a request; `url` without a `/bmc/<name>` prefix. */
export interface RawRequest {
	readonly method?: string | undefined;
	readonly url?: string | undefined;
	readonly rawHeaders: readonly string[];
}

export interface CanonicaliseOptions {
	/** Paths to which a POST may carry an image (multipart/form-data, application/octet-stream) as raw bytes. */
	readonly opaqueUploads?: (path: string) => boolean;
	/** Bytes of such a body; 30 MiB, as bmcweb has it, when absent. */
	readonly uploadLimit?: number | undefined;
}

/** A request before its body was read: everything that can be refused without reading it has been. */
export interface RequestHead {
	readonly method: CanonicalRequest['method'];
	readonly path: string;
	readonly segments: readonly string[];
	readonly query: Query;
	readonly fields: HeaderFields;
	/** What the body is going to be, should there be one. */
	readonly bodyKind: 'none' | 'ignored' | 'json' | 'opaque';
	/** Bytes; read one more than this at most, `canonicaliseBody` refuses what is longer. */
	readonly bodyLimit: number;
}

/** bmcweb's limits in bytes. */
const jsonLimit = 1024 * 1024;
/** A body that is read only to be dropped. */
const ignoredLimit = 64 * 1024;
const opaqueLimit = 30 * 1024 * 1024;

/**
 * One canonical request from a raw one, or a BimetalError with a code of `refusals`. Pure.
 * `body` is the whole body; undefined or empty when there is none.
 */
export function canonicalise(
	raw: RawRequest,
	body?: Uint8Array,
	options: CanonicaliseOptions = {},
): CanonicalRequest {
	return canonicaliseBody(canonicaliseHead(raw, options), body);
}

/** The first half of `canonicalise`, for a listener that refuses before it reads the body. */
export function canonicaliseHead(raw: RawRequest, options: CanonicaliseOptions = {}): RequestHead {
	const url = raw.url ?? '';
	const method = readMethod(raw.method);
	const fields = readHeaderFields(raw.rawHeaders, method.length + url.length + ' HTTP/1.1\r\n '.length);
	const { path, segments, query } = parseTarget(url);
	const reads = method === 'GET' || method === 'HEAD';
	if (query.length > 0 && !reads) throw refusal('QueryNotOnMethod');
	if (fields.upgrade !== undefined) throw refusal('UpgradeRefused');
	if (fields.odataVersion !== undefined && fields.odataVersion.trim() !== '4.0')
		throw refusal('ODataVersionUnknown');
	if (fields.expect !== undefined && fields.expect.toLowerCase() !== '100-continue')
		throw refusal('ExpectationUnknown');
	if (fields.ifNoneMatch !== undefined && !reads) throw refusal('IfNoneMatchNotOnMethod');
	const bodyKind = readBodyKind(method, path, fields, options);
	if (bodyKind === 'none' && method === 'POST' && options.opaqueUploads?.(path))
		throw refusal('ImageMissing');
	return { method, path, segments, query, fields, bodyKind, bodyLimit: limitOf(bodyKind, options) };
}

/** The second half. `body` may be cut off after `bodyLimit` + 1 bytes: it is then refused as too large. */
export function canonicaliseBody(head: RequestHead, body?: Uint8Array): CanonicalRequest {
	const { method, path, segments, query, fields } = head;
	const length = body?.length ?? 0;
	const request = { method, path, segments, query, ifMatch: fields.ifMatch, ifNoneMatch: fields.ifNoneMatch };
	if (length > head.bodyLimit) throw refusal(head.bodyKind === 'none' ? 'BodyNotOnMethod' : 'BodyTooLarge');
	if (fields.contentLength !== undefined && Number(fields.contentLength) !== length)
		throw refusal('LengthInvalid');
	if (body === undefined || length === 0 || head.bodyKind === 'ignored') {
		if (method === 'PATCH' || head.bodyKind === 'opaque') throw refusal('BodyMissing');
		return { ...request, body: undefined, bytes: undefined, contentType: undefined };
	}
	if (head.bodyKind === 'opaque')
		return { ...request, body: undefined, bytes: body, contentType: fields.contentType };
	const parsed = parseStrictJson(body);
	if (!isObject(parsed)) throw refusal('BodyNotObject');
	const content = method === 'PATCH' ? withoutAnnotations(parsed) : parsed;
	return {
		...request,
		body: content,
		bytes: Buffer.from(JSON.stringify(content)),
		contentType: 'application/json',
	};
}

/**
 * Clients send back what they have read: the resource's own `@odata.id`, `@odata.type` and the like mean nothing in a
 * PATCH (DSP0266 §7.5), and bmcweb drops them. Left in, they would be properties that no row covers.
 */
function withoutAnnotations(body: Readonly<Record<string, JsonValue>>): Readonly<Record<string, JsonValue>> {
	const names = Object.keys(body);
	const kept = names.filter(name => !name.startsWith('@odata.'));
	if (kept.length === names.length) return body;
	if (kept.length === 0) throw refusal('NoOperation');
	return Object.fromEntries(kept.map(name => [name, body[name] as JsonValue]));
}

/** The second half for an upload that was received into a file; `parameters` are its UpdateParameters, as sent. */
export function canonicaliseUpload(
	head: RequestHead,
	{ image, parameters }: { readonly image: UploadedImage; readonly parameters: Uint8Array | undefined },
): CanonicalRequest {
	const { method, path, segments, query, fields } = head;
	const { ifMatch, ifNoneMatch } = fields;
	const request = { method, path, segments, query, ifMatch, ifNoneMatch, image };
	if (parameters === undefined)
		return { ...request, body: undefined, bytes: undefined, contentType: 'application/octet-stream' };
	const body = parseStrictJson(parameters);
	if (!isObject(body)) throw refusal('BodyNotObject', 'UpdateParameters');
	return { ...request, body, bytes: Buffer.from(JSON.stringify(body)), contentType: 'multipart/form-data' };
}

function readMethod(method: string | undefined): CanonicalRequest['method'] {
	switch (method) {
		case 'GET':
		case 'HEAD':
		case 'POST':
		case 'PATCH':
		case 'PUT':
		case 'DELETE':
			return method;
		case 'OPTIONS':
		case 'TRACE':
		case 'CONNECT':
			throw refusal('MethodNotAllowed');
		default:
			throw refusal('MethodUnknown');
	}
}

/**
 * Settles how the body is framed and what it holds. Node has undone the framing already; that both ends agree
 * on it is what is checked (RFC 9112 §6.3), as a body that one of them does not see becomes the next request.
 */
function readBodyKind(
	method: CanonicalRequest['method'],
	path: string,
	fields: HeaderFields,
	options: CanonicaliseOptions,
): RequestHead['bodyKind'] {
	const { contentLength, contentEncoding, transferEncoding, contentType } = fields;
	const reads = method === 'GET' || method === 'HEAD';
	const carries = method === 'POST' || method === 'PATCH' || method === 'PUT';
	if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity')
		throw refusal('ContentCodingUnknown');
	if (transferEncoding !== undefined) {
		if (contentLength !== undefined) throw refusal('LengthAmbiguous');
		if (transferEncoding.toLowerCase() !== 'chunked') throw refusal('TransferCodingUnknown');
		if (reads) return 'ignored';
		return carries ? readContentType(method, path, contentType, options) : 'none';
	}
	if (contentLength === undefined) {
		if (method === 'PATCH') throw refusal('LengthRequired');
		return 'none';
	}
	if (!/^[0-9]{1,12}$/.test(contentLength)) throw refusal('LengthInvalid');
	const length = Number(contentLength);
	if (length === 0) return 'none';
	if (!carries && !reads) throw refusal('BodyNotOnMethod');
	// DSP0266, "GET (read requests) overview": whatever body a GET has is ignored, and goes nowhere.
	const kind = reads ? 'ignored' : readContentType(method, path, contentType, options);
	const limit = limitOf(kind, options);
	if (length > limit) throw refusal('BodyTooLarge', `it has ${length} bytes, ${limit} are taken`);
	return kind;
}

const jsonType = /^application\/json *(?:; *charset=(?:utf-8|"utf-8") *)?$/i;
const opaqueType =
	/^(?:application\/octet-stream|multipart\/form-data; *boundary=(?:[\w'()+,./:=?-]{1,70}|"[\w'()+,./:=? -]{1,70}"))$/i;

function readContentType(
	method: CanonicalRequest['method'],
	path: string,
	contentType: string | undefined,
	options: CanonicaliseOptions,
): 'json' | 'opaque' {
	if (contentType === undefined) throw refusal('ContentTypeUnsupported');
	if (jsonType.test(contentType)) return 'json';
	const upload = method === 'POST' && opaqueType.test(contentType) && options.opaqueUploads?.(path) === true;
	if (!upload) throw refusal('ContentTypeUnsupported');
	return 'opaque';
}

function limitOf(kind: RequestHead['bodyKind'], { uploadLimit = opaqueLimit }: CanonicaliseOptions): number {
	switch (kind) {
		case 'none':
			return 0;
		case 'ignored':
			return ignoredLimit;
		case 'json':
			return jsonLimit;
		case 'opaque':
			return uploadLimit;
	}
}

function isObject(value: JsonValue): value is { readonly [name: string]: JsonValue } {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
