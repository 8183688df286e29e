import type { ServerResponse } from 'node:http';
import type { Answer } from '../answer/answer.ts';
import type { Call } from '../call.ts';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import { matchesIfNoneMatch, strongETag } from '../filter/etag.ts';
import { filterAnswer } from '../filter/filter-answer.ts';
import { applyQueryOptions, parseQueryOptions } from '../filter/query-options.ts';
import type { PostPolicy } from '../policy/policy-set.ts';
import { passHeaders, safeHeaders } from './answer-headers.ts';
import { type BmcConnection, parseAnswer } from './bmc-connection.ts';
import { bmcGarbage } from './bmc-fault.ts';
import { addPrefix } from './links.ts';
import { gatherPages } from './pages.ts';
import { renderForward } from './target.ts';

/** Post-policies to apply: one list for each party in lower case in the clause taken. */
export type Posts = readonly (readonly PostPolicy[])[];

/** A resource as one party sees it, before query options and prefix. */
export interface Sight {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	/** The answer's JSON after the post-policies; undefined where the answer has no body. */
	readonly json: JsonValue | undefined;
	/** `json` as text, where it had to be made already. */
	readonly text?: string;
	/** Bytes that are not JSON (a log attachment, an XML document), which only an unfiltered answer may be. */
	readonly opaque?: Uint8Array;
	/** The proxy's own entity tag where the answer was filtered, else the BMC's. */
	readonly etag: string | undefined;
	/** The BMC's tag, for an If-Match that is mapped back. Never leaves the proxy for a filtered resource. */
	readonly bmcEtag: string | undefined;
}

/** True when the answer can be passed on byte for byte: nobody filters it and its links need no prefix. */
export const canPass = (call: Call, posts: Posts): boolean =>
	posts.length === 0 &&
	call.prefix === '' &&
	!call.request.query.some(([name]) => name === 'only' || name === '$expand');

/** Sends what was decided on and passes the answer on as it is. Returns its status. */
export function pass(call: Call, to: ServerResponse, ifMatch: string | undefined): Promise<number> {
	const forward = renderForward(call.request, { ifMatch, ifNoneMatch: call.request.ifNoneMatch });
	return call.bmc.pass(forward, to, headers => passHeaders(headers, call.prefix));
}

/** Sends what was decided on and keeps the answer, filtered. */
export async function perform(call: Call, posts: Posts, ifMatch: string | undefined): Promise<Sight> {
	const { request, bmc } = call;
	// HEAD goes upstream as GET: only the filtered body knows its length and its tag.
	const method = request.method === 'HEAD' ? 'GET' : request.method;
	const forward = renderForward({ ...request, method }, { query: [], ifMatch });
	const answer = await bmc.send(forward);
	// In the very words in which a hidden resource is answered for: the BMC's own would tell the two apart.
	if (posts.length > 0 && method === 'GET' && answer.status === 404) throw noSuchResource();
	const headers = safeHeaders(answer.headers, call.prefix);
	const bmcEtag = headers.etag;
	delete headers.etag;
	if (answer.body.length === 0) {
		return {
			status: answer.status,
			headers,
			json: undefined,
			etag: posts.length > 0 ? undefined : bmcEtag,
			bmcEtag,
		};
	}
	if (posts.length === 0 && headers['content-type']?.startsWith('application/json') !== true) {
		return { status: answer.status, headers, json: undefined, opaque: answer.body, etag: bmcEtag, bmcEtag };
	}
	let json = parseAnswer(bmc.target.name, answer.body);
	if (posts.length > 0) json = await filter(bmc, json, posts).catch(fault => refuse(call, fault));
	if (method !== 'GET' || answer.status !== 200) {
		return { status: answer.status, headers, json, etag: undefined, bmcEtag };
	}
	if (posts.length === 0) return { status: 200, headers, json, etag: bmcEtag, bmcEtag };
	const text = JSON.stringify(json);
	return { status: 200, headers, json, text, etag: strongETag(text), bmcEtag };
}

const noSuchResource = () => proxyErrors.NotFound('there is no such resource');

/** What is executed stays executed: a fault in filtering its answer must not read like one before it was sent. */
function refuse({ request, bmc }: Call, fault: unknown): never {
	if (request.method === 'GET' || request.method === 'HEAD') throw fault;
	throw bmcGarbage(bmc.target.name, 'it was executed, but its answer could not be filtered', fault);
}

/** What is open to everybody (DSP0266 §13.3.1), asked by nobody in particular: nothing in it is any party's. */
export async function performOpen(
	request: CanonicalRequest,
	bmc: BmcConnection,
	prefix: string,
): Promise<Answer> {
	const answer = await bmc.send(renderForward(request));
	const headers = safeHeaders(answer.headers, prefix);
	const isJson = headers['content-type']?.startsWith('application/json') === true && answer.body.length > 0;
	if (prefix === '' || !isJson) return { status: answer.status, headers, body: answer.body };
	const json = addPrefix(parseAnswer(bmc.target.name, answer.body), prefix);
	return { status: answer.status, headers, body: Buffer.from(JSON.stringify(json)) };
}

async function filter(bmc: BmcConnection, whole: JsonValue, posts: Posts): Promise<JsonValue> {
	const answer = await gatherPages(bmc, whole);
	let result = filterAnswer({ answer, posts });
	if (result.unresolved.length > 0) {
		const resolved = new Map<string, JsonValue>();
		for (const uri of result.unresolved) resolved.set(uri, await bmc.read(uri));
		result = filterAnswer({ answer, posts, resolved });
		if (result.unresolved.length > 0) throw bmcGarbage(bmc.target.name, 'members that cannot be filtered');
	}
	if (result.hidden) throw noSuchResource();
	return result.answer;
}

/** Renders a sight for its client: query options after masking, own entity tags, the prefix on links. */
export function renderSight(call: Call, sight: Sight): Answer {
	const { request } = call;
	const isRead = request.method === 'GET' || request.method === 'HEAD';
	const headers: Record<string, string> = { ...sight.headers };
	if (sight.etag !== undefined) headers.etag = sight.etag;
	const { ifNoneMatch } = request;
	const isFresh =
		ifNoneMatch !== undefined && sight.etag !== undefined && matchesIfNoneMatch(ifNoneMatch, sight.etag);
	if (isRead && sight.status === 200 && isFresh) {
		return { status: 304, headers, body: undefined };
	}
	if (sight.json === undefined) return { status: sight.status, headers, body: sight.opaque };
	let json = sight.json;
	if (isRead && sight.status === 200) {
		// `only` has been followed by the mediator, which decides on the member as on a request of its own.
		const { options } = parseQueryOptions(request.query.filter(([name]) => name !== 'only'));
		json = applyQueryOptions(json, options, request.path).answer;
	}
	if (call.prefix !== '') json = addPrefix(json, call.prefix);
	headers['content-type'] = 'application/json';
	const text = json === sight.json && sight.text !== undefined ? sight.text : JSON.stringify(json);
	return { status: sight.status, headers, body: Buffer.from(text) };
}
