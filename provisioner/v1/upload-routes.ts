import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { Route } from '../../common/http/app.ts';
import { httpErrors } from '../../common/http/errors.ts';
import { parse } from '../../common/http/parse.ts';
import type { Actor } from '../authorize/actor.ts';
import { findUpload, listUploads } from '../core/uploads.ts';
import { provisionerErrors } from '../errors.ts';
import type { UploadState } from '../image/uploads.ts';
import { hilName, name } from '../model/names.ts';
import { format, sha256 } from '../model/upload.ts';
import { look } from '../perform.ts';
import type { ProvisionerDeps } from '../provisioner-deps.ts';
import type { UploadView } from './views.ts';

/** The protocol "tus" for resumable uploads, version 1.0.0 (tus.io): its core, and creation, expiration, termination. */
export const tusVersion = '1.0.0';
export const bodyType = 'application/offset+octet-stream';
const isOfUploads = ({ path }: Request): boolean => /^\/v1\/uploads(\/|$)/.test(path);

/** Bodies that go straight to a file. */
export const isUploadBody = (request: Request): boolean => request.method === 'PATCH' && isOfUploads(request);

/** What tus wants on every answer; callers that speak another version of it are turned away. */
export const tusHeaders =
	({ largestUpload }: Pick<ProvisionerDeps, 'largestUpload'>): RequestHandler =>
	(request, response, next) => {
		if (!isOfUploads(request)) return next();
		response.set({
			'Tus-Resumable': tusVersion,
			'Tus-Version': tusVersion,
			'Tus-Extension': 'creation,expiration,termination',
			'Tus-Max-Size': String(largestUpload),
		});
		const asked = request.get('tus-resumable');
		if (['POST', 'PATCH', 'HEAD', 'DELETE'].includes(request.method) && asked !== tusVersion)
			throw provisionerErrors.UploadVersion(`Say Tus-Resumable: ${tusVersion}.`);
		next();
	};

const count = z
	.string()
	.regex(/^\d{1,15}$/, 'expected a number of bytes')
	.transform(Number);
const metadata = z.strictObject({
	project: hilName,
	name,
	format,
	description: z.string().max(1000).optional(),
	sha256: sha256.optional(),
	/** How `bimetal image build` made it. */
	recipe: z.string().max(200).optional(),
});

export function uploadRoutes(deps: ProvisionerDeps): readonly Route[] {
	const { store, storage, uploads, world } = deps;
	const allowed = async (
		action: 'upload.show' | 'upload.write' | 'upload.delete',
		request: Request,
		response: Response,
	): Promise<string> => {
		const upload = String(request.params.upload);
		await look(store, action, findUpload, { upload }, world(response.locals.actor as Actor));
		return upload;
	};
	return [
		{
			method: 'GET',
			path: '/v1/uploads',
			async handle(_request, response) {
				const actor = world(response.locals.actor as Actor);
				const found = await look(
					store,
					'upload.list',
					(tx, _args: object, who) => listUploads(tx, who),
					{},
					actor,
				);
				const shown: UploadView[] = [];
				for (const { id, document } of found) {
					if (document.operation === null) shown.push(viewOf(await uploads.peek(id)));
				}
				response.json({ uploads: shown });
			},
		},
		{
			method: 'POST',
			path: '/v1/uploads',
			async handle(request, response) {
				if (request.get('upload-defer-length') !== undefined)
					throw httpErrors.InvalidRequest('Upload-Length: say it at once.');
				const length = parse(count.pipe(z.int().min(1)), request.get('upload-length') ?? '', 'Upload-Length');
				const given = parse(metadata, readMetadata(request.get('upload-metadata') ?? ''), 'Upload-Metadata');
				const { recipe, ...wanted } = given;
				const origin =
					recipe === undefined ? ({ from: 'upload' } as const) : ({ from: 'build', recipe } as const);
				const who = world(response.locals.actor as Actor);
				await look(store, 'image.import', async () => undefined, wanted, who);
				await storage.canTakeIn();
				const state = await uploads.create({ ...wanted, origin, length }, who);
				response.set('Location', `/v1/uploads/${state.id}`);
				tell(response, state).status(201).json(viewOf(state));
			},
		},
		{
			// Of HEAD too, which express answers with the headers alone.
			method: 'GET',
			path: '/v1/uploads/:upload',
			async handle(request, response) {
				const id = await allowed('upload.show', request, response);
				const state = request.method === 'HEAD' ? await uploads.show(id) : await uploads.peek(id);
				tell(response, state).json(viewOf(state));
			},
		},
		{
			method: 'PATCH',
			path: '/v1/uploads/:upload',
			async handle(request, response) {
				// Of a call that is turned away the rest is not read: its connection ends.
				response.set('Connection', 'close');
				const id = await allowed('upload.write', request, response);
				if (request.get('content-type') !== bodyType)
					throw httpErrors.UnsupportedBody(`The body must be ${bodyType}.`);
				const at = parse(count, request.get('upload-offset') ?? '', 'Upload-Offset');
				await storage.canTakeIn();
				const { document } = await uploads.peek(id);
				if (at + Number(request.get('content-length') ?? 0) > document.length)
					throw provisionerErrors.ImageTooLarge(`The upload is of ${document.length} bytes; more are sent.`);
				const state = await uploads.write(id, at, request);
				response.removeHeader('Connection');
				tell(response, state).status(204).end();
			},
		},
		{
			method: 'DELETE',
			path: '/v1/uploads/:upload',
			async handle(request, response) {
				await uploads.remove(await allowed('upload.delete', request, response));
				response.status(204).end();
			},
		},
	];
}

function tell(response: Response, { document, offset, expiresAt }: UploadState): Response {
	return response.set({
		'Upload-Offset': String(offset),
		'Upload-Length': String(document.length),
		// Ours: what takes it in.
		...(document.operation === null
			? { 'Upload-Expires': new Date(expiresAt).toUTCString() }
			: { 'Upload-Operation': document.operation }),
	});
}

function viewOf({ id, document, offset, expiresAt }: UploadState): UploadView {
	const { project, name: of, format: as, length, operation, sha256: digest } = document;
	const expires = new Date(expiresAt).toISOString();
	return { id, project, name: of, format: as, length, offset, sha256: digest, operation, expiresAt: expires };
}

/** `key base64, key base64`; a key without a value has an empty one. */
function readMetadata(text: string): Record<string, string> {
	const pairs = text
		.split(',')
		.map(pair => pair.trim().split(' '))
		.filter(([key = '']) => key !== '');
	return Object.fromEntries(
		pairs.map(([key = '', value = '']) => [key, Buffer.from(value, 'base64').toString('utf8')]),
	);
}
