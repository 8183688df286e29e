import { z } from 'zod';

export const names = z.array(z.string());
const record = <V extends z.ZodType>(value: V) => z.record(z.string(), value);

export const error = z.strictObject({ type: z.string(), msg: z.string() });
export const queued = z.strictObject({ status_id: z.string() });
/** What another party must agree to first. */
export const waiting = queued.extend({ msg: z.string() });

export const node = z.strictObject({
	name: z.string(),
	project: z.string().nullable(),
	nics: z.array(
		z.strictObject({
			label: z.string(),
			macaddr: z.string(),
			networks: record(z.string()),
			port: z.string().nullable().optional(),
			switch: z.string().nullable().optional(),
		}),
	),
	metadata: record(z.string()),
});

export const powerStatus = z.strictObject({ power_status: z.enum(['on', 'off', 'unknown']) });

export const networkList = record(
	z.strictObject({ network_id: z.string(), projects: z.array(z.string()).nullable() }),
);
export const network = z.strictObject({
	name: z.string(),
	channels: names,
	owner: z.string(),
	access: z.array(z.string()).nullable(),
	'connected-nodes': record(names),
});
export const attachmentList = record(
	z.strictObject({ nic: z.string(), channel: z.string(), project: z.string() }),
);
export const action = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'ERROR']),
	node: z.string(),
	nic: z.string(),
	type: z.string(),
	channel: z.string(),
	new_network: z.string().nullable(),
});

export const device = z.strictObject({
	name: z.string(),
	ports: z.array(z.strictObject({ label: z.string() })),
	capabilities: names,
});
/** Empty when nothing is in it. */
export const port = z.strictObject({
	node: z.string().optional(),
	nic: z.string().optional(),
	networks: record(z.string()).optional(),
});

export const headnode = z.strictObject({
	name: z.string(),
	project: z.string(),
	hnics: names,
	uuid: z.string(),
	base_img: z.string(),
	vncport: z.int().nullable(),
});

export const userList = record(z.strictObject({ is_admin: z.boolean(), projects: names }));
