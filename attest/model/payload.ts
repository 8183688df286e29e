import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { largestPayload, sealedExtra } from '../payload/sealed-payload.ts';
import { base64, moment } from './names.ts';

/** Bytes: of an RSA key of 16384 bits. */
const rsaBlock = base64(2048);
/** Bytes: a credential for an RSA key of as many bits. */
const credential = base64(2048 + 256);
/** `t` and `u`: parts of its key, for the TPM (a credential) and encrypted to the node key, by the tenant. */
export const shownPayload = { t: credential, u: rsaBlock, payload: base64(largestPayload + sealedExtra) };

const payload = z.strictObject({
	...shownPayload,
	/** The third part and its admission, in the verifier's secret box. */
	v: z.string(),
	releasedAt: moment,
	releasedBy: z.string(),
	/** When the node was given it first. */
	deliveredAt: moment.nullable(),
});
export type Payload = z.output<typeof payload>;

/** What a tenant has sealed for its node, by the admission: set once, and forgotten when the admission is over. */
export const payloads = defineCollection('payloads', payload);
