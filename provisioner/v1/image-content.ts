import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import type { Actor } from '../authorize/actor.ts';
import { findImage, referenceOf } from '../core/find-image.ts';
import { provisionerErrors } from '../errors.ts';
import { reference } from '../model/names.ts';
import { format } from '../model/upload.ts';
import { look } from '../perform.ts';
import type { ProvisionerDeps } from '../provisioner-deps.ts';

const args = z.strictObject({ image: reference, format: format.default('qcow2') });

/** What an image holds, as one file, with its SHA-256 at its end (RFC 9530 section 6.5: in a trailer). */
export const contentRoutes = ({ store, storage, world }: ProvisionerDeps): readonly Route[] => [
	{
		method: 'GET',
		path: '/v1/images/:image/content',
		async handle(request, response) {
			const asked = parse(args, { ...request.query, ...request.params }, 'arguments');
			const { id, document } = await look(
				store,
				'image.export',
				(tx, { image }, { actor }) => findImage(tx, image, actor),
				asked,
				world(response.locals.actor as Actor),
			);
			if (document.state !== 'ready')
				throw provisionerErrors.NotReady(`${referenceOf(document)} is ${document.state}.`);
			const file = `${document.name}-${document.version}.${asked.format === 'raw' ? 'img' : 'qcow2'}`;
			response.set({
				'Content-Type': 'application/octet-stream',
				'Content-Disposition': `attachment; filename="${file}"`,
			});
			if (request.method === 'HEAD') return void response.end();
			// Who goes away before it begins has it made for nobody.
			const away = new AbortController();
			response.once('close', () => away.abort(new Error('the caller went away')));
			const source = await storage.read(id, asked.format, away.signal);
			response.set('Trailer', 'Repr-Digest');
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
		},
	},
];
