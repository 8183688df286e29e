import { z } from 'zod';
import { defineCollection, type ReadTransaction } from '../../common/store/store.ts';
import { NOTHING } from './blob.ts';
import { base64, moment, sha256 } from './names.ts';

/** One answer of a node, as it came, and what was made of it. Its id is the admission's and its number. */
export const evidenceRecord = z.strictObject({
	admission: z.string(),
	number: z.int().min(0),
	at: moment,
	/** Digest of the keys' document, and of the policy's text. */
	keys: sha256,
	policy: sha256.nullable(),
	/** What was asked for, where that was more than the policy needs: `sha256:0,1,7`. */
	selection: z.string().max(256).optional(),
	/** Digest of the site's own policy, and what it makes of what was refused here: `accepted`, or a code. */
	standard: z.strictObject({ policy: sha256, verdict: z.string() }).optional(),
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

/** There is one for each round of each node: whatever more is written for each is written a thousand times a second. */
export const records = defineCollection('evidence', evidenceRecord, {
	/** What is kept for it; its policy is the admission's, which refers to it as long as there are records. */
	blob: ({ keys, bootLog, ima, standard }) =>
		[keys, bootLog, ima, standard?.policy].filter(
			(each): each is string => typeof each === 'string' && each !== NOTHING,
		),
});

/** Whether nothing but the quote was new in this round. */
export const isPlain = ({ number, bootLog, ima, verdict }: EvidenceRecord): boolean =>
	number > 0 && bootLog === null && (ima === null || ima === NOTHING) && verdict === 'accepted';

export const recordId = (admission: string, number: number): string =>
	`${admission}.${String(number).padStart(10, '0')}`;

/** The first so many records of an admission that are kept, from the number `from` on. */
export async function listRecords(
	tx: ReadTransaction,
	admission: string,
	{ from = 0, limit }: { readonly from?: number; readonly limit: number },
): Promise<{ readonly id: string; readonly document: EvidenceRecord }[]> {
	const after = from === 0 ? `${admission}.` : recordId(admission, from - 1);
	const found = await tx.list(records, { after, limit });
	return found.filter(({ document }) => document.admission === admission);
}
