import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineCollection, type ReadTransaction, type Transaction } from '../../common/store/store.ts';
import { second } from '../calendar/interval.ts';
import { priceText } from '../calendar/price.ts';

const reasonAndPrice = {
	/** `price`: it would pay less than the others. `room`: at that price, the servers went where the gains were larger. */
	reason: z.enum(['price', 'room']),
	/** Microcredits for a second; null when nothing was leased. */
	price: priceText.nullable(),
};

/** Why a bid was not met in the last round that it took part in. */
export const roundLoss = z.strictObject({ at: second, ...reasonAndPrice });
export type RoundLoss = z.output<typeof roundLoss>;

/** Those of the last round: a hundred thousand bids are written in these few records, by a digest of their ids. */
const losses = defineCollection(
	'round-losses',
	z.strictObject({ at: second, bids: z.record(z.string(), z.strictObject(reasonAndPrice)) }),
);
const shelves = 64;
const shelfOf = (bid: string): string =>
	String((createHash('sha256').update(bid).digest()[0] ?? 0) % shelves).padStart(2, '0');

/** Notes why bids were not met in a round, instead of what was noted of the one before. */
export async function recordLosses(
	tx: Transaction,
	lost: ReadonlyMap<string, Omit<RoundLoss, 'at'>>,
	at: number,
): Promise<void> {
	const byShelf = Map.groupBy(lost, ([bid]) => shelfOf(bid));
	for (let n = 0; n < shelves; n++) {
		const shelf = String(n).padStart(2, '0');
		const own = byShelf.get(shelf);
		if (own) await tx.put(losses, shelf, { at, bids: Object.fromEntries(own) });
		else await tx.delete(losses, shelf);
	}
}

/** Undefined for bids that were met in the last round, or took no part in it. */
export async function lossOf(tx: ReadTransaction, bid: string): Promise<RoundLoss | undefined> {
	const shelf = await tx.get(losses, shelfOf(bid));
	const found = shelf && Object.hasOwn(shelf.bids, bid) ? shelf.bids[bid] : undefined;
	return shelf && found && { at: shelf.at, ...found };
}
