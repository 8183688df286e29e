import { hash } from 'node:crypto';
import { z } from 'zod';
import { defineCollection, type ReadTransaction, type Transaction } from '../../common/store/store.ts';
import { second } from '../calendar/interval.ts';
import { priceText } from '../calendar/price.ts';
import type { Server } from '../calendar/server.ts';
import type { Candidate } from '../clearing/match.ts';
import { byText } from '../index/order.ts';
import { balanceText } from '../ledger/money.ts';

const day = 86_400;

const traded = z.strictObject({
	/** When the day begins, in UTC. */
	day: second,
	/** Of the servers: only those of the same properties are the same goods. */
	properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
	/** How many leases of a server there were. */
	servers: z.int(),
	/** Server-seconds, and the microcredits for all of them. */
	seconds: balanceText,
	cost: balanceText,
	least: priceText,
	most: priceText,
	last: priceText,
});
export type Traded = z.output<typeof traded>;
/** What was leased on a day, and for how much; by the day and the kind. */
const history = defineCollection('price-history', traded);

/** What a kind of servers is known by: those of the same properties are the same goods. */
export const goods = (properties: Server['properties']): string =>
	hash('sha256', JSON.stringify(Object.entries(properties).sort(([a], [b]) => byText(a, b)))).slice(0, 32);

const dayId = (start: number, of: string): string => `${String(start).padStart(12, '0')}/${of}`;

/** Adds servers that were leased to the history. `price` as in `reserve`; `now` in seconds. */
export async function recordTrades(
	tx: Transaction,
	{
		taken,
		length,
		price,
	}: { readonly taken: readonly Candidate[]; readonly length: number; readonly price: number | undefined },
	now: number,
): Promise<void> {
	const start = now - (now % day);
	const byGoods = Map.groupBy(taken, ({ server }) => goods(server.kind?.properties ?? {}));
	for (const [of, all] of byGoods) {
		const id = dayId(start, of);
		const properties = all[0]?.server.kind?.properties ?? {};
		const before = await tx.get(history, id);
		const prices = all.map(each => price ?? each.price);
		const sum = BigInt(prices.reduce((total, each) => total + each, 0));
		await tx.put(history, id, {
			day: start,
			properties,
			servers: (before?.servers ?? 0) + all.length,
			seconds: (BigInt(before?.seconds ?? 0) + BigInt(length) * BigInt(all.length)).toString(),
			cost: (BigInt(before?.cost ?? 0) + sum * BigInt(length)).toString(),
			least: String(Math.min(...prices, Number(before?.least ?? Number.MAX_SAFE_INTEGER))),
			most: String(Math.max(...prices, Number(before?.most ?? 0))),
			last: String(prices.at(-1) ?? 0),
		});
	}
}

/** Days from `from` up to and with `to` (seconds), oldest first. */
export async function listTrades(
	tx: ReadTransaction,
	{ from, to }: { readonly from: number; readonly to: number },
): Promise<Traded[]> {
	const found: Traded[] = [];
	for (let after = dayId(from - (from % day), ''); ; ) {
		const page = await tx.list(history, { after, limit: 1000 });
		for (const { id, document } of page) {
			if (document.day > to) return found;
			found.push(document);
			after = id;
		}
		if (page.length < 1000) return found;
	}
}
