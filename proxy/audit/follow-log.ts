import { unseal } from './chain.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { sameHash } from './hash-tree.ts';
import type { LogCopy } from './log-copy.ts';

/** Where a log is followed from; proxy/client.ts offers it over HTTP. What it gives is checked, all of it. */
export interface LogSource {
	checkpoint(): Promise<string>;
	checkpoints(after: number, limit: number): Promise<readonly string[]>;
	records(after: number, limit: number): Promise<readonly string[]>;
	inclusion(seq: number, size: number): Promise<readonly string[]>;
}

export type FollowStep =
	/** The copy has everything that is signed. */
	| { readonly kind: 'current'; readonly size: number }
	/** Further records were copied, up to a checkpoint. */
	| { readonly kind: 'advanced'; readonly size: number; readonly added: number }
	| Parting;

/** The log is not the one that was followed so far, or contradicts itself. */
export interface Parting {
	readonly kind: 'parted';
	readonly reason: string;
	/** The first record that differs; null where the records served are those of the copy. */
	readonly seq: number | null;
	/** The note that does not fit, signed or not. */
	readonly theirs: string;
	/** Their line of record `seq`. */
	readonly record: string | null;
}

const page = 1000;

/** One look at the source: copies what is new up to its next checkpoints, each of which must fit the copy. */
export async function followOnce(copy: LogCopy, source: LogSource): Promise<FollowStep> {
	const note = await source.checkpoint();
	const newest = readCheckpoint(note, copy.verifier);
	if (!newest) return unsigned(copy, note);
	const signed = copy.signed();
	const had = signed?.size ?? 0;
	if (signed && newest.size <= had) {
		if (!sameHash(await copy.rootAt(newest.size), newest.root)) {
			return parting(copy, source, newest, `it was signed for other records than those of this copy`);
		}
		if (newest.size < had && newest.time > signed.time) {
			const reason = `${had - newest.size} records that were signed at ${signed.time} are gone from it`;
			return { kind: 'parted', reason, seq: newest.size + 1, theirs: note, record: null };
		}
		return { kind: 'current', size: had };
	}
	const targets: Checkpoint[] = [];
	for (const next of await source.checkpoints(had, page)) {
		const target = readCheckpoint(next, copy.verifier);
		if (!target) return unsigned(copy, next);
		if (target.size > (targets.at(-1)?.size ?? had)) targets.push(target);
	}
	const size = targets.at(-1)?.size ?? had;
	const parted = await copyUpTo(copy, source, targets);
	if (parted) return parted;
	if (size > had) return { kind: 'advanced', size, added: size - had };
	// An empty log's checkpoint is as good as any, and nothing to copy.
	if (newest.size === 0) {
		await copy.accept([newest]);
		return { kind: 'current', size: 0 };
	}
	return {
		kind: 'parted',
		reason: `it was signed for ${newest.size} records, of which no checkpoint is shown`,
		seq: null,
		theirs: note,
		record: null,
	};
}

/** Copies the records that the checkpoints cover, and keeps those checkpoints that were signed for them. */
async function copyUpTo(
	copy: LogCopy,
	source: LogSource,
	targets: readonly Checkpoint[],
): Promise<Parting | undefined> {
	const last = targets.at(-1);
	if (!last) return undefined;
	while (copy.head().seq < last.size) {
		const after = copy.head().seq;
		const lines = await source.records(after, Math.min(page, last.size - after));
		const { refused } = await copy.append(lines);
		if (refused !== undefined) return parting(copy, source, last, refused);
		if (copy.head().seq === after) {
			return parting(copy, source, last, `record ${after + 1} was signed, and is not shown`);
		}
	}
	const right: Checkpoint[] = [];
	for (const target of targets) {
		if (!sameHash(await copy.rootAt(target.size), target.root)) {
			await copy.accept(right);
			return parting(copy, source, target, 'it was signed for other records than those that are shown');
		}
		right.push(target);
	}
	await copy.accept(right);
	return undefined;
}

const unsigned = (copy: LogCopy, note: string): Parting => ({
	kind: 'parted',
	reason: `a checkpoint is shown that ${copy.verifier.name}+${copy.verifier.keyId} did not sign`,
	seq: null,
	theirs: note,
	record: null,
});

/**
 * Finds the first record in which their log differs from the copy. Every record is bound to all before it, so that one
 * which is the same means that all before are, and bisection finds the place.
 */
async function parting(
	copy: LogCopy,
	source: LogSource,
	theirs: Checkpoint,
	reason: string,
): Promise<Parting> {
	const lineOf = async (seq: number) => (await source.records(seq - 1, 1))[0];
	let same = 0;
	let differs = Math.min(copy.head().seq, theirs.size) + 1;
	const end = differs;
	let record: string | null = null;
	while (differs - same > 1) {
		const middle = Math.floor((same + differs) / 2);
		const line = await lineOf(middle);
		if (line !== undefined && line === (await copy.line(middle))) same = middle;
		else {
			differs = middle;
			record = line ?? null;
		}
	}
	if (differs < end) return { kind: 'parted', reason, seq: differs, theirs: theirs.note, record };
	// Up to the end of the copy all is the same; what follows may still not be what was signed.
	const following = await lineOf(end).catch(() => undefined);
	const sealed = following === undefined ? undefined : unseal(Buffer.from(`${following}\n`));
	const breaks = end <= theirs.size && sealed?.prev !== copy.head().hash;
	return {
		kind: 'parted',
		reason,
		seq: breaks ? end : null,
		theirs: theirs.note,
		record: breaks ? (following ?? null) : null,
	};
}
