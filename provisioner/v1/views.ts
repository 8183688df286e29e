import { z } from 'zod';
import { imageOrigin, visibility } from '../model/image.ts';

export const me = z.strictObject({ name: z.string(), isAdmin: z.boolean(), projects: z.array(z.string()) });

const state = z.enum(['making', 'ready', 'leaving']);

export const image = z.strictObject({
	id: z.string(),
	reference: z.string(),
	project: z.string(),
	name: z.string(),
	version: z.int(),
	description: z.string(),
	visibility,
	sharedWith: z.array(z.string()),
	isProtected: z.boolean(),
	state,
	origin: imageOrigin,
	size: z.int().nullable(),
	sha256: z.string().nullable(),
	madeAt: z.string(),
});
export const images = z.strictObject({ images: z.array(image) });

export const disk = z.strictObject({
	id: z.string(),
	project: z.string(),
	name: z.string(),
	image: z.string(),
	state,
	size: z.int(),
	node: z.string().nullable(),
	resumesOn: z.string().nullable(),
	madeAt: z.string(),
});
export const disks = z.strictObject({ disks: z.array(disk) });

export const node = z.strictObject({
	node: z.string(),
	project: z.string(),
	disks: z.array(z.string()),
	isRescued: z.boolean(),
	network: z.string(),
	nic: z.string(),
	nics: z.array(z.strictObject({ nic: z.string(), network: z.string() })),
	hostname: z.string(),
	since: z.string(),
	configuredAt: z.string().nullable(),
});
export const nodes = z.strictObject({ nodes: z.array(node) });

export const network = z.strictObject({
	/** hil's name of it. */
	network: z.string(),
	/** PEM: what a node's operating system knows the server of its configuration by. */
	authority: z.string(),
});
export const networks = z.strictObject({ networks: z.array(network) });

export const operation = z.strictObject({
	id: z.string(),
	kind: z.string(),
	project: z.string(),
	asker: z.string(),
	status: z.enum(['PENDING', 'UNDOING', 'DONE', 'FAILED']),
	image: z.string().nullable(),
	disk: z.string().nullable(),
	node: z.string().nullable(),
	stages: z.array(z.strictObject({ name: z.string(), ms: z.number(), isOver: z.boolean() })),
	progress: z.strictObject({ done: z.number(), total: z.number().nullable() }).nullable(),
	attempts: z.int(),
	error: z.string().nullable(),
	note: z.string().nullable(),
	reason: z.string().nullable(),
	during: z.string().nullable(),
	revision: z.int(),
	askedAt: z.string(),
	endedAt: z.string().nullable(),
	configuredAt: z.string().nullable(),
});
export const operations = z.strictObject({ operations: z.array(operation) });

export const upload = z.strictObject({
	id: z.string(),
	project: z.string(),
	name: z.string(),
	format: z.enum(['raw', 'qcow2']),
	length: z.int(),
	/** Bytes that are there. */
	offset: z.int(),
	/** What it must be in the end, if that was said. */
	sha256: z.string().nullable(),
	operation: z.string().nullable(),
	expiresAt: z.string(),
});
export type UploadView = z.output<typeof upload>;

export const problem = z.strictObject({
	type: z.string(),
	title: z.string(),
	status: z.int(),
	code: z.string(),
	detail: z.string(),
});

const bytes = z.int();
export const usage = z.strictObject({
	/** Bytes that nobody uses; for administrators. */
	free: bytes.nullable(),
	images: z.array(
		z.strictObject({ id: z.string(), reference: z.string(), size: bytes, own: bytes, disks: z.int() }),
	),
	disks: z.array(
		z.strictObject({ id: z.string(), name: z.string(), size: bytes, own: bytes, image: z.string() }),
	),
	/** Volumes that no record knows, for administrators: `collect` removes them. */
	strays: z.array(z.strictObject({ id: z.string(), own: bytes })),
});
export const collected = z.strictObject({
	removed: z.array(z.string()),
	bytes,
	/** What could not be: something is made of it, or has it open. */
	kept: z.array(z.string()),
});
