import type { Server } from '../calendar/server.ts';
import { goods, type Traded } from './history.ts';

const day = 86_400;
/** Days with leases that a guide price comes from, and how long they are looked for. */
const mostDays = 7;
const lookBack = 90;

export const guideRule =
	'the mean price, by server-seconds, of the last 7 days on which such servers were leased, of the 90 days before; rounded down';

/** What a second of a server of a kind is worth on a day, by what such servers were leased for on days before. */
export interface Guide {
	/** When the day begins, in UTC; the price is the same all day, and for ever after. */
	readonly day: number;
	readonly properties: Server['properties'];
	/** Microcredits for a second. */
	readonly price: string;
	/** How many days it comes from, and what was leased on them: server-seconds. */
	readonly days: number;
	readonly seconds: string;
}

/** From when on trades have to be known for the guide prices of a day (seconds). */
export const firstTradeFor = (at: number): number => Math.max(0, dayOf(at) - lookBack * day);

const dayOf = (at: number): number => at - (at % day);

/**
 * The guide prices of the days from that of `from` to that of `to` (seconds), both included: for each kind of servers that has
 * one. `trades`: oldest first. The day itself does not count: whoever asks in the morning and in the evening is told the same.
 */
export function guidesOf(
	trades: readonly Traded[],
	{ from, to }: { readonly from: number; readonly to: number },
): Guide[] {
	const kinds = [...Map.groupBy(trades, ({ properties }) => goods(properties)).values()];
	const found: Guide[] = [];
	for (let at = dayOf(from); at <= to; at += day) {
		for (const own of kinds) {
			const counted = own.filter(each => each.day < at && each.day >= firstTradeFor(at)).slice(-mostDays);
			const [first] = counted;
			if (!first) continue;
			const seconds = counted.reduce((sum, each) => sum + BigInt(each.seconds), 0n);
			const cost = counted.reduce((sum, each) => sum + BigInt(each.cost), 0n);
			const price = (cost / seconds).toString();
			found.push({
				day: at,
				properties: first.properties,
				price,
				days: counted.length,
				seconds: seconds.toString(),
			});
		}
	}
	return found;
}
