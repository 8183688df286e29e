import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label, moment, reference } from './label.ts';

const namedNic = { node: reference, nic: reference, network: reference };
const namedAccess = { network: reference, project: reference };

/** One step of a change: a call of HIL's interface, by its name there. */
export const changeStep = z.discriminatedUnion('do', [
	z.strictObject({ do: z.literal('connect_node'), project: reference, node: reference }),
	z.strictObject({ do: z.literal('detach_node'), project: reference, node: reference }),
	z.strictObject({ do: z.literal('connect_network'), ...namedNic, channel: reference.optional() }),
	z.strictObject({ do: z.literal('detach_network'), ...namedNic }),
	z.strictObject({
		do: z.literal('create_network'),
		network: reference,
		owner: reference,
		access: reference,
		net_id: reference,
	}),
	z.strictObject({ do: z.literal('delete_network'), network: reference }),
	z.strictObject({ do: z.literal('grant_access'), ...namedAccess }),
	z.strictObject({ do: z.literal('revoke_access'), ...namedAccess }),
]);
export type ChangeStep = z.output<typeof changeStep>;

const onNic = { node: label, nic: label, network: label };
const access = { network: label, project: label };

/** What puts one step of a change back. `action`: the change of a port that it puts back, if that came to pass. */
const undoStep = z.discriminatedUnion('do', [
	z.strictObject({ do: z.literal('detach_network'), ...onNic, action: z.string() }),
	z.strictObject({ do: z.literal('connect_network'), ...onNic, channel: z.string(), action: z.string() }),
	z.strictObject({ do: z.literal('detach_node'), project: label, node: label }),
	z.strictObject({ do: z.literal('connect_node'), project: label, node: label, leaseEnd: moment.nullable() }),
	z.strictObject({ do: z.literal('delete_network'), network: label }),
	z.strictObject({ do: z.literal('grant_access'), ...access }),
	z.strictObject({ do: z.literal('revoke_access'), ...access }),
]);
export type UndoStep = z.output<typeof undoStep>;

const change = z.strictObject({
	/** ERROR: it came to nothing, and `problems` says what could not be put back. */
	status: z.enum(['PENDING', 'DONE', 'UNDOING', 'UNDONE', 'ERROR']),
	/** The projects whose nodes it is about: members of all of them may look at it. */
	projects: z.array(label),
	/** Its changes of ports, and those that put them back. */
	actions: z.array(z.string()),
	undoActions: z.array(z.string()),
	/** What is still to be put back, in this order, if it comes to nothing. */
	undo: z.array(undoStep),
	/** Why it came to nothing. */
	error: z.string().nullable(),
	problems: z.array(z.string()),
	askedAt: moment,
});
/** Several steps that are taken together: all of them, on the switches as well, or none. */
export type Change = z.output<typeof change>;
export const changes = defineCollection('changes', change, {
	status: ({ status }) => status,
	open: ({ status }) => (status === 'PENDING' || status === 'UNDOING' ? 'yes' : undefined),
});
