import test from 'ava';
import fc from 'fast-check';
import { createSseParser, type SseMessage } from './sse-parser.ts';

const limits = { event: 4096 };
const parse = (text: string | Uint8Array, cuts: readonly number[] = []): SseMessage[] => {
	const bytes = Buffer.from(text as string);
	const parser = createSseParser(limits);
	const ends = [...new Set(cuts.map(cut => cut % (bytes.length + 1))), bytes.length].sort((a, b) => a - b);
	let from = 0;
	return ends.flatMap(end => {
		const part = bytes.subarray(from, end);
		from = end;
		return parser.push(part);
	});
};

test('as bmcweb sends them: the JSON over several data lines', t => {
	t.deepEqual(parse('id: 2\ndata: {\ndata:   "Id": "2"\ndata: }\n\nid: 3\ndata: {}\n\n'), [
		{ id: '2', event: '', data: '{\n  "Id": "2"\n}' },
		{ id: '3', event: '', data: '{}' },
	]);
});

test('comments, fields without a value, unknown fields, other line ends, a byte order mark', t => {
	t.deepEqual(parse('\ufeff: hello\r\nretry: 5\r\ndata\rdata:x\r\n\r\nevent: e\rdata: y\r\r'), [
		{ id: '', event: '', data: '\nx' },
		{ id: '', event: 'e', data: 'y' },
	]);
	t.deepEqual(parse('id: 7\n\ndata: x\n\n'), [{ id: '7', event: '', data: 'x' }]);
	t.deepEqual(parse('data: never ended'), []);
});

test('too long an event, NUL and what is no UTF-8 are faults', t => {
	t.throws(() => parse(`data: ${'x'.repeat(5000)}\n\n`), { message: /more than 4096/ });
	t.throws(() => parse(':\n'.repeat(3000)), { message: /more than 4096/ });
	t.throws(() => parse('data: x'.repeat(1000)), { message: /more than 4096/ });
	t.throws(() => parse('data: \0\n'), { message: /NUL/ });
	t.throws(() => parse(new Uint8Array([0x64, 0xff, 0x0a])));
	t.notThrows(() => parse('data: x\n\n'.repeat(3000)));
});

test('property: where the bytes are cut makes no difference', t => {
	const line = fc.oneof(
		fc.constantFrom('', ':c', 'id: 4', 'event:x', 'data', 'retry: 1'),
		fc.string({ unit: 'grapheme', maxLength: 12 }).map(text => `data: ${text.replace(/[\r\n\0]/g, '')}`),
	);
	const ending = fc.constantFrom('\n', '\r', '\r\n');
	fc.assert(
		fc.property(
			fc.array(fc.tuple(line, ending), { maxLength: 30 }),
			fc.array(fc.nat(500), { maxLength: 6 }),
			(lines, cuts) => {
				const text = lines.map(([content, end]) => content + end).join('');
				t.deepEqual(parse(text, cuts), parse(text));
			},
		),
	);
});
