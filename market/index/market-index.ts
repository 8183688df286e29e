import type { Interval } from '../calendar/interval.ts';
import type { Offer } from '../calendar/offer.ts';
import { partsOfPlace } from '../calendar/place.ts';
import type { Server } from '../calendar/server.ts';
import type { Span } from '../calendar/span.ts';
import type { Bid } from '../clearing/bid.ts';
import type { IndexedOffer, IndexedServer, ServerKind, Slot } from './entry.ts';
import { forgetHours } from './free-hours.ts';
import { Lane } from './lane.ts';
import { LeasedTimes } from './leased-times.ts';
import { byText, Ordered } from './order.ts';

export interface IndexedBid {
	readonly id: string;
	readonly document: Bid;
	/** Microcredits for a second. */
	readonly highest: number;
}

/**
 * What a match has to know, in memory: servers by their kinds, open offers, leased times, and the bids that wait in the
 * order in which they are served (dearest first, then the oldest). It is a function of the records and of nothing else: see
 * indexed-store.ts.
 */
export interface MarketIndex {
	/** Those that are open. */
	readonly offers: Iterable<IndexedOffer>;
	readonly waiting: readonly IndexedBid[];
	readonly kinds: Iterable<ServerKind>;
	/** All that are recorded, offered or leased. */
	readonly servers: Iterable<IndexedServer>;
	server(name: string): IndexedServer | undefined;
	/** Each of these takes one record, in or out when it is undefined, and returns what was there. */
	setServer(name: string, document: Server | undefined): Server | undefined;
	/** Of offers only those that are open. */
	setOffer(id: string, document: Offer | undefined): Offer | undefined;
	/** Of bids only those that wait. */
	setBid(id: string, document: Bid | undefined): Bid | undefined;
	setSpan(place: string, end: number, span: Span | undefined): Span | undefined;
	/** All records at once, instead of what was there. */
	load(records: {
		readonly servers: Iterable<readonly [string, Server]>;
		readonly offers: Iterable<readonly [string, Offer]>;
		readonly bids: Iterable<readonly [string, Bid]>;
		readonly spans: Iterable<Span>;
	}): void;
}

