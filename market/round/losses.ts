import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineCollection, type ReadTransaction, type Store } from '../../common/store/store.ts';
import { second } from '../calendar/interval.ts';
import { priceText } from '../calendar/price.ts';
import { inTurns, ofStep, type Steps } from './turns.ts';

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
const shelfNumber = (bid: string): number => (createHash('sha256').update(bid).digest()[0] ?? 0) % shelves;
const shelfId = (number: number): string => String(number).padStart(2, '0');

/** Bids that are noted in one transaction, about: others get their turn between two of these. */
const ofTransaction = 2000;

/** Notes why bids were not met in a round, instead of what was noted of the one before. */
export async function recordLosses(
	store: Store,
	lost: ReadonlyMap<string, Omit<RoundLoss, 'at'>>,
	at: number,
): Promise<void> {
	const all = await inTurns(shelve(lost));
	for (let from = 0; from < shelves; ) {
		let to = from;
		for (let noted = 0; to < shelves && noted < ofTransaction; to++)
			noted += Object.keys(all[to] ?? {}).length;
		const some = Array.from({ length: to - from }, (_, n) => from + n);
		await store.transact(async tx => {
			for (const shelf of some) {
				const bids = all[shelf] ?? {};
				if (Object.keys(bids).length > 0) await tx.put(losses, shelfId(shelf), { at, bids });
				else await tx.delete(losses, shelfId(shelf));
			}
		});
		from = to;
	}
}

type Noted = Record<string, Omit<RoundLoss, 'at'>>;

function* shelve(lost: ReadonlyMap<string, Omit<RoundLoss, 'at'>>): Steps<Noted[]> {
	const all = Array.from({ length: shelves }, (): Noted => ({}));
	let steps = 0;
	for (const [bid, loss] of lost) {
		if (steps++ % ofStep === 0) yield;
		const own = all[shelfNumber(bid)];
		if (own) own[bid] = loss;
	}
	return all;
}

/** Undefined for bids that were met in the last round, or took no part in it. */
export async function lossOf(tx: ReadTransaction, bid: string): Promise<RoundLoss | undefined> {
	const shelf = await tx.get(losses, shelfId(shelfNumber(bid)));
	const found = shelf && Object.hasOwn(shelf.bids, bid) ? shelf.bids[bid] : undefined;
	return shelf && found && { at: shelf.at, ...found };
}
