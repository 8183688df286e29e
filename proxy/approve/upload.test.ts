import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { describeUpload } from './upload.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const boundary = 'x-bound';
const multipart = `multipart/form-data; boundary=${boundary}`;
const compose = (parts: readonly { head: string; bytes: Uint8Array }[], end = '--\r\n') =>
	Buffer.concat([
		...parts.flatMap(({ head, bytes }) => [
			Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`),
			bytes,
			Buffer.from('\r\n'),
		]),
		Buffer.from(`--${boundary}${end}`),
	]);

test('an image is told by its type, size and hash', t => {
	const image = Buffer.from('not really an image');
	t.deepEqual(describeUpload('application/octet-stream', image), {
		contentType: 'application/octet-stream',
		size: 19,
		sha256: sha256(image),
		parts: null,
	});
});

test('each part of a multipart body is told by itself, byte for byte', t => {
	const any = fc
		.uint8Array({ maxLength: 200 })
		.filter(bytes => !Buffer.from(bytes).includes(`--${boundary}`));
	fc.assert(
		fc.property(fc.array(any, { minLength: 1, maxLength: 4 }), contents => {
			const parts = contents.map((bytes, i) => ({
				head: `Content-Disposition: form-data; name="part${i}"; filename="f${i}.tar"\r\nContent-Type: application/octet-stream`,
				bytes,
			}));
			const told = describeUpload(multipart, compose(parts));
			t.deepEqual(
				told.parts,
				contents.map((bytes, i) => ({
					name: `part${i}`,
					fileName: `f${i}.tar`,
					contentType: 'application/octet-stream',
					size: bytes.length,
					sha256: sha256(bytes),
				})),
			);
		}),
	);
});

test('what does not hold to the format is told as a whole alone', t => {
	const part = { head: 'Content-Disposition: form-data; name="a"', bytes: Buffer.from('1') };
	t.is(describeUpload(multipart, compose([part])).parts?.length, 1);
	t.is(describeUpload(`multipart/form-data; boundary="${boundary}"`, compose([part])).parts?.length, 1);
	for (const body of [
		Buffer.from(''),
		Buffer.from(`--${boundary}`),
		Buffer.concat([Buffer.from('preamble\r\n'), compose([part])]),
		compose([part], '--\r\nepilogue'),
		compose([part], ''),
		compose([{ ...part, head: 'X: y' }]),
	]) {
		t.is(describeUpload(multipart, body).parts, null, body.toString());
	}
	fc.assert(
		fc.property(fc.uint8Array(), bytes => {
			t.is(describeUpload(multipart, Buffer.from(bytes)).sha256, sha256(bytes));
		}),
	);
});
