import { z } from 'zod';
import { base64, hilName, moment, sha256 } from '../model/names.ts';

export const policyRecord = z.strictObject({
	project: hilName,
	name: z.string(),
	digest: sha256,
	setAt: moment,
	setBy: z.string(),
});
export const policies = z.strictObject({ policies: z.array(policyRecord) });
export const policy = policyRecord.extend({ policy: z.looseObject({}) });

export const admission = z.strictObject({
	id: z.string(),
	node: hilName,
	project: hilName,
	state: z.enum(['waiting', 'attested', 'rejected', 'revoked', 'learnt', 'ended']),
	policy: sha256.nullable(),
	policyName: z.string().nullable(),
	attestedFor: z.int().min(0),
	interval: z.int(),
	lease: z.int(),
	askedAt: moment,
	askedBy: z.string(),
	since: moment.nullable(),
	until: moment.nullable(),
	endedAt: moment.nullable(),
	code: z.string().nullable(),
	reason: z.string().nullable(),
	registration: z.string().nullable(),
	nodeKey: base64(2048).nullable(),
	records: z.int(),
	strays: z.int(),
	stray: z.string().nullable(),
});
export const admissions = z.strictObject({ admissions: z.array(admission) });

export const payload = z.strictObject({
	admission: z.string(),
	size: z.int(),
	releasedAt: moment,
	releasedBy: z.string(),
	deliveredAt: moment.nullable(),
});

export const subscription = z.strictObject({
	id: z.string(),
	project: hilName,
	url: z.string(),
	addedAt: moment,
	addedBy: z.string(),
});
export const subscriptions = z.strictObject({ subscriptions: z.array(subscription) });

export const key = z.strictObject({
	/** Ed25519, SubjectPublicKeyInfo in PEM. */
	key: z.string(),
});

export const question = z.strictObject({
	token: z.string(),
	qualifying: sha256,
	selection: z.string(),
	bootLog: z.boolean(),
	imaFrom: z.int().min(-1),
	within: z.int(),
});

export const round = z.strictObject({
	state: admission.shape.state,
	refusal: z.string().nullable(),
	/** Seconds after which the agent asks again; null: not at all. */
	next: z.number().nullable(),
	/** Whose payload it is; with the parts of its key and the payload itself, in base64, when it was asked for and is there. */
	admission: z.string(),
	payloadT: z.string().nullable(),
	payloadU: z.string().nullable(),
	payloadV: z.string().nullable(),
	payload: z.string().nullable(),
	/** Of the peers that it has asked about, those that are attested now: names with blanks between. */
	peers: z.string().nullable(),
});
