import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store, Transaction } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { admissions } from '../model/admission.ts';
import { type EvidenceRecord, isPlain, listRecords, records } from '../model/evidence-record.ts';
import { isOver, passages } from '../model/passage.ts';
import { forgetUnused } from './unused-blobs.ts';

/** Rounds of one admission of which all are kept: of 10 s each, the last three hours. */
const allKept = 1000;
/** Rounds after which the oldest are looked at. */
export const thinEvery = 100;
/** Milliseconds. */
const pace = 3_600_000;
const atOnce = 500;

/**
 * Forgets rounds before the last thousand in which nothing but the quote was new, a hundred at a time. The first is kept, and
 * every round that brought a log or a part of a list, or was refused: with these the rest can still be judged again.
 * @param number of the newest record, one before a multiple of `thinEvery`
 */
export async function thin(tx: Transaction, admission: string, number: number): Promise<void> {
	const from = number + 1 - allKept - thinEvery;
	if (from < 0) return;
	for (const { id, document } of await listRecords(tx, admission, { from, limit: thinEvery }))
		if (document.number < from + thinEvery && isPlain(document)) await tx.delete(records, id);
}

export interface RetentionDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Milliseconds that an admission is kept after its end. */
	readonly keep: number;
}

/** Forgets admissions and passages that ended long ago, with their evidence and what nothing else refers to; looks every hour. */
export function createRetention({ store, clock, logger, keep }: RetentionDeps): Woken {
	const forgetOne = (admission: string): Promise<boolean> =>
		store.transact(async tx => {
			const some = await listRecords(tx, admission, { limit: atOnce });
			for (const { id } of some) await tx.delete(records, id);
			for (const digest of new Set(some.flatMap(({ document }) => digestsOf(document))))
				await forgetUnused(tx, digest);
			if (some.length === atOnce) return false;
			const found = await tx.get(admissions, admission);
			await tx.delete(admissions, admission);
			for (const digest of [found?.policy, found?.standard]) if (digest) await forgetUnused(tx, digest);
			return true;
		});

	async function forgetPassages(before: number): Promise<void> {
		const all = await store.read(tx => tx.list(passages));
		for (const { id, document } of all)
			if (isOver(document) && document.endedAt < before && document.chores.length === 0)
				await store.transact(tx => tx.delete(passages, id));
	}

	return createWoken(clock, async () => {
		try {
			const before = clock.now() - keep;
			const all = await store.read(tx => tx.list(admissions));
			const old = all.filter(({ document }) => 'endedAt' in document && document.endedAt < before);
			for (const { id } of old) while (!(await forgetOne(id)));
			await forgetPassages(before);
			if (old.length > 0) logger.info({ admissions: old.length }, 'old evidence was forgotten');
		} catch (err) {
			logger.error({ err }, 'old evidence cannot be forgotten; it is tried again');
		}
		return pace;
	});
}

const digestsOf = ({ keys, policy, bootLog, ima, standard }: EvidenceRecord): string[] =>
	[keys, policy, bootLog, ima, standard?.policy].filter(each => typeof each === 'string');
