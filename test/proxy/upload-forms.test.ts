// Whatever is done to the bytes of a form: it is refused, or what goes out in its place means to another reader what it
// meant to the proxy.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { parseStrictJson } from '../../proxy/canonicalise/strict-json.ts';
import { receiveUpload } from '../../proxy/upload/receive-upload.ts';
import { renderUpload } from '../../proxy/upload/render-upload.ts';
import type { Spool } from '../../proxy/upload/spool.ts';
import { createImageReader } from '../../qemu/redfish/image-form.ts';
import { form, imagePart, parametersPart } from './upload.ts';

const limits = { image: 4096, time: 1000, silence: 1000 };
const contentType = 'multipart/form-data; boundary=abc';

/** What the proxy takes it for, and the bytes that it would send. */
async function take(body: Buffer, cut: number) {
	let bytes = Buffer.alloc(0);
	const spool = {
		create: async () => ({
			name: 'x',
			async write(piece: Uint8Array) {
				bytes = Buffer.concat([bytes, piece]);
			},
			finish: async () => undefined,
			discard: async () => undefined,
		}),
	} as unknown as Spool;
	const request = Readable.from(
		[body.subarray(0, cut), body.subarray(cut)].filter(({ length }) => length > 0),
	);
	const head = { fields: { contentType } } as Parameters<typeof receiveUpload>[1];
	const deps = { spool, limits, clock: new FakeClock() };
	const received = await receiveUpload(deps, head, request as unknown as IncomingMessage);
	const parameters = parseStrictJson(received.parameters ?? Buffer.alloc(0));
	const call = {
		request: { image: received.image, body: parameters },
		kept: { read: () => Readable.from([bytes]), keep: () => undefined },
	} as unknown as Parameters<typeof renderUpload>[0];
	const sent = renderUpload(call, { method: 'POST', target: '/x', headers: {}, body: undefined });
	if (!sent.body || sent.body instanceof Uint8Array) throw new Error('nothing is sent');
	const pieces: Uint8Array[] = [];
	for await (const piece of sent.body.open()) pieces.push(Buffer.from(piece));
	return {
		received,
		parameters,
		bytes,
		sent: Buffer.concat(pieces),
		headers: sent.headers,
		length: sent.body.length,
	};
}

test('a form is refused, or sent on with the meaning that was decided on', async t => {
	const parts = [
		parametersPart('{"Targets":["/redfish/v1/Managers/bmc"]}'),
		imagePart(Buffer.from('the\r\n--image')),
	];
	const edit = fc.tuple(
		fc.nat(600),
		fc.oneof(fc.constant(0), fc.nat(40)),
		fc.oneof(
			fc.constantFrom(
				'',
				'\r\n',
				'\r\n--abc',
				'\r\n--abc--',
				'--abc\r\n',
				' ',
				'\t',
				';',
				'"',
				'\0',
				'\xff',
				'\n',
			),
			fc.constantFrom(
				'name="UpdateFile"',
				'; filename="x"',
				'Content-Type: text/plain\r\n',
				'{}',
				'\r\n\r\n',
			),
		),
	);
	let taken = 0;
	await fc.assert(
		fc.asyncProperty(
			fc.boolean(),
			fc.array(edit, { maxLength: 2 }),
			fc.nat(600),
			async (swap, edits, cut) => {
				let text = (form(swap ? [...parts].reverse() : parts).body as Buffer).toString('latin1');
				for (const [at, removed, put] of edits) {
					const from = at % (text.length + 1);
					text = text.slice(0, from) + put + text.slice(from + removed);
				}
				const found = await take(Buffer.from(text, 'latin1'), cut).catch((fault: unknown) => {
					if (fault instanceof BimetalError && fault.status < 500) return undefined;
					throw fault;
				});
				if (!found) return edits.length > 0;
				taken++;
				const { image } = found.received;
				const reader = createImageReader(found.headers['content-type'] ?? '');
				reader?.push(found.sent);
				const understood = reader?.end();
				return (
					found.sent.length === found.length &&
					image.sha256 === createHash('sha256').update(found.bytes).digest('hex') &&
					understood?.image?.sha256 === image.sha256 &&
					understood.image.size === image.size &&
					understood.parameters === JSON.stringify(found.parameters)
				);
			},
		),
		{ numRuns: 1000 },
	);
	t.log(`${taken} of 1000 were taken`);
	t.true(taken > 50);
});
