import fc from 'fast-check';
import { handshake, odd, oddUpload, render, type Shape, wellFormed } from './request-shapes.ts';

/** What one connection sends, and how. */
export interface Stream {
	/** Which of the site's doors: the main port, or a BMC's own. */
	readonly door: 'main' | 'node1' | 'node3';
	/** Latin-1: one character a byte. */
	readonly text: string;
	/** Where the bytes are cut into writes of their own, as fractions of the whole. */
	readonly cuts: readonly number[];
	/** Where it is cut besides, in bytes. */
	readonly breaks: readonly number[];
	/** What the client does after the last byte: asks for the end, ends its half, or breaks off at once. */
	readonly ending: 'ask' | 'half-close' | 'break-off';
}

interface Mutation {
	readonly at: number;
	readonly kind: 'drop' | 'double' | 'insert';
	readonly length: number;
	readonly bytes: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
	at: fc.double({ min: 0, max: 1, noNaN: true }),
	kind: fc.constantFrom('drop', 'double', 'insert'),
	length: fc.integer({ min: 1, max: 40 }),
	bytes: fc.constantFrom(
		'\r\n',
		'\r',
		'\n',
		'\r\n\r\n',
		' ',
		'\t',
		'\u0000',
		'0\r\n\r\n',
		':',
		'\u0080',
		'"',
		'{',
		'}',
		'GET / HTTP/1.1\r\n',
	),
});

function mutate(text: string, { at, kind, length, bytes }: Mutation): string {
	const from = Math.floor(at * text.length);
	const piece = text.slice(from, from + length);
	const put = kind === 'drop' ? '' : kind === 'double' ? piece + piece : bytes + piece;
	return text.slice(0, from) + put + text.slice(from + length);
}

/** Byte streams for one connection. */
const anyStream: fc.Arbitrary<Stream> = fc
	.record({
		door: fc.constantFrom('main', 'node1', 'node3'),
		prefix: fc.oneof(
			{ weight: 8, arbitrary: fc.constantFrom('/bmc/node1', '/bmc/node2') },
			{ weight: 1, arbitrary: fc.constantFrom('/bmc/node9', '', '/bmc', '/bmc/') },
		),
		/** All of its requests name a BMC by its host. */
		host: fc.constantFrom('localhost', 'localhost', 'localhost', 'node1.test', 'Node1.Test:8443'),
		shapes: fc.array(
			fc.record({
				shape: fc.oneof(
					{ weight: 6, arbitrary: wellFormed },
					{ weight: 2, arbitrary: odd },
					{ weight: 1, arbitrary: oddUpload },
					{ weight: 2, arbitrary: handshake },
				),
				/** Its body is another request. */
				smuggled: fc.oneof(
					{ weight: 7, arbitrary: fc.constant(undefined) },
					{ weight: 1, arbitrary: wellFormed },
				),
			}),
			{ minLength: 1, maxLength: 4 },
		),
		mutations: fc.oneof(
			{ weight: 3, arbitrary: fc.constant<Mutation[]>([]) },
			{ weight: 1, arbitrary: fc.array(mutation, { maxLength: 2 }) },
		),
		cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
		ending: fc.constantFrom('ask', 'ask', 'ask', 'half-close', 'break-off'),
	})
	.map(({ door, prefix, host, shapes, mutations, cuts, ending }) => {
		const by = door === 'main' && host === 'localhost' ? prefix : '';
		const named = (shape: Shape): Shape =>
			door === 'main' && shape.host === 'localhost' ? { ...shape, host } : shape;
		const texts = shapes.map(({ shape, smuggled }) =>
			render(named(shape), by, smuggled && render(named(smuggled), by)),
		);
		// What comes with a handshake makes it none: most of what follows one comes later.
		const breaks = texts.flatMap((_, index) => {
			const { after } = shapes[index]?.shape ?? {};
			const end = texts.slice(0, index + 1).join('').length;
			return after === undefined ? [] : [end - after.length];
		});
		return { door, text: mutations.reduce(mutate, texts.join('')), cuts, breaks, ending } as Stream;
	});

/** A few connections at once. */
export const anyBatch: fc.Arbitrary<readonly Stream[]> = fc.array(anyStream, { minLength: 1, maxLength: 3 });

/** What policies look at: whether changes are let through depends on it. */
export const anyFacts: fc.Arbitrary<{ readonly up: number; readonly watts: number }> = fc.record({
	up: fc.constantFrom(8, 5),
	watts: fc.constantFrom(880, 1200),
});
