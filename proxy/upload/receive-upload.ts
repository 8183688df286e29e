import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../common/clock.ts';
import type { UploadedImage } from '../canonicalise/canonical-request.ts';
import type { RequestHead } from '../canonicalise/canonicalise.ts';
import { refusal } from '../canonicalise/refusals.ts';
import { parseStrictJson } from '../canonicalise/strict-json.ts';
import { gatherPieces, type Patience } from './body-pieces.ts';
import { type PartHead, readMultipart } from './multipart.ts';
import type { Spool, SpooledFile } from './spool.ts';

export interface UploadLimits extends Patience {
	/** Bytes of one image. */
	readonly image: number;
}

export interface ReceivedUpload {
	readonly image: UploadedImage;
	/** The bytes of UpdateParameters; undefined when the body was the image alone. */
	readonly parameters: Buffer | undefined;
	readonly file: SpooledFile;
}

/** Bytes of UpdateParameters: the longest list of targets fits many times. */
const parametersLimit = 64 * 1024;
/** What a multipart body may have around its image: parameters, delimiters and heads. */
export const multipartOverhead = parametersLimit + 8192;

/**
 * Receives an upload into the spool and hashes it on its way, at constant memory: nothing is taken from the client
 * before what it sent is written. Whatever goes wrong leaves no file.
 * @throws BimetalError MultipartMalformed, MultipartPart, ImageMissing, BodyTooLarge, UploadTooSlow, SpoolFull,
 *   DiskFull; the stream's error when the client goes away
 */
export async function receiveUpload(
	deps: { readonly spool: Spool; readonly clock: Clock; readonly limits: UploadLimits },
	head: Pick<RequestHead, 'fields'>,
	request: IncomingMessage,
): Promise<ReceivedUpload> {
	const { spool, limits } = deps;
	const announced = head.fields.contentLength;
	const room = announced === undefined ? limits.image : Math.min(Number(announced), limits.image);
	const file = await spool.create(room);
	try {
		const writer = createWriter(file, limits.image);
		const pieces = gatherPieces(request, deps);
		const boundary = boundaryOf(head.fields.contentType ?? '');
		const received =
			boundary === undefined ? await takeAll(pieces, writer) : await takeParts(pieces, boundary, writer);
		const { size, sha256 } = writer.finish();
		if (size === 0) throw refusal('ImageMissing');
		await file.finish();
		const image = { file: file.name, size, sha256, fileName: received.fileName };
		return { image, parameters: received.parameters, file };
	} catch (fault) {
		await file.discard();
		throw fault;
	}
}

interface Taken {
	readonly fileName: string | undefined;
	readonly parameters: Buffer | undefined;
}

interface Writer {
	take(bytes: Buffer): Promise<void>;
	finish(): { readonly size: number; readonly sha256: string };
}

function createWriter(file: SpooledFile, limit: number): Writer {
	const hash = createHash('sha256');
	let size = 0;
	return {
		async take(bytes) {
			size += bytes.length;
			if (size > limit) throw tooLarge(limit);
			hash.update(bytes);
			await file.write(bytes);
		},
		finish: () => ({ size, sha256: hash.digest('hex') }),
	};
}

export const tooLarge = (limit: number) =>
	refusal('BodyTooLarge', `this site takes images of up to ${limit} bytes`);

async function takeAll(pieces: AsyncIterable<Buffer>, writer: Writer): Promise<Taken> {
	for await (const bytes of pieces) await writer.take(bytes);
	return { fileName: undefined, parameters: undefined };
}

/** DSP0266 §12.6.2: one part UpdateParameters and one part UpdateFile, in whichever order. */
async function takeParts(pieces: AsyncIterable<Buffer>, boundary: string, writer: Writer): Promise<Taken> {
	let image: PartHead | undefined;
	let parameters: Buffer[] | undefined;
	let current: 'image' | 'parameters' = 'image';
	let size = 0;
	for await (const event of readMultipart(pieces, boundary)) {
		if (event.kind === 'data') {
			if (current === 'image') await writer.take(event.bytes);
			else {
				size += event.bytes.length;
				if (size > parametersLimit) throw refusal('BodyTooLarge', 'UpdateParameters');
				// A copy: the piece that they came in is there for the next bytes.
				parameters?.push(Buffer.from(event.bytes));
			}
		} else if (event.kind === 'end') {
			// Before the image, which may come after it, and is large.
			if (current === 'parameters' && parameters) parseStrictJson(Buffer.concat(parameters));
		} else {
			const { name, contentType } = event.part;
			if (name === 'UpdateFile' && !image) {
				image = event.part;
				current = 'image';
			} else if (name === 'UpdateParameters' && !parameters) {
				if (contentType !== undefined && contentType !== 'application/json')
					throw refusal('MultipartPart', 'UpdateParameters must be application/json');
				parameters = [];
				current = 'parameters';
			} else throw refusal('MultipartPart', `${name}${name.startsWith('Update') ? ' a second time' : ''}`);
		}
	}
	if (!image) throw refusal('MultipartPart', 'UpdateFile is missing');
	if (!parameters) throw refusal('MultipartPart', 'UpdateParameters is missing; {} says that there are none');
	return { fileName: image.fileName, parameters: Buffer.concat(parameters) };
}

const boundaryOf = (contentType: string): string | undefined => {
	const [, quoted, bare] =
		/^multipart\/form-data; *boundary=(?:"([^"]+)"|([^";]+))$/i.exec(contentType) ?? [];
	return quoted ?? bare;
};
