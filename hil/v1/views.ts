import { z } from 'zod';
import { stages } from '../model/departure.ts';

export const me = z.strictObject({ name: z.string(), is_admin: z.boolean(), projects: z.array(z.string()) });

export const foundNodes = z.strictObject({
	nodes: z.array(
		z.strictObject({
			name: z.string(),
			project: z.string().nullable(),
			properties: z.record(z.string(), z.unknown()),
		}),
	),
	next: z.string().nullable(),
});

const portState = z.strictObject({ native: z.int().nullable(), tagged: z.array(z.int()) });
const most = z.int().nullable();
export const project = z.strictObject({
	name: z.string(),
	quota: z.strictObject({ nodes: most, networks: most }),
	nodes: z.int(),
	networks: z.int(),
	leases: z.record(z.string(), z.string()),
});

export const drift = z.strictObject({
	ports: z.array(
		z.strictObject({
			port: z.string(),
			nic: z.string().nullable(),
			recorded: portState,
			found: portState,
			repaired: z.boolean(),
		}),
	),
});

export const change = z.strictObject({
	dry_run: z.boolean(),
	/** For `/v1/change/ID`; null when there is no port to be changed. */
	id: z.string().nullable(),
	ports: z.array(
		z.strictObject({
			node: z.string(),
			nic: z.string(),
			switch: z.string().optional(),
			port: z.string().optional(),
			before: portState,
			after: portState,
		}),
	),
	actions: z.array(z.string()),
});

export const changeState = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'UNDOING', 'UNDONE', 'ERROR']),
	actions: z.array(z.string()),
	error: z.string().nullable(),
	problems: z.array(z.string()),
});

export const departure = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'ERROR']),
	node: z.string(),
	project: z.string(),
	stage: z.enum(stages),
	attempts: z.int(),
	error: z.string().nullable(),
});

export const action = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'ERROR']),
	node: z.string(),
	nic: z.string(),
	type: z.string(),
	channel: z.string(),
	new_network: z.string().nullable(),
	attempts: z.int(),
	error: z.string().nullable(),
	asked_at: z.string(),
	ended_at: z.string().nullable(),
});
