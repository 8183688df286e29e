import test from 'ava';
import fc from 'fast-check';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type PartHead, readMultipart } from './multipart.ts';

interface Read {
	readonly part: PartHead;
	readonly content: string;
}

const boundary = 'x1-y';
const delimiter = `\r\n--${boundary}`;

/** Pieces of `bytes` as a socket's are: all in one buffer, which holds something else once the next one is asked for. */
async function* pieces(bytes: Buffer, cuts: readonly number[], onAsked = (_given: number) => {}) {
	const shared = Buffer.alloc(bytes.length);
	let from = 0;
	for (const to of [...new Set([...cuts.map(cut => cut % (bytes.length + 1)), bytes.length])].sort(
		(a, b) => a - b,
	)) {
		const length = bytes.copy(shared, 0, from, to);
		if (length > 0) yield shared.subarray(0, length);
		from = to;
		shared.fill(0xee);
		onAsked(to);
	}
}

async function readAll(
	source: AsyncIterable<Buffer>,
	onData = (_length: number) => {},
): Promise<Read[] | string> {
	const found: { part: PartHead; content: string }[] = [];
	try {
		for await (const event of readMultipart(source, boundary)) {
			if (event.kind === 'begin') found.push({ part: event.part, content: '' });
			const last = found.at(-1);
			if (event.kind !== 'data' || !last) continue;
			last.content += event.bytes.toString('latin1');
			onData(event.bytes.length);
		}
		return found;
	} catch (fault) {
		if (fault instanceof BimetalError) return fault.code;
		throw fault;
	}
}

/** Contents that come near to being a delimiter. */
const content = fc
	.array(
		fc.oneof(
			fc.constantFrom(
				'\r',
				'\n',
				'\r\n',
				'--',
				delimiter.slice(0, -1),
				`\r\n--x`,
				`${boundary}--`,
				'\r\n\r\n',
			),
			fc.string({
				unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)),
				maxLength: 40,
			}),
		),
		{ maxLength: 12 },
	)
	.map(parts => parts.join(''))
	.filter(text => !`${text}\r\n`.includes(delimiter));
const cuts = fc.array(fc.nat(4000), { maxLength: 40 });
const form = fc.array(fc.tuple(fc.constantFrom('UpdateFile', 'UpdateParameters', 'a.b'), content), {
	minLength: 1,
	maxLength: 4,
});
const bytesOf = (parts: readonly (readonly [string, string])[]): Buffer =>
	Buffer.from(
		`${parts
			.map(
				([name, text]) =>
					`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`,
			)
			.join('')}--${boundary}--\r\n`,
		'latin1',
	);

test('however its bytes are cut, a form is read as what it was written from', t =>
	t.notThrowsAsync(
		fc.assert(
			fc.asyncProperty(form, cuts, async (parts, where) => {
				const read = await readAll(pieces(bytesOf(parts), where));
				const expected = parts.map(([name, text]) => ({
					part: { name, fileName: undefined, contentType: undefined },
					content: text,
				}));
				return JSON.stringify(read) === JSON.stringify(expected);
			}),
			{ numRuns: 300 },
		),
	));

test('bytes that were changed are read alike, or refused alike, however they are cut', t =>
	t.notThrowsAsync(
		fc.assert(
			fc.asyncProperty(
				form,
				fc.array(fc.tuple(fc.nat(4000), fc.nat(8), fc.constantFrom('', '\r\n', '--', 'x', ';', '"', '\0')), {
					minLength: 1,
					maxLength: 3,
				}),
				cuts,
				async (parts, edits, where) => {
					let text = bytesOf(parts).toString('latin1');
					for (const [at, removed, put] of edits) {
						const from = at % (text.length + 1);
						text = text.slice(0, from) + put + text.slice(from + removed);
					}
					const bytes = Buffer.from(text, 'latin1');
					const whole = await readAll(pieces(bytes, []));
					const cut = await readAll(pieces(bytes, where));
					return JSON.stringify(whole) === JSON.stringify(cut);
				},
			),
			{ numRuns: 500 },
		),
	));

test('no more than a delimiter is held back, and a head without an end is refused', async t => {
	const head = `--${boundary}\r\nContent-Disposition: form-data; name="UpdateFile"\r\n\r\n`;
	await fc.assert(
		fc.asyncProperty(content, cuts, async (text, where) => {
			let taken = 0;
			let held = 0;
			const source = pieces(Buffer.from(`${head}${text}${delimiter}--`, 'latin1'), where, given => {
				held = Math.max(
					held,
					Math.min(given, head.length + text.length) - Math.min(given, head.length) - taken,
				);
			});
			await readAll(source, length => {
				taken += length;
			});
			return taken === text.length && held <= delimiter.length;
		}),
		{ numRuns: 200 },
	);
	let given = 0;
	async function* endless() {
		yield Buffer.from(`--${boundary}\r\nContent-Disposition: `);
		for (;;) {
			given += 100;
			yield Buffer.alloc(100, 'x');
		}
	}
	t.is(await readAll(endless()), 'MultipartMalformed');
	t.true(given < 4096, `${given} bytes`);
});
