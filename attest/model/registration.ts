import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { base64, hilName, moment, sha256 } from './names.ts';

const base = {
	node: hilName,
	/** Of the endorsement key, as at enrolment. */
	fingerprint: sha256,
	/** TPM2B_PUBLIC of both keys, in base64. */
	ek: base64(2048),
	ak: base64(2048),
	/** DER, in base64. */
	ekCertificate: base64(8192),
	/** Subjects from the endorsement key's certificate up to the root. */
	chain: z.array(z.string()),
	askedAt: moment,
};
const registration = z.discriminatedUnion('state', [
	z.strictObject({
		state: z.literal('pending'),
		...base,
		/** Until when the credential may be answered. */
		until: moment,
		/** SHA-256 of the answer: what is kept opens nothing. */
		proof: sha256,
	}),
	z.strictObject({ state: z.literal('active'), ...base, activatedAt: moment }),
	z.strictObject({ state: z.literal('ended'), ...base, endedAt: moment, reason: z.string() }),
]);
/** That an attestation key is in the TPM of a node, for one admission: its keys never change. */
export type Registration = z.output<typeof registration>;
export const registrations = defineCollection('registrations', registration, {
	pending: ({ state, node }) => (state === 'pending' ? node : undefined),
	active: ({ state, node }) => (state === 'active' ? node : undefined),
	ended: ({ state, node }) => (state === 'ended' ? node : undefined),
});
