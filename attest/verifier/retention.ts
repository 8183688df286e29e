import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store, Transaction } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { admissions } from '../model/admission.ts';
import { type EvidenceRecord, records } from '../model/evidence-record.ts';
import { forgetUnused } from './unused-blobs.ts';

/** Plain good rounds of one admission that are kept: of 10 s each, the last three hours. */
const plainKept = 1000;
/** Milliseconds. */
const pace = 3_600_000;
const atOnce = 500;

/**
 * Forgets the oldest rounds of an admission in which nothing but the quote was new. The first is kept, and every round
 * that brought a log or a part of a list, or was refused: with these the rest can still be judged again.
 */
export async function thin(tx: Transaction, admission: string): Promise<void> {
	const plain = await tx.list(records, { where: { index: 'plain', equals: admission } });
	for (const { id } of plain.slice(0, Math.max(0, plain.length - plainKept))) await tx.delete(records, id);
}

export interface RetentionDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Milliseconds that an admission is kept after its end. */
	readonly keep: number;
}

/** Forgets admissions that ended long ago, with their evidence and what nothing else refers to; looks every hour. */
export function createRetention({ store, clock, logger, keep }: RetentionDeps): Woken {
	const forgetOne = (admission: string): Promise<boolean> =>
		store.transact(async tx => {
			const some = await tx.list(records, {
				where: { index: 'admission', equals: admission },
				limit: atOnce,
			});
			for (const { id } of some) await tx.delete(records, id);
			for (const digest of new Set(some.flatMap(({ document }) => digestsOf(document))))
				await forgetUnused(tx, digest);
			if (some.length === atOnce) return false;
			const found = await tx.get(admissions, admission);
			await tx.delete(admissions, admission);
			if (found?.policy) await forgetUnused(tx, found.policy);
			return true;
		});

	return createWoken(clock, async () => {
		try {
			const before = clock.now() - keep;
			const all = await store.read(tx => tx.list(admissions));
			const old = all.filter(({ document }) => 'endedAt' in document && document.endedAt < before);
			for (const { id } of old) while (!(await forgetOne(id)));
			if (old.length > 0) logger.info({ admissions: old.length }, 'old evidence was forgotten');
		} catch (err) {
			logger.error({ err }, 'old evidence cannot be forgotten; it is tried again');
		}
		return pace;
	});
}

const digestsOf = ({ keys, policy, bootLog, ima }: EvidenceRecord): string[] =>
	[keys, policy, bootLog, ima].filter(each => each !== null);
