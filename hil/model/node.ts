import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label, moment } from './label.ts';

const node = z.strictObject({
	label,
	/** Null: free. */
	project: label.nullable(),
	/** Where its management controller is reached: a path under the proxy. No credential is kept with it. */
	obmUri: z.string(),
	/** Power, boot device and console are there only while this holds. */
	obmEnabled: z.boolean(),
	/** On its way out of its project, which can do nothing to it any more. */
	leaving: z.boolean(),
	/** When it is to leave its project; null: when somebody asks for it. */
	leaseEnd: moment.nullable(),
});
/** In the index `project`, what no project can be called: free. */
export const free = '';
export const nodes = defineCollection('nodes', node, {
	project: document => document.project ?? free,
	leased: ({ leaseEnd }) => (leaseEnd === null ? undefined : 'yes'),
});

const nic = z.strictObject({
	node: label,
	label,
	mac: z.string(),
	/** The id of the port that it is plugged into: `switch/port`. */
	port: z.string().nullable(),
});
export type Nic = z.output<typeof nic>;
export const nics = defineCollection('nics', nic, { node: document => document.node });

const metadatum = z.strictObject({
	node: label,
	label,
	/** JSON text: HIL shows it as that, inside a string. */
	value: z.string(),
});
/** By what nodes with this very value of a property are found; long values are not. */
export const indexedValue = (property: string, value: unknown): string | undefined => {
	const text = JSON.stringify(value);
	return text.length <= 200 ? `${property}=${text}` : undefined;
};
export const metadata = defineCollection('metadata', metadatum, {
	node: document => document.node,
	// Each of several values; the text is JSON.
	is: ({ label: property, value }) => {
		if (value.length > 2000) return undefined;
		const values = [JSON.parse(value) as unknown].flat().map(each => indexedValue(property, each));
		return [...new Set(values.filter(each => each !== undefined))];
	},
});
/** Says that a node's evidence was found good in the project that has it; goes when it leaves that. */
export const attestedLabel = 'attested';
/** Says that a project has had the node, and nobody has seen yet that it was cleared of that. */
export const uncleanedLabel = 'uncleaned';
export const metadatumId = (nodeLabel: string, name: string): string => `${nodeLabel}/${name}`;
