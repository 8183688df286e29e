import type { Interval } from '../calendar/interval.ts';
import { limitAt } from '../clearing/schedule.ts';
import type { Slot } from '../index/entry.ts';
import { compareSlots } from '../index/lane.ts';
import { byText } from '../index/order.ts';
import { type Award, accepts, freeOf, type Pool, type RoundBid } from './pool.ts';

/** Servers that are the same to every bid: of one kind, at one price, for the same bids, free at the same times. */
interface Lot {
	readonly slots: readonly Slot[];
	readonly free: readonly Interval[];
}

/** Some servers of a lot for a bid, from a start on. */
interface Choice {
	readonly name: string;
	readonly bid: RoundBid;
	readonly lot: Lot;
	readonly start: number;
}

export interface Model {
	readonly choices: readonly Choice[];
	/** As CPLEX's LP format has it, gains to be made largest. `isRelaxed`: servers may be cut into parts. */
	text(isRelaxed: boolean): string;
	/** What one unit of its objective is, in microcredits. */
	readonly scale: number;
	awards(values: ReadonlyMap<string, number>): Award[];
}

/** Starts of a bid that are looked at, and choices of a model: beyond them it is not made. */
const mostStarts = 24;
const mostChoices = 10_000;

/**
 * Who could have what, as an integer program; undefined when it would be too large. Starts are those at which a bid's window
 * or a step of its schedule, or a free stretch begins, and those at which a bid that begins so would end: others could only be later.
 * `price`: only bids that pay it and offers that take it.
 */
export function modelOf(pool: Pool, price?: number): Model | undefined {
	const bids = pool.bids.filter(({ wish }) => price === undefined || wish.highest >= price);
	const lots = lotsOf(pool, price);
	const choices: Choice[] = [];
	const starting = startsOf(bids, lots);
	for (const [b, bid] of bids.entries()) {
		const starts = starting(bid);
		if (starts.length > mostStarts) return undefined;
		for (const [s, start] of starts.entries()) {
			const limit = limitAt(bid.wish, start);
			if (price !== undefined && limit < price) continue;
			for (const [l, lot] of lots.entries()) {
				const [slot] = lot.slots;
				if (!slot || slot.offer.price > limit || !isRight(bid, slot)) continue;
				if (!lot.free.some(free => free.start <= start && start + bid.wish.length <= free.end)) continue;
				choices.push({ name: `x${b}_${s}_${l}`, bid, lot, start });
				if (choices.length > mostChoices) return undefined;
			}
		}
	}
	const gain = ({ bid: { wish }, lot, start }: Choice): number =>
		(limitAt(wish, start) - (lot.slots[0]?.offer.price ?? 0)) * wish.length;
	const scale = Math.max(1, ...choices.map(gain));
	return {
		choices,
		scale,
		text: isRelaxed => textOf(choices, { gain: each => gain(each) / scale, isRelaxed }),
		awards: values => awardsOf(choices, values),
	};
}

const isRight = (bid: RoundBid, slot: Slot): boolean =>
	slot.server.kind !== undefined && bid.kinds.includes(slot.server.kind) && accepts(bid, slot);

function lotsOf({ bids, lanes }: Pool, price: number | undefined): Lot[] {
	const within = {
		start: Math.min(...bids.map(({ first }) => first)),
		end: Math.max(...bids.map(({ last, wish }) => last + wish.length)),
	};
	const lots = new Map<string, { slots: Slot[]; free: Interval[] }>();
	// By which bids may have them; for most, all servers of an offer are the same.
	const named = bids.some(({ wish }) => 'names' in wish.servers);
	const openTo = new Map<Slot['offer'], number>();
	const numbers = new Map<string, number>();
	const takersOf = (slot: Slot): number => {
		const known = named ? undefined : openTo.get(slot.offer);
		if (known !== undefined) return known;
		const takers = bids.map(bid => (accepts(bid, slot) ? '1' : '0')).join('');
		const number = numbers.get(takers) ?? numbers.size;
		numbers.set(takers, number);
		openTo.set(slot.offer, number);
		return number;
	};
	for (const [n, slots] of [...lanes.values()].entries()) {
		for (const slot of slots) {
			if (price !== undefined && slot.offer.price > price) continue;
			const free = freeOf(slot, within);
			if (free.length === 0) continue;
			const key = JSON.stringify([n, slot.offer.price, takersOf(slot), free]);
			const lot = lots.get(key) ?? { slots: [], free };
			lot.slots.push(slot);
			lots.set(key, lot);
		}
	}
	return [...lots.values()].sort((a, b) => compareSlots(a.slots[0] as Slot, b.slots[0] as Slot));
}

