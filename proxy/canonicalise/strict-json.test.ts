import test from 'ava';
import fc from 'fast-check';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { parseStrictJson } from './strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));
const codeOf = (input: string | Uint8Array): string => {
	try {
		parseStrictJson(typeof input === 'string' ? Buffer.from(input) : input);
	} catch (error) {
		if (error instanceof BimetalError) return error.code;
		throw error;
	}
	return 'accepted';
};

for (const [what, text, code] of [
	['a duplicate key', '{"A":1,"A":2}', 'JsonDuplicateKey'],
	[
		'a key that is a duplicate once unescaped',
		'{"ResetType":"On","\\u0052esetType":"ForceOff"}',
		'JsonDuplicateKey',
	],
	['a duplicate further down', '{"Boot":[{"x":1,"y":2,"x":1}]}', 'JsonDuplicateKey'],
	['__proto__', '{"__proto__":{"admin":true}}', 'JsonForbiddenKey'],
	['__proto__ in disguise', '{"\\u005f_proto__":1}', 'JsonForbiddenKey'],
	['a byte order mark', '\ufeff{}', 'JsonByteOrderMark'],
	['half a pair', '"\\ud800"', 'JsonLoneSurrogate'],
	['halves the wrong way round', '"\\udc00\\ud800"', 'JsonLoneSurrogate'],
	['half a pair in a key', '{"\\udfff":1}', 'JsonLoneSurrogate'],
	['too large an integer', '9007199254740993', 'JsonNumberInexact'],
	['too many digits', '0.1000000000000000000001', 'JsonNumberInexact'],
	['infinity', '1e999', 'JsonNumberInexact'],
	['what underflows', '1e-999', 'JsonNumberInexact'],
	['minus zero', '-0', 'JsonNumberInexact'],
	['a leading zero', '01', 'JsonMalformed'],
	['a leading plus', '+1', 'JsonMalformed'],
	['a bare point', '1.', 'JsonMalformed'],
	['hexadecimal', '0x10', 'JsonMalformed'],
	['NaN', 'NaN', 'JsonMalformed'],
	['a trailing comma', '[1,]', 'JsonMalformed'],
	['a trailing comma in an object', '{"a":1,}', 'JsonMalformed'],
	['a comment', '{/**/}', 'JsonMalformed'],
	['single quotes', "{'a':1}", 'JsonMalformed'],
	['a second value', '{}{}', 'JsonMalformed'],
	['a NUL after the value', '{}\0', 'JsonMalformed'],
	['a no-break space', '\u00a0{}', 'JsonMalformed'],
	['a raw control character', '"\n"', 'JsonMalformed'],
	['an unknown escape', '"\\x41"', 'JsonMalformed'],
	['a short \\u', '"\\u12"', 'JsonMalformed'],
	['a cut object', '{"AssetTag":', 'JsonMalformed'],
	['a cut string', '"abc', 'JsonMalformed'],
	['nothing', '', 'JsonMalformed'],
	['eleven levels', `${'['.repeat(11)}${']'.repeat(11)}`, 'JsonTooDeep'],
	['many levels, unclosed', '['.repeat(100_000), 'JsonTooDeep'],
	['2001 values', `[${'0,'.repeat(1999)}0]`, 'JsonTooManyValues'],
] as const) {
	test(`refused: ${what}`, t => {
		t.is(codeOf(text), code);
	});
}

test('refused: bytes that are not UTF-8', t => {
	t.is(codeOf(Uint8Array.of(0x22, 0xff, 0x22)), 'JsonEncoding');
	t.is(codeOf(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)), 'JsonEncoding', 'overlong');
	t.is(codeOf(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)), 'JsonEncoding', 'encoded surrogate');
	t.is(codeOf(Buffer.from('\ufeff{}', 'utf16le')), 'JsonEncoding', 'UTF-16');
});

test('accepted up to the limits', t => {
	t.is(codeOf(`${'['.repeat(10)}${']'.repeat(10)}`), 'accepted');
	t.is(codeOf(`[${'0,'.repeat(1998)}0]`), 'accepted');
});

test('numbers that mean the same are taken whatever their spelling', t => {
	t.deepEqual(
		parse('[1.0, 1e2, 0.50, 12E-1, 0.0, 1E+2, 100000000000000000000, 5e-324, 0e7]'),
		[1, 100, 0.5, 1.2, 0, 100, 1e20, 5e-324, 0],
	);
});

test('agrees with JSON.parse on whatever JSON.stringify writes', t => {
	fc.assert(
		fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
			const text = JSON.stringify(value, null, indent);
			if (text.includes('__proto__')) return;
			t.deepEqual(JSON.stringify(parse(text)), JSON.stringify(JSON.parse(text)));
		}),
		{ numRuns: 300 },
	);
	t.pass();
});

test('agrees with JSON.parse on whatever it accepts of mangled JSON', t => {
	const fragment = fc.constantFrom(
		...['{', '}', '[', ']', ',', ':', '"', '"a"', '"b"', '\\', '\\u0061', '1', '-', '0', '.', 'e', 'E5'],
		...['true', 'null', ' ', '\n', 'é', '\u2028', '"__proto__"', '\ufeff', '-0', '1e400'],
	);
	fc.assert(
		fc.property(fc.array(fragment, { maxLength: 12 }), fragments => {
			const text = fragments.join('');
			if (codeOf(text) === 'accepted') t.is(JSON.stringify(parse(text)), JSON.stringify(JSON.parse(text)));
		}),
		{ numRuns: 5000 },
	);
	t.pass();
});

test('rendering what was parsed and parsing it again changes nothing', t => {
	fc.assert(
		fc.property(fc.json({ maxDepth: 8 }), text => {
			if (codeOf(text) !== 'accepted') return;
			const rendered = JSON.stringify(parse(text));
			t.is(JSON.stringify(parse(rendered)), rendered);
		}),
	);
	t.pass();
});
