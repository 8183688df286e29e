import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { newRequestId } from '../approve/request-document.ts';
import { bundleSchema } from './bundle.ts';

const operator = z.strictObject({ name: z.string(), party: z.string() });

export const changeState = z.enum([
	'waiting', // for the parties in `needs`
	'taken', // in force, or once was
	'denied', // by a party, or because another version came into force
	'withdrawn', // by who proposed it
	'expired', // not approved in time
]);
export type ChangeState = z.infer<typeof changeState>;

/** A change of what all parties own together, as it is kept. */
export const changeDocument = z.strictObject({
	id: z.string(),
	state: changeState,
	/** With every signature that has come so far. */
	bundle: bundleSchema,
	/** SHA-256 of its manifest. */
	manifest: z.string(),
	/** The version in force that it replaces. */
	replaces: z.string(),
	digest: z.string(),
	nonce: z.string(),
	proposer: operator,
	comment: z.string().nullable(),
	/** Times are milliseconds since the epoch. */
	createdAt: z.int(),
	expiresAt: z.int(),
	authorizations: z.array(operator.extend({ at: z.int(), comment: z.string().nullable() })),
	needs: z.array(z.array(z.string())),
	ended: z.strictObject({ by: operator.nullable(), reason: z.string(), at: z.int() }).nullable(),
	/** The version that it made. */
	version: z.string().nullable(),
});
export type ChangeDocument = z.infer<typeof changeDocument>;

export const changes = defineCollection('policy-changes', changeDocument, { state: change => change.state });

/** As a request's id, with `g`: they sort by time, and nobody takes one for the other. */
export const newChangeId = (now: number): string => `g${newRequestId(now).slice(1)}`;
export const isChangeId = (text: string): boolean => /^g[0-9a-hjkmnp-tv-z]{12}$/.test(text);

/** What an approval names: the files (by the manifest, which hashes them), what they replace, and this very proposal. */
export function digestChange(change: Pick<ChangeDocument, 'manifest' | 'replaces' | 'nonce'>): string {
	const { manifest, replaces, nonce } = change;
	return createHash('sha256').update(`bimetal change 1\0${manifest}\0${replaces}\0${nonce}`).digest('hex');
}

export const newNonce = (): string => randomBytes(16).toString('hex');
