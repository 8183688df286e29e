import { z } from 'zod';
import { defineCollection, type ReadTransaction, type Transaction } from '../../common/store/store.ts';
import { second } from '../calendar/interval.ts';
import { counters } from '../ledger/transfer.ts';

const event = z.strictObject({
	at: second,
	/** What happened: `offer.made`, `lease.active`. */
	kind: z.string(),
	/** The id of what it happened to. */
	of: z.string(),
	/** Whose members see it; none: everybody does. */
	projects: z.array(z.string()),
});
export type MarketEvent = z.output<typeof event>;

/** What happened, by its number: the order of the ids is the order in which it came to pass. */
const events = defineCollection('events', event);
export const eventId = (number: number): string => number.toString().padStart(16, '0');

/** Old ones make room, so many at once: whoever was away for longer looks at the records themselves. */
const [mostKept, atOnce] = [100_000, 100];

/** Records what happened, in the transaction in which it does. `now` in seconds. */
export async function tell(tx: Transaction, of: Omit<MarketEvent, 'at'>, now: number): Promise<void> {
	const last = (await tx.get(counters, 'events'))?.last ?? 0;
	await tx.put(counters, 'events', { last: last + 1 });
	await tx.insert(events, eventId(last + 1), { ...of, at: now });
	const over = last + 1 - mostKept;
	if (over <= 0 || over % atOnce > 0) return;
	await Promise.all(Array.from({ length: atOnce }, (_, n) => tx.delete(events, eventId(over - n))));
}

/** How many are looked at to find those that the asker may see. */
const mostRead = 1000;

/**
 * What happened after `after` ('' for from the beginning) that the asker may see. `next` is what to ask after from now on:
 * it may be ahead of the last event that is shown. `gap`: older ones have made room.
 */
export async function listEvents(
	tx: ReadTransaction,
	{ after, limit }: { readonly after: string; readonly limit: number },
	isVisible: (event: MarketEvent) => boolean,
): Promise<{
	readonly events: readonly ({ readonly id: string } & MarketEvent)[];
	readonly next: string;
	readonly gap: boolean;
}> {
	const shown: ({ id: string } & MarketEvent)[] = [];
	const read = await tx.list(events, { after, limit: mostRead });
	let next = after;
	for (const { id, document } of read) {
		if (shown.length === limit) break;
		next = id;
		if (isVisible(document)) shown.push({ id, ...document });
	}
	const [first] = read;
	return { events: shown, next, gap: first !== undefined && Number(first.id) > Number(after) + 1 };
}
