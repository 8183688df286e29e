import test from 'ava';
import fc from 'fast-check';
import { createJsonStream } from './json-stream.ts';

test('objects come out whole, however the bytes are cut', t => {
	fc.assert(
		fc.property(
			fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), { maxLength: 5 }),
			fc.integer({ min: 1, max: 7 }),
			(objects, size) => {
				const plain = objects.map(object => JSON.parse(JSON.stringify(object)) as unknown);
				const bytes = Buffer.from(plain.map(object => JSON.stringify(object)).join(''));
				const seen: unknown[] = [];
				const take = createJsonStream(value => seen.push(value));
				for (let at = 0; at < bytes.length; at += size) take(bytes.subarray(at, at + size));
				t.deepEqual(seen, plain);
			},
		),
		{ numRuns: 200 },
	);
});

test('braces, quotes and backslashes in texts end nothing', t => {
	const seen: unknown[] = [];
	const take = createJsonStream(value => seen.push(value));
	take(Buffer.from(' {"a":"}{\\"\\\\"}\n{"b":{"c":"\\\\\\"}"}}'));
	t.deepEqual(seen, [{ a: '}{"\\' }, { b: { c: '\\"}' } }]);
});

test('what is no object, and what never ends, is refused', t => {
	for (const text of ['[1]', 'null', '}', 'x{}']) {
		t.throws(() => createJsonStream(() => undefined)(Buffer.from(text)), { instanceOf: SyntaxError }, text);
	}
	t.throws(() => createJsonStream(() => undefined)(Buffer.from('{"a" 1}')), { instanceOf: SyntaxError });
	const take = createJsonStream(() => undefined);
	t.throws(() => take(Buffer.from(`{"a":"${'x'.repeat(5 * 1024 * 1024)}`)), { instanceOf: RangeError });
	t.throws(() => createJsonStream(() => undefined)(Buffer.from([0x7b, 0xff])), { instanceOf: TypeError });
});
