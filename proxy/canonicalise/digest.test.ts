import test from 'ava';
import fc from 'fast-check';
import { type DigestSubject, digestRequest, encodeDigestSubject } from './digest.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 4 });
const subject: fc.Arbitrary<DigestSubject> = fc.record({
	method: text,
	path: text,
	query: fc.array(fc.tuple(text, text), { maxLength: 2 }),
	ifMatch: fc.option(text, { nil: undefined }),
	contentType: fc.option(text, { nil: undefined }),
	bodyBytes: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }),
	bmc: text,
	policyVersion: text,
	nonce: text,
});

const example: DigestSubject = {
	method: 'POST',
	path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
	query: [],
	ifMatch: undefined,
	bodyBytes: Buffer.from('{"ResetType":"On"}'),
	bmc: 'node1',
	policyVersion: 'p',
	nonce: 'n',
};

test('is a SHA-256 in hex, the same for the same request', t => {
	t.regex(digestRequest(example), /^[0-9a-f]{64}$/);
	t.is(
		digestRequest(example),
		digestRequest({ ...example, bodyBytes: Buffer.from(example.bodyBytes ?? []) }),
	);
});

test('changes with every part', t => {
	const changes: Partial<DigestSubject>[] = [
		{ method: 'PATCH' },
		{ path: '/redfish/v1' },
		{ query: [['only', '']] },
		{ ifMatch: '' },
		{ contentType: 'application/json' },
		{ bodyBytes: undefined },
		{ bodyBytes: new Uint8Array() },
		{ bmc: 'node2' },
		{ policyVersion: 'q' },
		{ nonce: 'm' },
	];
	t.is(
		new Set([{}, ...changes].map(change => digestRequest({ ...example, ...change }))).size,
		changes.length + 1,
	);
});

test('different subjects have different encodings', t => {
	const key = (s: DigestSubject) =>
		JSON.stringify(s, (_, v) => (v instanceof Uint8Array ? [...v] : v === undefined ? { nothing: 1 } : v));
	const canonicalKey = (s: DigestSubject) =>
		key({ ...s, contentType: s.contentType, bodyBytes: s.bodyBytes && Uint8Array.from(s.bodyBytes) });
	fc.assert(
		fc.property(subject, subject, (a, b) => {
			t.is(encodeDigestSubject(a).equals(encodeDigestSubject(b)), canonicalKey(a) === canonicalKey(b));
		}),
		{ numRuns: 500 },
	);
});

test('moving bytes from one field to the next changes the encoding', t => {
	fc.assert(
		fc.property(text, text, text, (a, b, c) => {
			if (b === '') return;
			t.not(
				digestRequest({ ...example, bmc: a + b, nonce: c }),
				digestRequest({ ...example, bmc: a, nonce: b + c }),
			);
			t.not(
				digestRequest({ ...example, query: [[a + b, c]] }),
				digestRequest({ ...example, query: [[a, b + c]] }),
			);
		}),
	);
	t.pass();
});

test('strings that UTF-8 cannot tell apart are refused', t => {
	t.throws(() => digestRequest({ ...example, bmc: '\ud800' }), { instanceOf: TypeError });
});
