import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label } from './label.ts';

const device = z.strictObject({
	label,
	/** The URI of its kind, see switch-kind.ts. */
	type: z.string(),
	/** What its driver is told, without secrets. */
	settings: z.record(z.string(), z.json()),
});
export const switches = defineCollection('switches', device);

/** Read by the worker of the switch alone, and sealed: see network/secret-box.ts. */
export const switchSecrets = defineCollection('switch-secrets', z.strictObject({ sealed: z.string() }));

const port = z.strictObject({
	switch: label,
	/** As the switch calls it: with slashes. */
	label: z.string(),
	/** The id of the NIC in it, `node/nic`. */
	nic: z.string().nullable(),
});
export type Port = z.output<typeof port>;
export const ports = defineCollection('ports', port, { switch: document => document.switch });
export const portId = (of: { readonly switch: string; readonly port: string }): string =>
	`${of.switch}/${of.port}`;
