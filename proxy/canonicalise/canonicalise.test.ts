import test from 'ava';
import {
	type Attempt,
	attempt as canonical,
	outcome,
	rawRequest,
	reset,
	sending,
	system,
} from './attempt.fixture.ts';
import { canonicalise, canonicaliseHead } from './canonicalise.ts';
import { headersForBmc } from './headers.ts';

const attempts: [what: string, attempt: Attempt, outcome: string][] = [
	['the service root', { url: '/redfish/v1' }, 'accepted'],
	['the service root with a slash', { url: '/redfish/v1/' }, 'accepted'],
	['the versions', { url: '/redfish' }, 'accepted'],
	['the metadata', { url: '/redfish/v1/$metadata' }, 'accepted'],
	['the OData document', { url: '/redfish/v1/odata' }, 'accepted'],
	['a trailing slash', { url: `${system}/` }, 'accepted'],
	['HEAD', { method: 'HEAD' }, 'accepted'],
	['a resource that is not there', { url: '/redfish/v1/Systems/nope' }, 'accepted'],
	['DELETE without a body', { method: 'DELETE' }, 'accepted'],
	[
		'an id with odd but plain characters',
		{ url: "/redfish/v1/Chassis/a.b_c~d!e$f&g'(h)*+,=:@-" },
		'accepted',
	],
	['a name that starts with dots', { url: '/redfish/v1/Chassis/...' }, 'accepted'],
	['a network path', { url: `//x${system}` }, 'TargetNetworkPath'],
	['a network path that is all slashes', { url: `//${system}` }, 'TargetNetworkPath'],
	[
		'a network path for an action',
		{ ...sending('POST', '{"ResetType":"On"}'), url: `//x${reset}` },
		'TargetNetworkPath',
	],
	['a fragment', { url: `${system}#/redfish/v1/Chassis` }, 'TargetFragment'],
	['a fragment in the query', { url: `${system}?only#x` }, 'TargetFragment'],
	['a dot segment', { url: '/redfish/v1/Chassis/../Systems/system' }, 'TargetDotSegment'],
	['a single dot', { url: '/redfish/v1/./Systems' }, 'TargetDotSegment'],
	['dots at the end', { url: '/redfish/v1/Systems/..' }, 'TargetDotSegment'],
	['dots before the prefix', { url: '/x/../redfish/v1' }, 'TargetDotSegment'],
	['encoded dots', { url: '/redfish/v1/Chassis/%2e%2e/Systems' }, 'TargetPercentEncoded'],
	['an encoded letter', { url: '/redfish/v1/Systems/%73ystem' }, 'TargetPercentEncoded'],
	['an encoded slash', { url: '/redfish/v1/Systems%2fsystem' }, 'TargetPercentEncoded'],
	['an encoded NUL', { url: `${system}%00` }, 'TargetPercentEncoded'],
	['an empty segment', { url: '/redfish/v1//Systems' }, 'TargetEmptySegment'],
	['two trailing slashes', { url: `${system}//` }, 'TargetEmptySegment'],
	['another case of the prefix', { url: '/Redfish/v1/Systems' }, 'TargetPrefixCase'],
	['another case of the version', { url: '/redfish/V1/Systems' }, 'TargetPrefixCase'],
	['a path parameter', { url: `${system};a=1` }, 'TargetPathParameter'],
	['backslashes', { url: '/redfish/v1\\Systems' }, 'TargetBackslash'],
	['a backslash at the start', { url: '/\\x/redfish/v1' }, 'TargetBackslash'],
	['the absolute form', { url: `http://x${system}` }, 'TargetNotOrigin'],
	['the asterisk form', { url: '*' }, 'TargetNotOrigin'],
	['no target', { url: '' }, 'TargetNotOrigin'],
	['a TAB', { url: '/redfish/v1/\tSystems' }, 'TargetCharacter'],
	['a space', { url: '/redfish/v1/Sys tems' }, 'TargetCharacter'],
	['a line end', { url: '/redfish/v1\r\nX: y' }, 'TargetCharacter'],
	['a letter beyond ASCII', { url: '/redfish/v1/Systèms' }, 'TargetCharacter'],
	['a brace', { url: '/redfish/v1/{x}' }, 'TargetCharacter'],
	['the web interface', { url: '/' }, 'TargetUnknown'],
	['the log-in outside Redfish', { ...sending('POST', '{}'), url: '/login' }, 'TargetUnknown'],
	['a console', { url: '/console0' }, 'TargetUnknown'],
	['another version', { url: '/redfish/v2/Systems' }, 'TargetUnknown'],
	['a longer version', { url: '/redfish/v1x' }, 'TargetUnknown'],
	['only', { url: '/redfish/v1/Systems?only' }, 'accepted'],
	['an encoded name', { url: '/redfish/v1/Systems?%24top=1' }, 'accepted'],
	['a selection', { url: `${system}?$select=PowerState,Status/Health` }, 'accepted'],
	['an expansion', { url: '/redfish/v1/Systems?$expand=.($levels=2)' }, 'accepted'],
	['a filter', { url: '/redfish/v1/Systems?$filter=Severity%20eq%20%27Critical%27' }, 'accepted'],
	['an unknown plain parameter', { url: `${system}?bogus=1` }, 'accepted'],
	['a bare question mark', { url: `${system}?` }, 'accepted'],
	['an unknown $ parameter', { url: `${system}?$bogus=1` }, 'QueryUnknown'],
	['an encoded unknown $ parameter', { url: `${system}?%24bogus` }, 'QueryUnknown'],
	['another case of a $ parameter', { url: `${system}?$Select=Id` }, 'QueryUnknown'],
	['a duplicate', { url: '/redfish/v1/Systems?$top=1&$top=2' }, 'QueryDuplicate'],
	['a duplicate by encoding', { url: '/redfish/v1/Systems?$top=1&%24top=2' }, 'QueryDuplicate'],
	['only with a value', { url: '/redfish/v1/Systems?only=1' }, 'QueryValue'],
	['a $top of letters', { url: '/redfish/v1/Systems?$top=x' }, 'QueryValue'],
	['an empty $select', { url: '/redfish/v1/Systems?$select=' }, 'QueryValue'],
	['a line end in a filter', { url: '/redfish/v1/Systems?$filter=a%0d%0ab' }, 'QueryValue'],
	['a broken escape', { url: `${system}?$filter=%zz` }, 'QueryMalformed'],
	['overlong UTF-8', { url: `${system}?$filter=%c0%af` }, 'QueryMalformed'],
	['an empty pair', { url: `${system}?only&&$top=1` }, 'QueryMalformed'],
	['a raw space in the query', { url: `${system}?$filter=a b` }, 'TargetCharacter'],
	['a query on an action', { ...sending('POST', '{}'), url: `${reset}?$top=1` }, 'QueryNotOnMethod'],
	['Host alone', { headers: [] }, 'accepted'],
	['two Hosts', { headers: ['host: other'] }, 'HeaderDuplicate'],
	[
		'two Authorizations',
		{ headers: ['Authorization: Basic YQ==', 'AUTHORIZATION: Basic Yg=='] },
		'HeaderDuplicate',
	],
	['two tokens', { headers: ['X-Auth-Token: a', 'x-auth-token: b'] }, 'HeaderDuplicate'],
	[
		'two content types',
		{ headers: ['Content-Type: application/json', 'Content-Type: text/plain'] },
		'HeaderDuplicate',
	],
	['two lengths', { headers: ['Content-Length: 2', 'Content-Length: 18'] }, 'HeaderDuplicate'],
	['two If-Match', { headers: ['If-Match: "a"', 'If-Match: "b"'] }, 'HeaderDuplicate'],
	['two cookies', { headers: ['Cookie: a=1', 'cookie: b=2'] }, 'HeaderDuplicate'],
	['a duplicate that is empty', { headers: ['X-Auth-Token: ', 'X-Auth-Token: b'] }, 'HeaderDuplicate'],
	['two Accepts', { headers: ['Accept: a/b', 'Accept: c/d'] }, 'accepted'],
	['a token beyond ASCII', { headers: ['X-Auth-Token: é'] }, 'HeaderCharacter'],
	['headers of 8 KiB', { headers: [`X-A: ${'a'.repeat(8192)}`] }, 'HeadersTooLarge'],
	['a target of 8 KiB', { url: `/redfish/v1/${'a'.repeat(8192)}` }, 'HeadersTooLarge'],
	['a method override', { headers: ['X-HTTP-Method-Override: DELETE'] }, 'HeaderForbidden'],
	['another method override', { headers: ['x-http-method: DELETE'] }, 'HeaderForbidden'],
	['a target override', { headers: [`X-Original-URL: ${reset}`] }, 'HeaderForbidden'],
	['h2c', { headers: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'] }, 'UpgradeRefused'],
	['a websocket', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] }, 'UpgradeRefused'],
	['an event stream', { headers: ['Accept: text/event-stream'] }, 'accepted'],
	['100-continue', { headers: ['Expect: 100-Continue'] }, 'accepted'],
	['another expectation', { headers: ['Expect: 200-ok'] }, 'ExpectationUnknown'],
	['OPTIONS', { method: 'OPTIONS' }, 'MethodNotAllowed'],
	['TRACE', { method: 'TRACE' }, 'MethodNotAllowed'],
	['an unknown method', { method: 'BREW' }, 'MethodUnknown'],
	['a method in lower case', { method: 'get' }, 'MethodUnknown'],
	['a reset', sending('POST', '{"ResetType":"On"}'), 'accepted'],
	['a reset with an escaped key', sending('POST', '{"\\u0052esetType":"On"}'), 'accepted'],
	['an empty object', sending('PATCH', '{}'), 'accepted'],
	[
		'a chunked reset',
		{
			method: 'POST',
			url: reset,
			headers: ['Content-Type: application/json', 'Transfer-Encoding: chunked'],
			body: '{}',
		},
		'accepted',
	],
	['a POST without anything', { method: 'POST', url: reset }, 'accepted'],
	['PUT', { ...sending('PUT', '{}') }, 'accepted'],
	['If-Match on a PATCH', sending('PATCH', '{}', ['If-Match: "deadbeef"']), 'accepted'],
	[
		'UTF-8 said',
		{
			...sending('PATCH', '{}'),
			headers: ['Content-Type: application/json; charset="UTF-8"', 'Content-Length: 2'],
		},
		'accepted',
	],
	['duplicate keys', sending('POST', '{"ResetType":"Nope","ResetType":"On"}'), 'JsonDuplicateKey'],
	['a byte order mark', sending('PATCH', '\ufeff{"AssetTag":"x"}'), 'JsonByteOrderMark'],
	['cut JSON', sending('PATCH', '{"AssetTag":'), 'JsonMalformed'],
	['an array', sending('PATCH', '[]'), 'BodyNotObject'],
	['null', sending('PATCH', 'null'), 'BodyNotObject'],
	[
		'plain text',
		{ method: 'PATCH', headers: ['Content-Type: text/plain', 'Content-Length: 2'], body: '{}' },
		'ContentTypeUnsupported',
	],
	[
		'no content type',
		{ method: 'PATCH', headers: ['Content-Length: 2'], body: '{}' },
		'ContentTypeUnsupported',
	],
	[
		'another charset',
		{
			method: 'PATCH',
			headers: ['Content-Type: application/json; charset=utf-16', 'Content-Length: 2'],
			body: '{}',
		},
		'ContentTypeUnsupported',
	],
	[
		'a form',
		{
			method: 'POST',
			url: reset,
			headers: ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 2'],
			body: '{}',
		},
		'ContentTypeUnsupported',
	],
	[
		'an image where none belongs',
		{
			method: 'POST',
			url: reset,
			headers: ['Content-Type: application/octet-stream', 'Content-Length: 2'],
			body: '{}',
		},
		'ContentTypeUnsupported',
	],
	['a gzip label', sending('PATCH', '{}', ['Content-Encoding: gzip']), 'ContentCodingUnknown'],
	['the identity label', sending('PATCH', '{}', ['Content-Encoding: identity']), 'accepted'],
	[
		'xchunked',
		{
			method: 'POST',
			url: reset,
			headers: ['Content-Type: application/json', 'Transfer-Encoding: xchunked'],
		},
		'TransferCodingUnknown',
	],
	[
		'gzip, chunked',
		{
			method: 'POST',
			url: reset,
			headers: ['Content-Type: application/json', 'Transfer-Encoding: gzip, chunked'],
		},
		'TransferCodingUnknown',
	],
	[
		'length and coding together',
		{ method: 'POST', url: reset, headers: ['Content-Length: 5', 'Transfer-Encoding: chunked'] },
		'LengthAmbiguous',
	],
	[
		'two codings',
		{ method: 'POST', url: reset, headers: ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'] },
		'HeaderDuplicate',
	],
	[
		'a signed length',
		{
			method: 'POST',
			url: reset,
			headers: ['Content-Type: application/json', 'Content-Length: +2'],
			body: '{}',
		},
		'LengthInvalid',
	],
	['a length that is not the body', { ...sending('POST', '{}'), body: '{"a":1}' }, 'LengthInvalid'],
	['a PATCH without anything', { method: 'PATCH' }, 'LengthRequired'],
	['a PATCH with an empty body', { method: 'PATCH', headers: ['Content-Length: 0'] }, 'BodyMissing'],
	['a GET with a body, which is ignored', { headers: ['Content-Length: 2'], body: '{}' }, 'accepted'],
	[
		'too long a body, though ignored',
		{ headers: ['Transfer-Encoding: chunked'], body: new Uint8Array(65537) },
		'BodyTooLarge',
	],
	['another OData', { headers: ['OData-Version: 4.01'] }, 'ODataVersionUnknown'],
	['our OData', { headers: ['OData-Version: 4.0'] }, 'accepted'],
	['a GET that says it has no body', { headers: ['Content-Length: 0'] }, 'accepted'],
	[
		'a DELETE with a body',
		{ method: 'DELETE', headers: ['Content-Length: 2', 'Content-Type: application/json'], body: '{}' },
		'BodyNotOnMethod',
	],
	[
		'too long a body, said',
		{ method: 'PATCH', headers: ['Content-Type: application/json', 'Content-Length: 1048577'] },
		'BodyTooLarge',
	],
	[
		'too long a body, chunked',
		{
			method: 'PATCH',
			headers: ['Content-Type: application/json', 'Transfer-Encoding: chunked'],
			body: new Uint8Array(1048577),
		},
		'BodyTooLarge',
	],
	['If-None-Match on a PUT', sending('PUT', '{}', ['If-None-Match: *']), 'IfNoneMatchNotOnMethod'],
];

for (const [what, attempt, expected] of attempts) {
	test(`${expected}: ${what}`, t => {
		t.is(outcome(attempt), expected);
	});
}

test('a Host that is missing or not a host', t => {
	for (const rawHeaders of [[], ['Host', ''], ['Host', 'a b'], ['Host', 'a/b'], ['Host', 'u@h']]) {
		t.throws(() => canonicalise({ method: 'GET', url: system, rawHeaders }), { code: 'HostMissing' });
	}
	t.notThrows(() => canonicalise({ method: 'GET', url: system, rawHeaders: ['Host', '[::1]:8443'] }));
});

test('what a plain GET becomes', t => {
	t.deepEqual(canonical({ url: `${system}/?%24top=1&only&x=y`, headers: ['If-None-Match: "a"'] }), {
		method: 'GET',
		path: system,
		segments: ['redfish', 'v1', 'Systems', 'system'],
		query: [
			['$top', '1'],
			['only', ''],
		],
		ifMatch: undefined,
		ifNoneMatch: '"a"',
		body: undefined,
		bytes: undefined,
		contentType: undefined,
	});
});

test('the body is rendered again: escapes, spaces and spellings of numbers are gone', t => {
	const request = canonical(sending('PATCH', ' { "\\u0052esetType" : "\\/", "n": 1.0 } '));
	t.is(Buffer.from(request.bytes ?? []).toString(), '{"ResetType":"/","n":1}');
	t.is(request.contentType, 'application/json');
});

test('an image is kept as it came, where the caller lets it', t => {
	const options = { opaqueUploads: (path: string) => path === '/redfish/v1/UpdateService/update' };
	const bytes = Uint8Array.of(0, 255, 1);
	for (const type of ['application/octet-stream', 'multipart/form-data; boundary=x-y']) {
		const headers = [`Content-Type: ${type}`, 'Content-Length: 3'];
		const upload = { method: 'POST', url: '/redfish/v1/UpdateService/update', headers, body: bytes };
		const request = canonical({ ...upload, options });
		t.is(request.bytes, bytes);
		t.is(request.contentType, type);
		t.is(outcome({ ...upload, method: 'PATCH', options }), 'ContentTypeUnsupported');
		const long = [`Content-Type: ${type}`, 'Content-Length: 99999999'];
		t.is(outcome({ ...upload, headers: long, options }), 'BodyTooLarge');
	}
});

test('the head alone tells how much body to read', t => {
	const limit = (attempt: Attempt) => canonicaliseHead(rawRequest(attempt)).bodyLimit;
	t.is(limit({ method: 'GET', url: system }), 0);
	t.is(limit(sending('PATCH', '{}')), 1024 * 1024);
});

test('nothing of the client but the canonical request reaches the BMC', t => {
	const headers = [
		'Authorization: Basic c2VjcmV0',
		'Cookie: SESSION=secret',
		'X-Forwarded-For: secret',
		'Connection: X-Auth-Token',
		'Accept: text/event-stream',
		'Accept-Encoding: gzip',
		'If-None-Match: "secret"',
	];
	t.deepEqual(headersForBmc(canonical({ headers })), {
		accept: 'application/json',
		'accept-encoding': 'identity',
	});
	t.deepEqual(headersForBmc(canonical(sending('PATCH', '{ }', ['If-Match: "e"']))), {
		accept: 'application/json',
		'accept-encoding': 'identity',
		'if-match': '"e"',
		'content-type': 'application/json',
		'content-length': '2',
	});
});
