import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { standardVerdict } from './admission.ts';
import { hilName, moment } from './names.ts';

/** What brings a node through the airlock, in this order; each can be repeated. See passage/stages.ts for those left out. */
export const stage = z.enum([
	'take',
	'power-off',
	'airlock',
	'boot-device',
	'power-on',
	'provision',
	'evidence',
	'part',
	'enter',
]);
export type Stage = z.output<typeof stage>;

/** A network of the tenant's that a NIC is to be on; channels are hil's: `vlan/native`, `vlan/101`. */
export const nicNetwork = z.strictObject({
	nic: hilName,
	network: hilName,
	channel: z.string().min(1).max(32),
});
export type NicNetwork = z.output<typeof nicNetwork>;

const cause = z.strictObject({
	code: z.string(),
	reason: z.string(),
	standard: standardVerdict.optional(),
});
export type PassageCause = z.output<typeof cause>;

/** What is still to be done at hil and the provisioner for a node that is where it should be. */
const chore = z.enum(['lease', 'attested', 'unattested', 'reason', 'tidy']);
export type Chore = z.output<typeof chore>;

const base = {
	node: hilName,
	/** The tenant's. */
	project: hilName,
	networks: z.array(nicNetwork),
	/** The tenant's choice: by this verifier, or not at all. */
	attestation: z.enum(['verifier', 'none']),
	/** Name of the policy; null: the node's own, or the project's default. */
	policy: z.string().nullable(),
	/** Seconds, as asked for; null: the verifier's own. */
	interval: z.number().nullable(),
	lease: z.number().nullable(),
	within: z.number().nullable(),
	/** Whether the node is let in only when it has been given what the tenant released. */
	awaitsPayload: z.boolean(),
	/** The NIC that is on the airlock's network. */
	nic: hilName,
	/** The airlock's network that it was put on. */
	airlock: hilName.nullable().default(null),
	/** Whose the node was, null: free; and until when (ISO 8601). */
	origin: hilName.nullable(),
	leaseEnd: z.string().nullable(),
	askedAt: moment,
	askedBy: z.string(),
	admission: z.string().nullable(),
	/** What others do for it now: hil's change of ports, a party's approval that hil has asked for, the provisioner's operation. */
	waits: z
		.strictObject({ kind: z.enum(['change', 'approval', 'operation']), id: z.string(), note: z.string() })
		.nullable(),
	/** Of the provisioner, while it has something for this passage. */
	operation: z.string().nullable(),
	disk: z.string().nullable(),
	/** What went wrong last, and how often, since it came to where it is. */
	trouble: z.string().nullable(),
	attempts: z.int().min(0),
	chores: z.array(chore),
	history: z.array(z.strictObject({ at: moment, what: z.string() })),
	/** Goes up with everything that is recorded of it. */
	revision: z.int().min(0),
};
const passage = z.discriminatedUnion('state', [
	z.strictObject({ state: z.literal('passing'), ...base, stage }),
	/** On the tenant's networks, for as long as it is attested. */
	z.strictObject({ state: z.literal('inside'), ...base, since: moment }),
	/** Attested no longer: off its networks, until the switch says so. */
	z.strictObject({ state: z.literal('cutting'), ...base, cause }),
	/** Refused: off, and into the rejected pool. */
	z.strictObject({ state: z.literal('rejecting'), ...base, cause }),
	/** Came to nothing, by nobody's evidence: off, and back to where it was. */
	z.strictObject({ state: z.literal('returning'), ...base, cause }),
	z.strictObject({ state: z.literal('cut'), ...base, cause, endedAt: moment }),
	z.strictObject({ state: z.literal('rejected'), ...base, cause, endedAt: moment }),
	z.strictObject({ state: z.literal('returned'), ...base, cause, endedAt: moment }),
	/** The node is its project's no longer: by hil, which has cleared it. */
	z.strictObject({ state: z.literal('left'), ...base, endedAt: moment }),
]);
export type Passage = z.output<typeof passage>;
export type PassageState = Passage['state'];

export const isOver = (document: Passage): document is Extract<Passage, { endedAt: number }> =>
	'endedAt' in document;
/** Whether there is something to do for it now. */
const isActive = (document: Passage): boolean =>
	document.chores.length > 0 || (!isOver(document) && document.state !== 'inside');

/** A node's way through the airlock into a project, and its stay there. */
export const passages = defineCollection('passages', passage, {
	project: document => document.project,
	node: document => (isOver(document) ? undefined : document.node),
	admission: document => (isOver(document) ? undefined : (document.admission ?? undefined)),
	open: document => (isOver(document) ? undefined : 'yes'),
	active: document => (isActive(document) ? 'yes' : undefined),
	/** Which of the airlock's networks it may be on. */
	airlock: document =>
		isOver(document) || document.state === 'inside' || document.state === 'cutting'
			? undefined
			: (document.airlock ?? undefined),
	state: document => document.state,
});
