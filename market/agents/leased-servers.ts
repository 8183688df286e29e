import type { AgentMarket, AgentSettings } from './agent.ts';

export interface LeasedServers {
	/** What the project has leased and has now, by the last look at the market. */
	count(now: number): number;
	/** Looks at the market. */
	refresh(now: number): Promise<void>;
	/** Leases up to so many from now on, as far as credits go, and returns how many. */
	lease(wanted: Wanted, now: number): Promise<number>;
}

export interface Wanted {
	readonly servers: number;
	/** Seconds. */
	readonly length: number;
	/** The most that a second of a server may cost, and what it probably does. */
	readonly price: number;
	readonly likely: number;
	/** How much of the credits at hand it may cost, from 0 to 1. */
	readonly share: number;
}

/** Servers that a project leases from one moment to the next, as many as it can get. */
export function createLeasedServers(market: AgentMarket, { project }: AgentSettings): LeasedServers {
	let leased: readonly { readonly start: number; readonly until: number }[] = [];
	let bids = 0;
	return {
		count: now => leased.filter(({ start, until }) => start <= now && now < until).length,
		async refresh() {
			const leases = await market.leases();
			leased = leases
				.filter(each => each.project === project)
				.flatMap(({ start, servers }) =>
					servers.filter(({ isBack }) => !isBack).map(({ until }) => ({ start, until })),
				);
		},
		async lease({ servers, length, price, likely, share }, now) {
			const { available } = await market.credits(project);
			const credits = Number(available) * 1e6;
			const affordable = Math.min((credits * share) / likely, credits / price) / length;
			const quantity = Math.min(servers, Math.floor(affordable));
			if (quantity < 1) return 0;
			const placed = await market.placeBid({
				key: `${now}-${++bids}`,
				project,
				quantity,
				servers: { where: [] },
				attestations: [],
				earliest: now,
				latest: now,
				length,
				deadline: null,
				highest: String(price),
				allOrNothing: false,
				waitUntil: null,
			});
			if (placed.outcome !== 'leased') return 0;
			const got = placed.lease.servers.map(({ until }) => ({ start: now, until }));
			leased = [...leased, ...got];
			return got.length;
		},
	};
}
