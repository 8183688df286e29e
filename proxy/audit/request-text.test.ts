import test from 'ava';
import fc from 'fast-check';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { digestRequest } from '../canonicalise/digest.ts';
import { policyRecords, requestDigest, requestText } from './request-text.ts';

function requestOf(body: JsonValue | undefined, changes: Partial<CanonicalRequest> = {}): CanonicalRequest {
	const path = '/redfish/v1/AccountService/Accounts/admin';
	return {
		method: 'PATCH',
		path,
		segments: path.split('/').slice(1),
		query: [['$select', 'Name']],
		ifMatch: undefined,
		ifNoneMatch: undefined,
		body,
		bytes: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
		contentType: body === undefined ? undefined : 'application/json',
		...changes,
	};
}

test('of a read nothing is kept', t => {
	for (const method of ['GET', 'HEAD'] as const) {
		t.is(requestText(requestOf(undefined, { method })), undefined);
		t.is(requestDigest(requestOf(undefined, { method }), 'node1', 'v'), null);
	}
});

test('a body is kept as it is, but for what looks like a credential', t => {
	t.deepEqual(requestText(requestOf({ ResetType: 'On' })), {
		body: '{"ResetType":"On"}',
		contentType: 'application/json',
		query: ['$select'],
		size: 18,
	});
	const secret = 'hunter2-hunter2';
	for (const body of [
		{ Password: secret },
		{ Oem: [{ deep: { NewPassword: secret } }] },
		{ SNMP: { AuthenticationKey: secret, EncryptionKey: secret } },
		{ SNMP: { CommunityStrings: [{ CommunityString: secret }] } },
		{ LDAP: { Authentication: { KerberosKeytab: secret } } },
		{ HttpHeaders: [{ Authorization: `Bearer ${secret}` }] },
		{ ImageURI: `https://user:${secret}@files.example/image` },
		{ Text: `password=${secret}` },
	]) {
		const text = requestText(requestOf(body))?.body ?? '';
		t.false(text.includes(secret), text);
		t.true(text.includes('[redacted]'));
	}
});

test('the digest is that of the request where it holds no secret, and tells nothing of one', t => {
	fc.assert(
		fc.property(fc.string(), fc.string(), (one, other) => {
			const body = { UserName: one };
			const { method, path, query, bytes, contentType } = requestOf(body);
			const subject = {
				method,
				path,
				query,
				contentType,
				bodyBytes: bytes,
				bmc: 'node1',
				policyVersion: 'v',
			};
			// Texts with ? or = in them may look like they carry a credential.
			if (/^\w*$/.test(one)) {
				t.is(
					requestDigest(requestOf(body), 'node1', 'v'),
					digestRequest({ ...subject, ifMatch: undefined, nonce: '' }),
				);
			}
			const digestOf = (Password: string) => requestDigest(requestOf({ ...body, Password }), 'node1', 'v');
			t.is(digestOf(one), digestOf(other));
		}),
	);
	const plain = requestDigest(requestOf({ a: 1 }), 'node1', 'v');
	for (const other of [
		requestDigest(requestOf({ a: 2 }), 'node1', 'v'),
		requestDigest(requestOf({ a: 1 }), 'node2', 'v'),
		requestDigest(requestOf({ a: 1 }), 'node1', 'w'),
		requestDigest(requestOf({ a: 1 }, { ifMatch: '"1"' }), 'node1', 'v'),
	]) {
		t.not(other, plain);
	}
});

test('of an upload size and type are kept, and the digest covers its bytes', t => {
	const upload = (bytes: string) =>
		requestOf(undefined, { bytes: Buffer.from(bytes), contentType: 'application/octet-stream' });
	t.like(requestText(upload('image')), { body: null, contentType: 'application/octet-stream', size: 5 });
	t.not(requestDigest(upload('image'), 'node1', 'v'), requestDigest(upload('imago'), 'node1', 'v'));
});

test('long bodies and values are cut at a character, and marked', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'grapheme', minLength: 600, maxLength: 3000 }), text => {
			const body = requestText(requestOf({ Text: text }))?.body ?? '';
			t.true(Buffer.byteLength(body) <= 2048);
			t.true(body.isWellFormed());
			const [policy] = policyRecords([
				{
					party: 'CP',
					operation: 'o',
					expression: 'e',
					holds: true,
					reason: 'r',
					values: Array.from({ length: 99 }, () => ({ expression: 'x', value: text })),
				},
			]);
			t.is(policy?.values?.length, 32);
			t.true(Buffer.byteLength(policy?.values?.[0]?.value ?? '') <= 256);
		}),
	);
});

test('of a policy that its party hides no more is kept than whether it held', t => {
	const secret = 'External.Rack.Label';
	const [kept] = policyRecords([
		{
			party: 'CP',
			operation: 'o',
			expression: `${secret}=="x"`,
			holds: false,
			reason: `${secret} is "y"`,
			values: [{ expression: secret, value: 'y' }],
			private: true,
		},
	]);
	t.like(kept, { party: 'CP', holds: false });
	t.false(JSON.stringify(kept).includes(secret));
	t.is(kept?.values, undefined);
});
