import type { CheckpointFile } from './checkpoint-file.ts';
import { consistencyProof, inclusionProof, type ReadNode, type TreeHash } from './merkle-tree.ts';
import { readRecordLines } from './record-pages.ts';

/**
 * What everybody may follow of a log: its signed checkpoints, the records that they cover, and proofs. Nothing later
 * than the newest checkpoint is shown, so that whatever a party has seen is signed.
 */
export interface PublishedLog {
	/** The public key: see NoteVerifier. */
	readonly verifier: string;
	/** Records that the newest checkpoint covers. */
	size(): number;
	/** The newest checkpoint. */
	checkpoint(): string;
	/** Checkpoints of more than `after` records, oldest first. */
	checkpoints(after: number, limit: number): Promise<string[]>;
	/** Lines of the records after number `after`, as stored, without newlines: at most `limit`, and some 4 MiB. */
	records(after: number, limit: number): Promise<string[]>;
	/** The audit path of record `seq` in the tree of the first `size`; undefined where there is none. */
	inclusion(seq: number, size: number): Promise<readonly TreeHash[] | undefined>;
	/** That the first `from` records are the beginning of the first `to`; undefined where they are not. */
	consistency(from: number, to: number): Promise<readonly TreeHash[] | undefined>;
	/** Why the last checkpoint could not be written; undefined when it was. */
	fault(): unknown;
}

const largestPage = 4 * 1024 * 1024;

export function publish(log: {
	readonly folder: string;
	readonly verifier: string;
	readonly checkpoints: Pick<CheckpointFile, 'last' | 'after'>;
	readonly read: ReadNode;
	readonly size: () => number;
	readonly fault: () => unknown;
}): PublishedLog {
	const { folder, verifier, checkpoints, read, size, fault } = log;
	return {
		verifier,
		size,
		checkpoint: () => checkpoints.last()?.note ?? '',
		checkpoints: (after, limit) => checkpoints.after(after, limit),
		records: (after, limit) => readRecordLines(folder, { after, upTo: size(), limit, bytes: largestPage }),
		async inclusion(seq, within) {
			if (!(seq >= 1 && seq <= within && within <= size())) return undefined;
			return inclusionProof(read, seq - 1, within);
		},
		async consistency(from, to) {
			if (!(from >= 0 && from <= to && to <= size())) return undefined;
			return from === 0 ? [] : consistencyProof(read, from, to);
		},
		fault,
	};
}
