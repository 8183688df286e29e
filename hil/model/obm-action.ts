import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label, moment } from './label.ts';

const obmAction = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'ERROR']),
	node: label,
	project: label.nullable(),
	/** `power_on` and the like. */
	type: z.string(),
	/** The node's management, and the request there that waits; null while it is being asked. */
	uri: z.string(),
	request: z.string().nullable(),
	/** Who has not agreed yet, as the proxy said it. */
	needs: z.string(),
	askedAt: moment,
});
/** Something that is being done to a node, or that another party must agree to before it is done. */
export type ObmAction = z.output<typeof obmAction>;
export const obmActions = defineCollection('obm-actions', obmAction, {
	node: ({ status, node }) => (status === 'PENDING' ? node : undefined),
	status: ({ status }) => status,
});
