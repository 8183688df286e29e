import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { z } from 'zod';
import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import type { Actor } from '../authorize/actor.ts';
import { findImage, referenceOf } from '../core/find-image.ts';
import { provisionerErrors } from '../errors.ts';
import { createExports } from '../image/exports.ts';
import { reference } from '../model/names.ts';
import { format as formats } from '../model/upload.ts';
import { look } from '../perform.ts';
import type { ProvisionerDeps } from '../provisioner-deps.ts';

const args = z.strictObject({ image: reference, format: formats.default('qcow2') });

/** Milliseconds for which a reader may take nothing: until then its copy is kept. */
const patience = 120_000;

interface Sent {
	readonly id: string;
	readonly format: 'raw' | 'qcow2';
	readonly head: Readonly<Record<string, string>>;
}

/** What an image holds, as one file, with its SHA-256 at its end (RFC 9530 section 6.5: in a trailer). */
export function contentRoutes({ store, storage, world }: ProvisionerDeps): readonly Route[] {
	const exports = createExports();
	return [
		{
			method: 'GET',
			path: '/v1/images/:image/content',
			async handle(request, response) {
				const asked = parse(args, { ...request.query, ...request.params }, 'arguments');
				const actor = response.locals.actor as Actor;
				const { id, document } = await look(
					store,
					'image.export',
					(tx, { image }) => findImage(tx, image, actor),
					asked,
					world(actor),
				);
				if (document.state !== 'ready')
					throw provisionerErrors.NotReady(`${referenceOf(document)} is ${document.state}.`);
				const file = `${document.name}-${document.version}.${asked.format === 'raw' ? 'img' : 'qcow2'}`;
				const head = {
					'Content-Type': 'application/octet-stream',
					'Content-Disposition': `attachment; filename="${file}"`,
				};
				if (request.method === 'HEAD') return void response.set(head).end();
				const end = exports.begin(actor, document.project);
				try {
					await send(response, { id, format: asked.format, head });
				} finally {
					end();
				}
			},
		},
	];

	async function send(response: Response, { id, format, head }: Sent): Promise<void> {
		// Who goes away before it begins has it made for nobody.
		const away = new AbortController();
		response.once('close', () => away.abort(new Error('the caller went away')));
		const source = await storage.read(id, format, away.signal);
		response.setTimeout(patience, () => response.destroy());
		response.set({ ...head, Trailer: 'Repr-Digest' });
		const hash = createHash('sha256');
		const hashing = new Transform({
			transform(bytes: Buffer, _encoding, done) {
				hash.update(bytes);
				done(null, bytes);
			},
			flush(done) {
				response.addTrailers({ 'Repr-Digest': `sha-256=:${hash.digest('base64')}:` });
				done();
			},
		});
		await pipeline(source, hashing, response).catch(fault => {
			if (!away.signal.aborted) throw fault;
		});
	}
}
