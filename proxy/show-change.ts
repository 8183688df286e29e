import { type Call, targetOf } from './call.ts';
import type { JsonValue } from './canonicalise/canonical-request.ts';
import { parseTarget } from './canonicalise/target.ts';
import { filterAnswer } from './filter/filter-answer.ts';
import { hideErrorTexts, namesIn } from './filter/messages.ts';
import { isObject } from './filter/resource-type.ts';
import { hideHeaders } from './forward/answer-headers.ts';
import type { Posts, Sight } from './forward/perform.ts';

/**
 * What a change's answer shows of a resource is what reading it would show: a BMC may answer a PATCH with the whole
 * resource, and its error texts quote from it.
 * @param postsOfReading the post-policies under which this operator would read a path at once; undefined when not at all
 */
export async function showChange(
	call: Call,
	sight: Sight,
	postsOfReading: (path: string) => Promise<Posts | undefined>,
): Promise<Sight> {
	const { json, status, opaque, ...rest } = sight;
	const isWords = opaque !== undefined && status >= 400;
	const tellsNothing = json === undefined ? !isWords : status < 400 && isPlainSuccess(json);
	if (tellsNothing && !sight.isFiltered && sight.etag === undefined) {
		return { ...sight, headers: hideHeaders(sight.headers) };
	}
	const path = json === undefined ? targetOf(call.request) : pathOf(json, call);
	const posts = path === undefined ? undefined : await postsOfReading(path);
	if (posts?.length === 0 && !sight.isFiltered) return sight;
	const headers = hideHeaders(sight.headers);
	const shown = { ...rest, status, json, headers, etag: undefined, bytes: undefined, isFiltered: true };
	if (json === undefined) return opaque === undefined || isWords ? shown : { ...shown, opaque };
	if (status >= 400 || isMessages(json))
		return { ...shown, json: hideErrorTexts(json, namesIn(call.request.body)) };
	if (!isResource(json)) return { ...shown, json }; // an action's result: the operation's own post-policies have seen it
	const filtered = posts && filterAnswer({ answer: json, posts });
	// It was carried out; only that is told.
	return { ...shown, json: !filtered || filtered.hidden ? undefined : filtered.answer };
}

/** Which resource an answer shows, or tells about; undefined when it says so in no way that can be decided on. */
function pathOf(json: JsonValue, call: Call): string | undefined {
	const id = isObject(json) ? json['@odata.id'] : undefined;
	if (id === undefined) return targetOf(call.request);
	try {
		return parseTarget(String(id)).path;
	} catch {
		return undefined;
	}
}

const isResource = (json: JsonValue): boolean =>
	isObject(json) && (Object.hasOwn(json, '@odata.id') || Object.hasOwn(json, '@odata.type'));

const isMessages = (json: JsonValue): boolean =>
	isObject(json) && Object.keys(json).every(key => key === 'error' || key.endsWith('@Message.ExtendedInfo'));

/** The usual answer to a change, which tells of nothing: no need to find out what its operator may read. */
function isPlainSuccess(json: JsonValue): boolean {
	const messages = isObject(json) && isMessages(json) ? json['@Message.ExtendedInfo'] : undefined;
	return (
		Array.isArray(messages) &&
		messages.length === 1 &&
		messages.every(
			({ MessageId = '', MessageArgs = [], RelatedProperties = [] }) =>
				/^Base\.[0-9.]+\.(?:Success|Created)$/.test(MessageId) &&
				MessageArgs.length === 0 &&
				RelatedProperties.length === 0,
		)
	);
}
