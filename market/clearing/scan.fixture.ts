import type { ReadTransaction } from '../../common/store/store.ts';
import { isChosen } from '../calendar/choice.ts';
import { offers } from '../calendar/offer.ts';
import { mustFindServer } from '../calendar/server.ts';
import { leasedSpans } from '../calendar/span.ts';
import { byText } from '../index/order.ts';
import { limitAt } from './schedule.ts';
import { lastStart, type Wish } from './walk.ts';

export interface Scanned {
	readonly start: number;
	readonly servers: readonly string[];
	readonly cost: number;
}

/**
 * The match that the rules ask for, found without any index: every record is read, and every second tried. What could be had
 * at once at most comes with it.
 */
export async function scanMatch(
	tx: ReadTransaction,
	wish: Wish,
): Promise<{ readonly match?: Scanned; readonly most: number }> {
	const taken = await tx.list(leasedSpans);
	const right: { server: string; offer: string; madeAt: number; price: number; free(at: number): boolean }[] =
		[];
	for (const { id, document: offer } of await tx.list(offers)) {
		if (offer.state !== 'open' || offer.project === wish.project) continue;
		if (offer.to !== null && !offer.to.includes(wish.project)) continue;
		if (wish.length < offer.shortest || wish.length > offer.longest) continue;
		if (Number(offer.price) > wish.highest) continue;
		for (const server of offer.offered) {
			const facts = await mustFindServer(tx, server);
			if (!isChosen(server, facts, wish.servers)) continue;
			if (!wish.attestations.every(each => facts.attestations.includes(each))) continue;
			const free = (at: number): boolean =>
				Number(offer.price) <= limitAt(wish, at) &&
				offer.intervals.some(({ start, end }) => start <= at && at + wish.length <= end) &&
				!taken.some(
					({ document: span }) => span.server === server && span.start < at + wish.length && at < span.end,
				);
			right.push({ server, offer: id, madeAt: offer.madeAt, price: Number(offer.price), free });
		}
	}
	right.sort(
		(a, b) =>
			a.price - b.price || a.madeAt - b.madeAt || byText(a.offer, b.offer) || byText(a.server, b.server),
	);
	let best: Scanned | undefined;
	let most = 0;
	for (let start = wish.earliest; start <= lastStart(wish); start++) {
		const there = right.filter(({ free }) => free(start));
		most = Math.max(most, there.length);
		const chosen = there.slice(0, wish.quantity);
		if (chosen.length === 0 || (wish.allOrNothing && chosen.length < wish.quantity)) continue;
		const cost = chosen.reduce((sum, { price }) => sum + price, 0);
		const isBetter =
			!best ||
			chosen.length > best.servers.length ||
			(chosen.length === best.servers.length && cost < best.cost);
		if (isBetter) best = { start, cost, servers: chosen.map(({ server }) => server) };
	}
	return { most, ...(best && { match: best }) };
}
