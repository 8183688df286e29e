import type { MarketClient } from '../client.ts';

/** What an agent may call of the market; createMarketClient has it over HTTP. */
export type AgentMarket = Pick<
	MarketClient,
	| 'offers'
	| 'makeOffer'
	| 'withdrawOffer'
	| 'bids'
	| 'placeBid'
	| 'bid'
	| 'leases'
	| 'lease'
	| 'recall'
	| 'credits'
	| 'calendar'
	| 'guides'
>;

/** Works for one project on a market. */
export interface Agent {
	/**
	 * Looks at what there is to do, and does it; to be called again and again. `now` in seconds since the epoch. What the market
	 * refuses is thrown. After that, as at the first call, it begins with what the market has of it: offers, bids, leases.
	 */
	act(now: number): Promise<void>;
	/** Servers at work for the project at that second, its own and leased ones. */
	busy(now: number): number;
}

/** What every agent is told. */
export interface AgentSettings {
	readonly project: string;
	/** Its own servers, by their names. */
	readonly servers: readonly string[];
	/** How many servers are in one offer. */
	readonly block: number;
	/** Seconds that they are leased for at least. */
	readonly shortest: number;
	/** Microcredits for a second of a server that it asks for to begin with, and at least: what it costs to have others use it. */
	readonly opening: number;
	readonly floor: number;
	/** What such a second is worth to it: it bids no more. */
	readonly worth: number;
	/** True: prices follow demand, and bids stay below the worth. False: everything costs `floor`. */
	readonly isPriced: boolean;
	/** Seconds after which it has its servers back that it recalls. */
	readonly notice: number;
}

/** A job of a project: servers for some time on end, all at once. Times in seconds. */
export interface Job {
	readonly id: string;
	readonly servers: number;
	readonly length: number;
	/** It begins within these two. */
	readonly earliest: number;
	readonly latest: number;
}

/** What a project's own scheduler says: its queue, and what becomes of what is in it. */
export interface JobQueue {
	/** Jobs that are known by now, and neither begun nor given up. */
	waiting(now: number): readonly Job[];
	begin(job: Job, now: number): void;
	/** It can no longer begin in time. */
	giveUp(job: Job, now: number): void;
}
