import { z } from 'zod';
import type { DescribedCall } from '../../common/http/describe-api.ts';
import { bodyType, tusVersion } from './upload-routes.ts';
import * as views from './views.ts';

const tus = { 'Tus-Resumable': z.literal(tusVersion) };
const count = z.string().meta({ description: 'Bytes, in decimal digits' });
const ofUpload = z.object({ upload: z.string() });
const stand = z.object({
	...tus,
	'Upload-Offset': count,
	'Upload-Length': count,
	'Upload-Expires': z.string().optional().meta({ description: 'When it is given up, unless bytes come' }),
	'Upload-Operation': z
		.string()
		.optional()
		.meta({ description: 'The operation that takes it in, since all of it is there' }),
});

/** Calls whose bodies are bytes: uploads, as tus 1.0.0 has them, and what images hold. They are served by routes of their own. */
export const describedTransfers: readonly DescribedCall[] = [
	{
		method: 'GET',
		path: '/uploads',
		summary: "Uploads of the asker's projects that are under way",
		args: z.object({}),
		answer: z.strictObject({ uploads: z.array(views.upload) }),
	},
	{
		method: 'POST',
		path: '/uploads',
		summary:
			'Begin an upload of a file that is to become an image (tus 1.0.0, Creation); its address is in Location',
		args: z.object({}),
		headers: z.object({
			...tus,
			'Upload-Length': count,
			'Upload-Metadata': z.string().meta({
				description: 'tus 1.0.0, of project, name, format, and as you like description, sha256, recipe',
			}),
		}),
		answerHeaders: stand.extend({ Location: z.string() }),
		answer: views.upload,
		status: 201,
	},
	{
		method: 'GET',
		path: '/uploads/{upload}',
		summary: 'How an upload stands',
		args: ofUpload,
		answerHeaders: stand,
		answer: views.upload,
	},
	{
		method: 'HEAD',
		path: '/uploads/{upload}',
		summary: 'How an upload stands: where it goes on is in Upload-Offset. Whoever was sending to it is ended',
		args: ofUpload,
		headers: z.object(tus),
		answerHeaders: stand,
	},
	{
		method: 'PATCH',
		path: '/uploads/{upload}',
		summary: 'Send bytes that belong at Upload-Offset; with the last one an operation takes the file in',
		args: ofUpload,
		headers: z.object({ ...tus, 'Upload-Offset': count }),
		takesBytes: bodyType,
		answerHeaders: stand,
		status: 204,
	},
	{
		method: 'DELETE',
		path: '/uploads/{upload}',
		summary: 'Give an upload up: what came is removed',
		args: ofUpload,
		headers: z.object(tus),
		status: 204,
	},
	{
		method: 'GET',
		path: '/images/{image}/content',
		summary: 'What an image holds, as one file; its SHA-256 comes in the trailer Repr-Digest (RFC 9530)',
		args: z.object({ image: z.string(), format: z.enum(['raw', 'qcow2']).default('qcow2') }),
		answerHeaders: z.object({ 'Content-Disposition': z.string() }),
		givesBytes: 'application/octet-stream',
	},
];
