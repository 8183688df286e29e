import type { ServerResponse } from 'node:http';
import type { Answer } from '../answer/answer.ts';
import type { Call } from '../call.ts';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import { matchesIfNoneMatch, strongETag } from '../filter/etag.ts';
import { type FilterOutput, filterAnswer } from '../filter/filter-answer.ts';
import { forEach } from '../filter/look-up.ts';
import { hideErrorTexts, namesIn } from '../filter/messages.ts';
import { showProtocolFeatures } from '../filter/protocol-features.ts';
import type { PostPolicy } from '../policy/policy-set.ts';
import { readImageLimit, tooLargeForBmc } from '../upload/image-limit.ts';
import { renderUpload } from '../upload/render-upload.ts';
import { describeResource, hideHeaders, passHeaders, safeHeaders } from './answer-headers.ts';
import { type BmcConnection, type ForwardRequest, parseAnswer } from './bmc-connection.ts';
import { bmcGarbage, bmcUnreachable } from './bmc-fault.ts';
import { addPrefix } from './links.ts';
import { gatherPages, isPaged } from './pages.ts';
import { renderForward } from './target.ts';

/** Post-policies to apply: one list for each party in lower case in the clause taken. */
export type Posts = readonly (readonly PostPolicy[])[];

/** A resource as one party sees it, before query options and prefix. */
export interface Sight {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	/** The answer's JSON after the post-policies; undefined where the answer has no body. */
	readonly json: JsonValue | undefined;
	/** `json` as bytes, where they are there already. */
	readonly bytes?: Uint8Array | undefined;
	/** Bytes that are not JSON (a log attachment, an XML document), which only an unfiltered answer may be. */
	readonly opaque?: Uint8Array;
	/** The proxy's own entity tag where the answer is not the BMC's as it came, else the BMC's. */
	readonly etag: string | undefined;
	/** The BMC's tag, for an If-Match that is mapped back. Never leaves the proxy for a filtered resource. */
	readonly bmcEtag: string | undefined;
	/** A post-policy applied, whether it changed anything or not. */
	readonly isFiltered: boolean;
}

/** True when the answer can be passed on byte for byte: nobody filters it, and nothing in it is the proxy's to say. */
export const canPass = ({ prefix, request }: Call, posts: Posts): boolean =>
	posts.length === 0 &&
	// In an attachment there are no links, and it may be larger than what is kept of an answer.
	(prefix === '' || request.path.endsWith('/attachment')) &&
	request.query.length === 0 &&
	request.path !== serviceRoot &&
	// bmcweb answers HEAD on a route of its own, without length and tag.
	request.method !== 'HEAD';

/** Its ProtocolFeaturesSupported are the proxy's. */
const serviceRoot = '/redfish/v1';

/**
 * Sends what was decided on and passes the answer on as it is. A page of a collection is not passed (false): it must be
 * performed, for its link to the next one is of the BMC's own making and would not reach it. `allow`: the methods that
 * the table has rows for, where the BMC does not say.
 */
export async function pass(
	call: Call,
	to: ServerResponse,
	ifMatch: string | undefined,
	allow: () => string,
): Promise<boolean> {
	const { prefix } = call;
	const forward = renderForward(call.request, { ifMatch, ifNoneMatch: call.request.ifNoneMatch });
	const { isPage } = await call.bmc.pass(forward, to, ({ status, headers }, start) =>
		passHeaders(headers, start, { status, prefix, allow }),
	);
	return !isPage;
}

/** Sends what was decided on and keeps the answer, filtered. */
export async function perform(call: Call, posts: Posts, ifMatch: string | undefined): Promise<Sight> {
	const { request, bmc } = call;
	// HEAD goes upstream as GET: only the filtered body knows its length and its tag.
	const method = request.method === 'HEAD' ? 'GET' : request.method;
	const forward = renderForward({ ...request, method }, { query: [], ifMatch });
	const answer = await bmc.send(request.image ? await prepareUpload(call, forward) : forward);
	const { status } = answer;
	const isFiltered = posts.length > 0;
	// In the very words in which a hidden resource is answered for: the BMC's own would tell the two apart.
	if (isFiltered && method === 'GET' && status === 404) throw noSuchResource();
	const { etag: bmcEtag, ...safe } = safeHeaders(answer.headers, call.prefix);
	const headers = isFiltered ? hideHeaders(safe) : safe;
	const etag = isFiltered ? undefined : bmcEtag;
	const sight = { status, headers, json: undefined, etag, bmcEtag, isFiltered };
	if (answer.body.length === 0) return sight;
	if (!isFiltered && headers['content-type']?.startsWith('application/json') !== true) {
		return { ...sight, opaque: answer.body };
	}
	const parsed = parseAnswer(bmc.target.name, answer.body);
	if (method !== 'GET' || status !== 200) {
		if (!isFiltered) return { ...sight, json: parsed, etag: undefined };
		if (status >= 400) return { ...sight, json: hideErrorTexts(parsed, namesIn(request.body)) };
		return { ...sight, json: (await filter(bmc, parsed, posts).catch(fault => refuse(call, fault))).answer };
	}
	const whole = isPaged(parsed) ? await gatherPages(bmc, request.path, parsed) : parsed;
	const { answer: filtered, isConcerned } = isFiltered
		? (settled(filterAnswer({ answer: whole, posts })) ?? (await filter(bmc, whole, posts)))
		: { answer: whole, isConcerned: false };
	const json = request.path === serviceRoot ? showProtocolFeatures(filtered) : filtered;
	// Where no policy is about anything in it, the BMC's own bytes are what its reader may see. Not so where one is and
	// changes nothing by chance: how the bytes are written would then tell what they might have held.
	const isAsItCame = json === parsed && !isConcerned;
	const bytes = isAsItCame ? answer.body : Buffer.from(JSON.stringify(json));
	return { ...sight, json, bytes, etag: isFiltered || !isAsItCame ? strongETag(bytes) : bmcEtag };
}

