import { createHash } from 'node:crypto';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { HASH_SIZES, type HashName } from '../tpm/algorithms.ts';
import type { ImaEntry } from './ima-list.ts';

const IMA_PCR = 10;

export interface ImaReplay {
	/** The entries that the quote proves: only these are judged. */
	readonly proven: readonly ImaEntry[];
	/** Entries after them: measured after the quote, or made up. The next quote must account for them. */
	readonly unproven: number;
}

/**
 * Finds how much of a list the quoted PCR 10 proves. The list is read after the quote, so it may have more.
 * @param before what was proven by an earlier quote of the same boot: the list given goes on after that
 */
export function replayImaList(
	entries: readonly ImaEntry[],
	hash: HashName,
	quoted: Buffer,
	before?: { readonly pcr: Buffer },
): Outcome<ImaReplay> {
	let value = before?.pcr ?? Buffer.alloc(HASH_SIZES[hash]);
	if (before && value.equals(quoted)) return accept({ proven: [], unproven: entries.length });
	for (const [count, entry] of entries.entries()) {
		if (entry.pcr !== IMA_PCR)
			return refuse('Unsupported', `entry ${entry.index} of the IMA list is for PCR ${entry.pcr}`);
		const digest = entry.isViolation
			? Buffer.alloc(HASH_SIZES[hash], 0xff)
			: createHash(hash).update(entry.data).digest();
		value = createHash(hash).update(value).update(digest).digest();
		if (value.equals(quoted))
			return accept({ proven: entries.slice(0, count + 1), unproven: entries.length - count - 1 });
	}
	return refuse(
		'LogMismatch',
		`no part of the IMA list (${entries.length} entries) leads to the quoted PCR ${IMA_PCR}, ${quoted.toString('hex')}`,
	);
}

/**
 * The digest that a list's first entry has: of PCRs 0 to 9 (Linux 5.8 and later, in every bank but SHA-1).
 * It ties the list to this boot's firmware.
 */
export function bootAggregateOf(hash: HashName, pcrs: ReadonlyMap<number, Buffer>): Outcome<Buffer> {
	const sum = createHash(hash);
	for (let pcr = 0; pcr < IMA_PCR; pcr++) {
		const value = pcrs.get(pcr);
		if (!value) return refuse('SelectionWrong', `the boot aggregate needs PCR ${pcr}, which is not quoted`);
		sum.update(value);
	}
	return accept(sum.digest());
}