export function createMarketIndex(): MarketIndex {
	const servers = new Map<string, IndexedServer>();
	const offers = new Map<string, IndexedOffer>();
	const bidsById = new Map<string, IndexedBid>();
	const bids = new Ordered<IndexedBid>(compareBids);
	const kinds = new Map<string, ServerKind>();

	function serverOf(name: string): IndexedServer {
		const found = servers.get(name);
		if (found) return found;
		const leased = new LeasedTimes();
		const made = {
			name,
			document: undefined,
			kind: undefined,
			leased,
			subleased: new Map(),
			slots: new Map(),
		};
		servers.set(name, made);
		return made;
	}

	/** When a place of it is taken. */
	function timesOf({ leased, subleased }: IndexedServer, under: string | undefined): LeasedTimes {
		if (under === undefined) return leased;
		const found = subleased.get(under) ?? new LeasedTimes();
		subleased.set(under, found);
		return found;
	}

	/** Those of a lease that nothing is leased or offered out of. */
	function forgetTimes({ subleased, slots }: IndexedServer, under: string | undefined): void {
		if (under === undefined || (subleased.get(under)?.size ?? 0) > 0) return;
		for (const { document } of slots.keys()) if (document.under === under) return;
		subleased.delete(under);
	}

	function kindOf({ properties, attestations }: Server): ServerKind {
		const sorted = Object.entries(properties).sort(([a], [b]) => byText(a, b));
		const text = JSON.stringify([sorted, attestations]);
		const found = kinds.get(text) ?? { properties, attestations, lane: new Lane() };
		kinds.set(text, found);
		return found;
	}

	/** Puts an offer in, but for the lanes. */
	function enter(id: string, document: Offer): IndexedOffer {
		const entry = { id, document, price: Number(document.price), servers: document.offered.map(serverOf) };
		for (const server of entry.servers) {
			const leased = timesOf(server, document.under);
			server.slots.set(entry, { offer: entry, server, leased, block: undefined });
		}
		offers.set(id, entry);
		return entry;
	}

	function takeOut(entry: IndexedOffer): void {
		offers.delete(entry.id);
		for (const server of entry.servers) {
			const slot = server.slots.get(entry);
			server.slots.delete(entry);
			if (slot?.block) server.kind?.lane.remove(slot);
			forgetTimes(server, entry.document.under);
			forgetIfBare(server);
		}
	}

	function enterBid(id: string, document: Bid): IndexedBid {
		const entry = { id, document, highest: Number(document.terms.highest) };
		bidsById.set(id, entry);
		return entry;
	}

	function forgetIfBare({ name, document, leased, subleased, slots }: IndexedServer): void {
		if (!document && leased.size + subleased.size + slots.size === 0) servers.delete(name);
	}

	/** What its blocks say of free time, as far as that interval matters. */
	function forgetFree(server: IndexedServer, within: Interval): void {
		for (const { block } of server.slots.values()) {
			if (!block) continue;
			block.touching = undefined;
			forgetHours(block, within);
		}
	}

	const index: MarketIndex = {
		get offers() {
			return offers.values();
		},
		get waiting() {
			return bids.all;
		},
		get kinds() {
			return kinds.values();
		},
		get servers() {
			return servers.values();
		},
		server: name => servers.get(name),
		setServer(name, document) {
			const entry = serverOf(name);
			const before = entry.document;
			for (const slot of entry.slots.values()) entry.kind?.lane.remove(slot);
			entry.document = document;
			entry.kind = document && kindOf(document);
			for (const slot of entry.slots.values()) entry.kind?.lane.add(slot);
			forgetIfBare(entry);
			return before;
		},
		setOffer(id, document) {
			const before = offers.get(id);
			if (before) takeOut(before);
			if (document?.state === 'open') {
				const entry = enter(id, document);
				for (const { kind, slots } of entry.servers) {
					const slot = slots.get(entry);
					if (slot) kind?.lane.add(slot);
				}
			}
			return before?.document;
		},
		setBid(id, document) {
			const before = bidsById.get(id);
			if (before) {
				bids.remove(before);
				bidsById.delete(id);
			}
			if (document?.state === 'waiting') bids.add(enterBid(id, document));
			return before?.document;
		},
		setSpan(place, end, span) {
			const { server, under } = partsOfPlace(place);
			const entry = serverOf(server);
			const times = timesOf(entry, under);
			const before = times.remove(end);
			if (span) times.add({ start: span.start, end: span.end, by: span.by });
			for (const each of [before, span]) if (each) forgetFree(entry, each);
			forgetTimes(entry, under);
			forgetIfBare(entry);
			return before && { server: place, ...before };
		},
		load(records) {
			for (const each of [servers, offers, bidsById, kinds]) each.clear();
			for (const [name, document] of records.servers) index.setServer(name, document);
			for (const span of records.spans) index.setSpan(span.server, span.end, span);
			for (const [id, document] of records.offers) if (document.state === 'open') enter(id, document);
			const slots = new Map<ServerKind, Slot[]>();
			for (const { kind, slots: own } of servers.values()) {
				if (!kind) continue;
				const all = slots.get(kind) ?? [];
				all.push(...own.values());
				slots.set(kind, all);
			}
			for (const [{ lane }, all] of slots) lane.load(all);
			const waiting = [...records.bids].filter(([, { state }]) => state === 'waiting');
			bids.replace(waiting.map(([id, document]) => enterBid(id, document)));
		},
	};
	return index;
}

/** Whoever would pay most first, then who has waited longest, then by the id. */
const compareBids = (a: IndexedBid, b: IndexedBid): number =>
	b.highest - a.highest || a.document.placedAt - b.document.placedAt || byText(a.id, b.id);