/** Starts of each of these bids that are looked at, in order. */
function startsOf(bids: readonly RoundBid[], lots: readonly Lot[]): (bid: RoundBid) => readonly number[] {
	const freed = [...new Set(lots.flatMap(({ free }) => free.map(({ start }) => start)))];
	const own = (of: RoundBid): number[] => [
		of.first,
		...freed.filter(at => at > of.first && at <= of.last),
		...(of.wish.steps ?? []).map(({ from }) => from).filter(at => at > of.first && at <= of.last),
	];
	const ends = [...new Set(bids.flatMap(other => own(other).map(at => at + other.wish.length)))];
	return bid =>
		[...new Set([...own(bid), ...ends.filter(at => at > bid.first && at <= bid.last)])].sort((a, b) => a - b);
}

function textOf(
	choices: readonly Choice[],
	{ gain, isRelaxed }: { readonly gain: (choice: Choice) => number; readonly isRelaxed: boolean },
): string {
	const rows: string[] = [];
	const add = (terms: readonly string[], rest: string): void => {
		if (terms.length > 0) rows.push(` r${rows.length}: ${terms.join(' + ')} ${rest}`);
	};
	const begins = new Set<string>();
	const bids = Map.groupBy(choices, ({ bid }) => bid);
	for (const own of bids.values()) {
		const starts = Map.groupBy(own, ({ start }) => start);
		const chosen: string[] = [];
		for (const at of starts.values()) {
			const [{ name, bid }] = at as [Choice];
			const begun = name.replace(/^x(\d+_\d+)_\d+$/, 'y$1');
			begins.add(begun);
			chosen.push(begun);
			const { quantity, allOrNothing } = bid.wish;
			const terms = at.map(each => each.name);
			add(terms, `- ${quantity} ${begun} ${allOrNothing ? '=' : '<='} 0`);
		}
		add(chosen, '<= 1');
	}
	for (const own of Map.groupBy(choices, ({ lot }) => lot).values()) {
		// As many as ever are there at once are there at some start.
		for (const at of new Set(own.map(({ start }) => start))) {
			const there = own.filter(({ start, bid }) => start <= at && at < start + bid.wish.length);
			add(
				there.map(({ name }) => name),
				`<= ${own[0]?.lot.slots.length ?? 0}`,
			);
		}
	}
	const bounds = choices.map(({ name, lot }) => ` 0 <= ${name} <= ${lot.slots.length}`);
	const begun = [...begins];
	return [
		'Maximize',
		` gains: ${choices.map(each => `${gain(each).toPrecision(15)} ${each.name}`).join(' + ')}`,
		'Subject To',
		...rows,
		'Bounds',
		...bounds,
		...begun.map(each => ` 0 <= ${each} <= 1`),
		...(isRelaxed
			? []
			: ['General', ...choices.map(({ name }) => ` ${name}`), ...begun.map(each => ` ${each}`)]),
		'End',
		'',
	].join('\n');
}

/** Numbers of servers become servers: within a lot, whoever begins first has the first ones that are free again. */
function awardsOf(choices: readonly Choice[], values: ReadonlyMap<string, number>): Award[] {
	const taken = choices
		.map(choice => ({ choice, count: Math.round(values.get(choice.name) ?? 0) }))
		.filter(({ count }) => count > 0)
		.sort((a, b) => a.choice.start - b.choice.start || byText(a.choice.name, b.choice.name));
	const freeAgain = new Map<Slot, number>();
	const awards = new Map<RoundBid, { start: number; slots: Slot[] }>();
	for (const { choice, count } of taken) {
		const { bid, lot, start } = choice;
		const free = lot.slots.filter(slot => (freeAgain.get(slot) ?? 0) <= start).slice(0, count);
		if (free.length < count) throw new Error('more servers of a lot are awarded than there are');
		for (const slot of free) freeAgain.set(slot, start + bid.wish.length);
		const award = awards.get(bid) ?? { start, slots: [] };
		award.slots.push(...free);
		awards.set(bid, award);
	}
	return [...awards].map(([bid, { start, slots }]) => ({ bid, start, slots: slots.sort(compareSlots) }));
}
