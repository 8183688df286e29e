import test from 'ava';
import fc from 'fast-check';
import { createFrameReader, type Framing, FramingError, frame } from './framing.ts';

const aFraming = fc.constantFrom<Framing>('marked', 'chunked');
/** Text that has parts of marks in it, often at its ends. */
const aMessage = fc
	.array(
		fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(']', ']]>', ']]>]]', '\n#', '\n##', '#1\n')),
		{
			minLength: 1,
			maxLength: 8,
		},
	)
	.map(parts => parts.join(''))
	.filter(
		text => text !== '' && !text.includes(']]>]]>') && !`${text}]]>]]>`.slice(0, -1).includes(']]>]]>'),
	);
const someCuts = fc.array(fc.nat(5000), { maxLength: 20 });

/** The same bytes, in pieces. */
function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
	const at = [0, ...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
	return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

function readAll(framing: Framing, pieces: readonly Buffer[], limit = 1_000_000): string[] {
	const reader = createFrameReader(limit);
	reader.use(framing);
	const messages: string[] = [];
	for (const piece of pieces) {
		reader.push(piece);
		for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
	}
	return messages;
}

test('messages come out as they went in, however the wire cuts them', t => {
	const messages = fc.array(aMessage, { minLength: 1, maxLength: 5 });
	fc.assert(
		fc.property(aFraming, messages, someCuts, (framing, sent, cuts) => {
			const wire = Buffer.concat(sent.map(message => frame(message, framing)));
			t.deepEqual(readAll(framing, cutAt(wire, cuts)), sent);
		}),
		{ numRuns: 300 },
	);
});

test('chunks of any sizes make the same message, also where they cut a character', t => {
	fc.assert(
		fc.property(aMessage, someCuts, someCuts, (message, chunkCuts, cuts) => {
			const chunks = cutAt(Buffer.from(message), chunkCuts).filter(chunk => chunk.length > 0);
			const framed = chunks.flatMap(chunk => [Buffer.from(`\n#${chunk.length}\n`), chunk]);
			const wire = Buffer.concat([...framed, Buffer.from('\n##\n')]);
			t.deepEqual(readAll('chunked', cutAt(wire, cuts)), [message]);
		}),
		{ numRuns: 300 },
	);
});

test('the framing changes after a message, also when both came together', t => {
	const reader = createFrameReader(1000);
	reader.push(Buffer.concat([frame('<hello/>', 'marked'), frame('<rpc/>', 'chunked')]));
	t.is(reader.next(), '<hello/>');
	reader.use('chunked');
	t.is(reader.next(), '<rpc/>');
	t.is(reader.next(), undefined);
});

test('no bytes make the reader do anything but wait, read or refuse', t => {
	fc.assert(
		fc.property(
			aFraming,
			fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }),
			(framing, pieces) => {
				try {
					readAll(framing, pieces.map(Buffer.from));
				} catch (fault) {
					if (!(fault instanceof FramingError)) throw fault;
				}
			},
		),
		{ numRuns: 500 },
	);
	t.pass();
});

for (const [what, bytes] of [
	['a chunk of no bytes', '\n#0\n'],
	['a length with a zero in front', '\n#01\na'],
	['a length of eleven digits', '\n#99999999999\n'],
	['an end without a chunk', '\n##\n'],
	['text between chunks', '\n#1\nab'],
	['no chunk at all', '<rpc-reply/>'],
] as const) {
	test(`refused: ${what}`, t => {
		t.throws(() => readAll('chunked', [Buffer.from(bytes)]), { instanceOf: FramingError });
	});
}

test('a message that is too long is refused before it is all there', t => {
	const limit = 1000;
	const refused = { instanceOf: FramingError, message: 'a message is longer than 1000 bytes' };
	t.throws(() => readAll('marked', [Buffer.alloc(limit + 1, 'x')], limit), refused);
	t.throws(() => readAll('chunked', [Buffer.from('\n#4294967295\n')], limit), refused);
	t.throws(() => readAll('chunked', [frame('x'.repeat(limit + 1), 'chunked')], limit), refused);
	t.deepEqual(readAll('marked', [frame('x'.repeat(limit), 'marked')], limit), ['x'.repeat(limit)]);
	t.deepEqual(readAll('chunked', [frame('x'.repeat(limit), 'chunked')], limit), ['x'.repeat(limit)]);
});

test('what is no UTF-8 is refused, and no message can end another', t => {
	t.throws(() => readAll('marked', [Buffer.from([0xff, ...Buffer.from(']]>]]>')])]), {
		instanceOf: FramingError,
	});
	t.throws(() => frame('a]]>]]>b', 'marked'), { instanceOf: FramingError });
});
