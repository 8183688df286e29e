import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label } from './label.ts';

const headnode = z.strictObject({
	label,
	project: label,
	baseImage: z.string(),
	uuid: z.string(),
	/** Never started: it can still be changed. */
	dirty: z.boolean(),
});
export type Headnode = z.output<typeof headnode>;
export const headnodes = defineCollection('headnodes', headnode, { project: document => document.project });

const hnic = z.strictObject({ headnode: label, label, project: label, network: label.nullable() });
export type Hnic = z.output<typeof hnic>;
export const hnics = defineCollection('hnics', hnic, {
	headnode: document => document.headnode,
	network: document => document.network ?? undefined,
	use: document => (document.network === null ? undefined : `${document.network}/${document.project}`),
});
export const hnicId = (of: { readonly headnode: string; readonly hnic: string }): string =>
	`${of.headnode}/${of.hnic}`;
