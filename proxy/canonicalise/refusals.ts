import { BimetalError } from '../../common/errors/bimetal-error.ts';

/**
 * Every reason for which the canonicalise stage turns a request away, with its HTTP status. A request is
 * refused rather than repaired: what a lenient BMC would make of it must never differ from what was decided on.
 */
export const refusals = {
	MethodNotAllowed: [405, 'Redfish uses GET, HEAD, POST, PATCH, PUT and DELETE only'],
	MethodUnknown: [501, 'This method is not known'],

	TargetNotOrigin: [400, 'The request target must be a path that starts with one slash'],
	TargetNetworkPath: [400, 'The request target must not start with two slashes'],
	TargetFragment: [400, 'The request target must not hold a fragment'],
	TargetBackslash: [400, 'The request target must not hold a backslash'],
	TargetPercentEncoded: [400, 'The path must not be percent-encoded'],
	TargetPathParameter: [400, 'The path must not hold a semicolon'],
	TargetCharacter: [400, 'The request target holds a character that a URI may not hold'],
	TargetEmptySegment: [400, 'The path must not hold an empty segment'],
	TargetDotSegment: [400, 'The path must not hold dot segments'],
	TargetPrefixCase: [400, 'The path must start with /redfish/v1 in lower case'],
	TargetUnknown: [404, 'There is nothing outside /redfish/v1'],

	QueryMalformed: [400, 'The query is not a list of name=value pairs with valid percent-encoding'],
	QueryDuplicate: [400, 'A query parameter appears twice'],
	QueryUnknown: [
		501,
		'A query parameter that starts with $ is not one of only, $expand, $filter, $select, $skip and $top',
	],
	QueryValue: [400, 'A query parameter has a value that it cannot have'],
	QueryNotOnMethod: [400, 'Query parameters go with GET and HEAD only'],

	HeadersTooLarge: [431, 'The request line and headers are larger than 8 KiB'],
	HeaderDuplicate: [400, 'A header that may appear once appears twice'],
	HeaderCharacter: [400, 'A header holds a character that it may not hold'],
	HeaderForbidden: [400, 'A header asks for another method or target than the request line names'],
	HostMissing: [400, 'The Host header is missing or malformed'],
	ODataVersionUnknown: [412, 'The only version of OData that is spoken here is 4.0'],
	UpgradeRefused: [400, 'Only a console can be opened, as a WebSocket; nothing else is upgraded'],
	HandshakeInvalid: [400, 'This is no handshake that opens a WebSocket'],
	HandshakeVersion: [426, 'The only version of the WebSocket protocol is 13'],
	OriginForeign: [403, 'A web page of another host cannot open a console here'],
	ExpectationUnknown: [417, 'The only expectation that can be met is 100-continue'],
	IfNoneMatchNotOnMethod: [400, 'If-None-Match goes with GET and HEAD only'],

	LengthInvalid: [400, 'Content-Length is not a whole number, or not the length of the body'],
	LengthAmbiguous: [400, 'Content-Length and Transfer-Encoding must not appear together'],
	LengthRequired: [411, 'PATCH needs a body and its Content-Length'],
	TransferCodingUnknown: [501, 'The only transfer coding that can be read is chunked'],
	BodyNotOnMethod: [400, 'DELETE has no body'],
	BodyMissing: [400, 'This request needs a body'],
	BodyTooLarge: [413, 'The body is larger than allowed'],
	BodyNotObject: [400, 'The body must be a JSON object'],
	NoOperation: [400, 'The body holds annotations alone, which change nothing'],
	ContentCodingUnknown: [415, 'The body must not be compressed'],
	ContentTypeUnsupported: [415, 'The body must be application/json in UTF-8'],
	MultipartMalformed: [400, 'The body is not multipart/form-data as one and all read it'],
	MultipartPart: [
		400,
		'An upload has one part UpdateParameters (JSON) and one part UpdateFile, and no other',
	],
	ImageMissing: [400, 'The upload holds no image, or one of no bytes'],

	JsonMalformed: [400, 'The body is not JSON'],
	JsonByteOrderMark: [400, 'The body must not start with a byte order mark'],
	JsonEncoding: [400, 'The body is not valid UTF-8'],
	JsonDuplicateKey: [400, 'An object of the body has the same property twice'],
	JsonForbiddenKey: [400, 'An object of the body has a property that no resource has'],
	JsonLoneSurrogate: [400, 'A string of the body holds half a surrogate pair'],
	JsonNumberInexact: [400, 'A number of the body cannot be kept exactly'],
	JsonTooDeep: [400, 'The body is nested more than 10 levels deep'],
	JsonTooManyValues: [400, 'The body holds more than 2000 values'],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type Refusal = keyof typeof refusals;

/** The error for a refused request; `detail` says where, and never quotes a credential. */
export function refusal(code: Refusal, detail?: string): BimetalError {
	const [status, message] = refusals[code];
	return new BimetalError(code, detail === undefined ? message : `${message}: ${detail}`, {
		status,
		expose: true,
		...(code === 'MethodNotAllowed' && { headers: { allow: 'GET, HEAD, POST, PATCH, DELETE' } }),
	});
}

/**
 * Refusals that say nothing of how bytes are framed or where they go: only somebody who is known learns of them
 * (DSP0266 "HTTP header authentication requirements": credentials come before other headers).
 */
export const refusedAfterLogIn: ReadonlySet<string> = new Set<Refusal>([
	'MethodNotAllowed',
	'MethodUnknown',
	'QueryNotOnMethod',
	'UpgradeRefused',
	'ExpectationUnknown',
	'IfNoneMatchNotOnMethod',
	'ODataVersionUnknown',
	'LengthRequired',
	'BodyNotOnMethod',
	'BodyTooLarge',
	'ContentCodingUnknown',
	'ContentTypeUnsupported',
]);
