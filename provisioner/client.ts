import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import { createUserClient, type UserClientOptions } from '../common/http/json-client.ts';
import { createNodeCalls, type NodeCalls } from './client/node-calls.ts';
import { uploadHeaders } from './client/upload-headers.ts';
import * as views from './v1/views.ts';

export type ImageView = z.output<typeof views.image>;
export type DiskView = z.output<typeof views.disk>;
export type OperationView = z.output<typeof views.operation>;
export type UsageView = z.output<typeof views.usage>;
type CollectedView = z.output<typeof views.collected>;

export type { NodeView, WantedNode } from './client/node-calls.ts';
export type { UploadView } from './v1/views.ts';

/** How an upload stands: bytes that are there for good, and what takes them in once all are. */
export interface UploadStand {
	readonly offset: number;
	readonly operation: string | null;
}

export interface NewUpload {
	readonly project: string;
	readonly name: string;
	readonly format: 'raw' | 'qcow2';
	/** Bytes. */
	readonly length: number;
	readonly description?: string | undefined;
	/** Hex. */
	readonly sha256?: string | undefined;
	/** Of what was built, not found. */
	readonly recipe?: string | undefined;
}

export interface ImageChange {
	readonly description?: string | undefined;
	readonly visibility?: ImageView['visibility'] | undefined;
	readonly sharedWith?: readonly string[] | undefined;
	readonly isProtected?: boolean | undefined;
}

/**
 * The provisioner as programs use it. Every call throws a BimetalError with the provisioner's code and status when it is
 * refused, `ProvisionerUnreachable` when there is no answer, `ProvisionerNotTrusted` when TLS fails, `BadAnswer` when the
 * answer is not understood, and `Interrupted` when its signal has ended it.
 */
export interface ProvisionerClient {
	me(): Promise<z.output<typeof views.me>>;
	images(project?: string): Promise<readonly ImageView[]>;
	image(reference: string): Promise<ImageView>;
	changeImage(reference: string, change: ImageChange): Promise<ImageView>;
	deleteImage(reference: string): Promise<OperationView>;
	/** Has the service fetch it. */
	fetchImage(of: Omit<NewUpload, 'length' | 'recipe'> & { readonly url: string }): Promise<OperationView>;
	/** Uploads that are under way; their ids are for `uploadStand` and `sendPart`. */
	uploads(): Promise<readonly views.UploadView[]>;
	beginUpload(of: NewUpload): Promise<string>;
	uploadStand(id: string): Promise<UploadStand>;
	/** Sends so many bytes, which belong at `offset`. */
	sendPart(id: string, offset: number, part: AsyncIterable<Uint8Array>, length: number): Promise<UploadStand>;
	/** What an image holds, as one file; ends with ChecksumWrong when what came is not what was sent. */
	content(reference: string, format: 'raw' | 'qcow2'): Promise<AsyncIterable<Uint8Array>>;
	/** Provisioning networks; the first is the one where none is named. */
	networks(): Promise<readonly z.output<typeof views.network>[]>;
	disks(project?: string): Promise<readonly DiskView[]>;
	disk(reference: string): Promise<DiskView>;
	createDisk(of: { project: string; name: string; image: string }): Promise<OperationView>;
	deleteDisk(reference: string): Promise<OperationView>;
	snapshot(disk: string, of: { name: string; description?: string | undefined }): Promise<OperationView>;
	readonly nodes: NodeCalls;
	operations(all?: boolean): Promise<readonly OperationView[]>;
	/**
	 * `wait`: answered when it has ended, or with `seen` when it is of another revision, or after so many milliseconds
	 * (30,000 at most).
	 */
	operation(id: string, wait?: number, seen?: number): Promise<OperationView>;
	cancel(id: string): Promise<OperationView>;
	usage(): Promise<UsageView>;
	/** Removes what no record knows. */
	collect(): Promise<CollectedView>;
	close(): Promise<void>;
}

const at = (strings: TemplateStringsArray, ...names: readonly string[]): string =>
	String.raw({ raw: strings }, ...names.map(name => encodeURIComponent(name)));
const ofProject = (path: string, project?: string): string =>
	project === undefined ? path : `${path}?project=${encodeURIComponent(project)}`;
const uploadList = z.strictObject({ uploads: z.array(views.upload) });

