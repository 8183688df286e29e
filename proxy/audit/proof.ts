import { z } from 'zod';
import { type SealedRecord, unseal } from './chain.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { leafOf } from './hash-tree.ts';
import { verifyInclusion } from './merkle-verify.ts';
import { fromBase64, type NoteVerifier } from './signed-note.ts';

/** That a record is in the log that a key signed: everything that a third party needs, but for knowing the key. */
export const inclusionDocument = z.strictObject({
	/** The log's public key, one line. Whoever checks holds it against the one that they know. */
	key: z.string(),
	/** Signed note. */
	checkpoint: z.string(),
	/** The record's line as stored, without its newline. */
	record: z.string(),
	/** Base64 hashes, RFC 6962 section 2.1.1. */
	path: z.array(z.string()),
});
export type InclusionDocument = z.infer<typeof inclusionDocument>;

export type Proven =
	| { readonly ok: true; readonly sealed: SealedRecord; readonly checkpoint: Checkpoint }
	| { readonly ok: false; readonly reason: string };

/** Whether the key signed a log in which the record stands. */
export function checkInclusion(document: InclusionDocument, verifier: NoteVerifier): Proven {
	const checkpoint = readCheckpoint(document.checkpoint, verifier);
	if (!checkpoint) {
		return { ok: false, reason: `the checkpoint was not signed by ${verifier.name}+${verifier.keyId}` };
	}
	const sealed = unseal(Buffer.from(`${document.record}\n`));
	if (!sealed) return { ok: false, reason: 'the record is not as a log has it' };
	const path = document.path.map(hash => fromBase64(hash) ?? Buffer.alloc(0));
	const { size, root } = checkpoint;
	return verifyInclusion({ leaf: leafOf(sealed.hash), index: sealed.seq - 1, size, path, root })
		? { ok: true, sealed, checkpoint }
		: { ok: false, reason: `the signed log of ${size} records has another record ${sealed.seq}` };
}
