import { createHash, randomBytes } from 'node:crypto';
import type { Call } from '../call.ts';
import type { UploadedImage } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import type { ForwardRequest } from '../forward/bmc-connection.ts';

/**
 * The body of an upload as the BMC gets it: the image alone, or UpdateParameters and UpdateFile with a boundary that
 * was drawn after the image was there, so that nothing in it can be taken for one.
 */
export function renderUpload(call: Call, forward: ForwardRequest): ForwardRequest {
	const { image, body } = call.request;
	const { kept } = call;
	if (!image || !kept) throw proxyErrors.ImageGone('the image is no longer kept here');
	const boundary = `bimetal-${randomBytes(24).toString('hex')}`;
	const [before, after] =
		body === undefined ? [Buffer.alloc(0), Buffer.alloc(0)] : frame(image, JSON.stringify(body), boundary);
	const length = before.length + image.size + after.length;
	const contentType =
		body === undefined ? 'application/octet-stream' : `multipart/form-data; boundary=${boundary}`;
	return {
		...forward,
		headers: { ...forward.headers, 'content-type': contentType, 'content-length': String(length) },
		body: {
			length,
			async *open() {
				if (before.length > 0) yield before;
				yield* verified(kept.read(), image);
				if (after.length > 0) yield after;
			},
		},
	};
}

function frame({ fileName }: UploadedImage, parameters: string, boundary: string): [Buffer, Buffer] {
	const named = fileName === undefined ? '' : `; filename="${fileName}"`;
	const before = [
		`--${boundary}`,
		'Content-Disposition: form-data; name="UpdateParameters"',
		'Content-Type: application/json',
		'',
		parameters,
		`--${boundary}`,
		`Content-Disposition: form-data; name="UpdateFile"${named}`,
		'Content-Type: application/octet-stream',
		'',
		'',
	];
	return [Buffer.from(before.join('\r\n')), Buffer.from(`\r\n--${boundary}--\r\n`)];
}

/**
 * The pieces as they come, up to the image's size. The last one is given out only once it is known that all of them are
 * what was decided on: without it the BMC has no request.
 */
async function* verified(
	pieces: AsyncIterable<Uint8Array>,
	image: UploadedImage,
): AsyncGenerator<Uint8Array> {
	const hash = createHash('sha256');
	let left = image.size;
	for await (const piece of pieces) {
		left -= piece.length;
		hash.update(piece);
		if (left < 0 || (left === 0 && hash.digest('hex') !== image.sha256)) throw changed();
		yield piece;
		if (left === 0) return;
	}
	throw changed();
}

const changed = () =>
	proxyErrors.ImageGone(
		'the image that is kept is no longer the one that was decided on: sending was ended before its last byte',
	);