export function createProvisionerClient(options: UserClientOptions): ProvisionerClient {
	const transport = createUserClient('Provisioner', options);
	const { call, send, close } = transport;
	const { operation } = views;
	const stand = (headers: Readonly<Record<string, unknown>>): UploadStand => {
		const { 'upload-offset': offset, 'upload-operation': by } = headers;
		if (typeof offset !== 'string' || !/^\d+$/.test(offset))
			throw new BimetalError('BadAnswer', 'the provisioner does not say where the upload stands', {
				status: 502,
			});
		return { offset: Number(offset), operation: typeof by === 'string' ? by : null };
	};
	return {
		me: () => call(views.me, 'GET', '/v1/me'),
		images: async project => (await call(views.images, 'GET', ofProject('/v1/images', project))).images,
		image: reference => call(views.image, 'GET', at`/v1/images/${reference}`),
		changeImage: (reference, change) => call(views.image, 'PATCH', at`/v1/images/${reference}`, change),
		deleteImage: reference => call(operation, 'DELETE', at`/v1/images/${reference}`),
		fetchImage: of => call(operation, 'POST', '/v1/images', of),
		uploads: async () => (await call(uploadList, 'GET', '/v1/uploads')).uploads,
		async beginUpload(of) {
			const answer = await send('/v1/uploads', { method: 'POST', headers: uploadHeaders({ ...of }) });
			return views.upload.parse(await answer.body.json()).id;
		},
		async uploadStand(id) {
			const headers = { 'tus-resumable': '1.0.0' };
			const answer = await send(at`/v1/uploads/${id}`, { method: 'HEAD', headers });
			await answer.body.dump();
			return stand(answer.headers);
		},
		async sendPart(id, offset, part, length) {
			const answer = await send(at`/v1/uploads/${id}`, {
				method: 'PATCH',
				body: part as never,
				headers: {
					'tus-resumable': '1.0.0',
					'content-type': 'application/offset+octet-stream',
					'content-length': String(length),
					'upload-offset': String(offset),
				},
			});
			await answer.body.dump();
			return stand(answer.headers);
		},
		async content(reference, format) {
			const answer = await send(at`/v1/images/${reference}/content?format=${format}`, { bodyTimeout: 0 });
			return checked(answer.body, () => answer.trailers['repr-digest'], options.signal);
		},
		networks: async () => (await call(views.networks, 'GET', '/v1/networks')).networks,
		disks: async project => (await call(views.disks, 'GET', ofProject('/v1/disks', project))).disks,
		disk: reference => call(views.disk, 'GET', at`/v1/disks/${reference}`),
		createDisk: of => call(operation, 'POST', '/v1/disks', of),
		deleteDisk: reference => call(operation, 'DELETE', at`/v1/disks/${reference}`),
		snapshot: (disk, of) => call(operation, 'POST', at`/v1/disks/${disk}/snapshot`, of),
		operations: async (all = false) =>
			(await call(views.operations, 'GET', `/v1/operations${all ? '?all=true' : ''}`)).operations,
		nodes: createNodeCalls(transport),
		operation: (id, wait = 0, seen) => {
			const since = seen === undefined ? '' : `&seen=${seen}`;
			return call(operation, 'GET', `${at`/v1/operations/${id}`}${wait > 0 ? `?wait=${wait}${since}` : ''}`);
		},
		cancel: id => call(operation, 'POST', at`/v1/operations/${id}/cancel`, {}),
		usage: () => call(views.usage, 'GET', '/v1/usage'),
		collect: () => call(views.collected, 'POST', '/v1/storage/collect', {}),
		close,
	};
}

async function* checked(
	body: AsyncIterable<Uint8Array>,
	digest: () => string | undefined,
	signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
	const hash = createHash('sha256');
	try {
		for await (const chunk of body) {
			hash.update(chunk);
			yield chunk;
		}
	} catch (cause) {
		if (signal?.aborted) throw new BimetalError('Interrupted', 'interrupted', { cause });
		throw new BimetalError('ProvisionerUnreachable', 'the provisioner broke off', { status: 502, cause });
	}
	if (digest() === `sha-256=:${hash.digest('base64')}:`) return;
	throw new BimetalError('ChecksumWrong', 'what came is not what the provisioner sent', { status: 502 });
}
