import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { base64, moment, sha256 } from './names.ts';

/** One answer of a node, as it came, and what was made of it. Its id is the admission's and its number. */
export const evidenceRecord = z.strictObject({
	admission: z.string(),
	number: z.int().min(0),
	at: moment,
	/** Digest of the keys' document, and of the policy's text. */
	keys: sha256,
	policy: sha256.nullable(),
	nonce: z.string().regex(/^[0-9a-f]{64}$/),
	message: base64(4096),
	signature: base64(4096),
	pcrs: base64(4096),
	/** Digests of what was sent besides. */
	bootLog: sha256.nullable(),
	ima: sha256.nullable(),
	/** `accepted`, or the code of the refusal. */
	verdict: z.string(),
	reason: z.string().nullable(),
	/** Whether the node's TPM had signed it. */
	signed: z.boolean(),
});

export type EvidenceRecord = z.output<typeof evidenceRecord>;

/** Of an IMA list that nothing was added to. */
const NOTHING = createHash('sha256').update('').digest('hex');

export const records = defineCollection('evidence', evidenceRecord, {
	admission: document => document.admission,
	/** What is kept for it. */
	blob: ({ keys, policy, bootLog, ima }) =>
		[...new Set([keys, policy, bootLog, ima])].filter(each => each !== null),
	/** Rounds in which nothing but the quote was new. */
	plain: ({ admission, number, bootLog, ima, verdict }) =>
		number > 0 && bootLog === null && (ima === null || ima === NOTHING) && verdict === 'accepted'
			? admission
			: undefined,
});
export const recordId = (admission: string, number: number): string =>
	`${admission}.${String(number).padStart(10, '0')}`;