/** What a resource of the proxy's own answers, before it is filtered. */
export interface OwnAnswer {
	readonly status: number;
	/** Lower-case names; a Location without prefix. */
	readonly headers?: Readonly<Record<string, string>>;
	readonly json?: JsonValue;
}

/** The same for a resource of the proxy's own: filtered as the BMC's would be. */
export async function performOwn(
	call: Call,
	posts: Posts,
	answer: (call: Call) => Promise<OwnAnswer>,
): Promise<Sight> {
	const { status, headers: given = {}, json } = await answer(call);
	const headers: Record<string, string> = {
		'odata-version': '4.0',
		'cache-control': 'no-store',
		'x-content-type-options': 'nosniff',
		...given,
	};
	if (headers.location?.startsWith('/')) headers.location = call.prefix + headers.location;
	// Its tag is the proxy's to compare, as that of a filtered resource is.
	const sight = { status, headers, json, etag: undefined, bmcEtag: undefined, isFiltered: true };
	if (json === undefined) return sight;
	const filtered = filterAnswer({ answer: json, posts });
	if (filtered.hidden) throw noSuchResource();
	if (status !== 200) return { ...sight, json: filtered.answer };
	const bytes = Buffer.from(JSON.stringify(filtered.answer));
	const etag = strongETag(bytes);
	return { ...sight, json: filtered.answer, bytes, etag, bmcEtag: etag };
}

/**
 * Looks at the update service before an image is sent: a session that the BMC has forgotten would not let so long a
 * body in, and one that is too large need not be sent to be refused. Nothing was sent when it throws.
 */
async function prepareUpload(call: Call, forward: ForwardRequest): Promise<ForwardRequest> {
	const { bmc, request } = call;
	const limit = await readImageLimit(bmc).catch(fault => {
		throw bmcUnreachable(
			bmc.target.name,
			`its update service cannot be read: ${(fault as Error).message}`,
			fault,
		);
	});
	if (request.image && limit !== undefined && request.image.size > limit) throw tooLargeForBmc(bmc, limit);
	return renderUpload(call, forward);
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
	const call: Call = { request, bmc, prefix, operator: { name: '', party: '' } };
	return renderResource(call, await perform(call, [], undefined), () => 'GET, HEAD');
}

/** Renders what a read shows, with the headers that every resource has. */
export function renderResource(call: Call, sight: Sight, allow: () => string): Answer {
	if (sight.status !== 200) return renderSight(call, sight);
	const headers = describeResource(sight.headers, sight.json, { prefix: call.prefix, allow });
	return renderSight(call, { ...sight, headers });
}

/** What needs no further look at the BMC: nearly every answer, without a wait. */
const settled = (result: FilterOutput): FilterOutput | undefined =>
	result.hidden || result.unresolved.length > 0 ? undefined : result;

async function filter(
	bmc: BmcConnection,
	answer: JsonValue,
	posts: Posts,
): Promise<{ readonly answer: JsonValue; readonly isConcerned: boolean }> {
	let result = filterAnswer({ answer, posts });
	if (result.unresolved.length > 0) {
		const resolved = new Map<string, JsonValue>();
		await forEach(result.unresolved, async uri => void resolved.set(uri, await bmc.read(uri)));
		result = filterAnswer({ answer, posts, resolved });
		if (result.unresolved.length > 0) throw bmcGarbage(bmc.target.name, 'members that cannot be filtered');
	}
	if (result.hidden) throw noSuchResource();
	return result;
}

/** Renders a sight for its client: its entity tag against the client's, the prefix on links. */
export function renderSight(call: Call, sight: Sight): Answer {
	const { request } = call;
	const isRead = request.method === 'GET' || request.method === 'HEAD';
	const headers: Record<string, string> = { ...sight.headers };
	if (sight.etag !== undefined) headers.etag = sight.etag;
	const { ifNoneMatch } = request;
	const isFresh =
		ifNoneMatch !== undefined && sight.etag !== undefined && matchesIfNoneMatch(ifNoneMatch, sight.etag);
	if (isRead && sight.status === 200 && isFresh) {
		delete headers['content-type'];
		return { status: 304, headers, body: undefined };
	}
	if (sight.json === undefined) return { status: sight.status, headers, body: sight.opaque };
	headers['content-type'] = 'application/json';
	const bytes = call.prefix === '' ? sight.bytes : undefined;
	const body = bytes ?? Buffer.from(JSON.stringify(addPrefix(sight.json, call.prefix)));
	return { status: sight.status, headers, body };
}
