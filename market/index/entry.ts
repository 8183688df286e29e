import type { Offer } from '../calendar/offer.ts';
import type { Server } from '../calendar/server.ts';
import type { LeasedTimes } from './leased-times.ts';

/** What servers can be alike in. Conditions are looked at once for each of these, not for each server. */
export interface ServerKind {
	readonly properties: Server['properties'];
	readonly attestations: readonly string[];
	/** Its servers, as far as they are offered, in the order in which they are taken: see lane.ts. */
	readonly lane: SlotLane;
}

export interface IndexedServer {
	readonly name: string;
	document: Server | undefined;
	/** Undefined while it is not recorded. */
	kind: ServerKind | undefined;
	/** Of its own time. */
	readonly leased: LeasedTimes;
	/** Of what leases have of it, by their ids. */
	readonly subleased: Map<string, LeasedTimes>;
	readonly slots: Map<IndexedOffer, Slot>;
}

export interface IndexedOffer {
	readonly id: string;
	readonly document: Offer;
	/** Microcredits for a second. */
	readonly price: number;
	readonly servers: readonly IndexedServer[];
}

/** One server in one offer. */
export interface Slot {
	readonly offer: IndexedOffer;
	readonly server: IndexedServer;
	/** When it is taken: the server's own time, or that of the lease which the offer is made out of. */
	readonly leased: LeasedTimes;
	/** Where it stands, of its lane. */
	block: Block | undefined;
}

/** Some slots that follow each other: what they all are not need not be looked at one by one. */
export interface Block {
	slots: Slot[];
	/** For each day, how long one of them is free: see lane.ts. Undefined: not worked out since the last change. */
	touching: Float64Array | undefined;
	/** For parts of the calendar that were asked for: which slots are free in each of their hours, see free-hours.ts. */
	hours: Map<number, Uint32Array> | undefined;
}

/** Slots in the order in which they are taken. */
export interface SlotLane {
	readonly blocks: readonly Block[];
	load(slots: Slot[]): void;
	add(slot: Slot): void;
	remove(slot: Slot): void;
}
