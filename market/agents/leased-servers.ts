import type { AgentMarket, AgentSettings } from './agent.ts';

export interface LeasedServers {
	/** What the project has leased and has now, by the last look at the market. */
	count(now: number): number;
	/** Looks at the market. */
	refresh(now: number): Promise<void>;
	/** Leases up to so many from now on, as far as credits go; how many, and what they cost in microcredits. */
	lease(wanted: Wanted, now: number): Promise<{ readonly count: number; readonly cost: number }>;
}

export interface Wanted {
	readonly servers: number;
	/** Seconds. */
	readonly length: number;
	/** The most that a second of a server may cost, and what it probably does. */
	readonly price: number;
	readonly likely: number;
	/** Microcredits that they may cost together, probably; all that there are when absent. */
	readonly budget?: number;
}

const nothing = { count: 0, cost: 0 };
/** Seconds. */
const grace = 60;

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
		async lease({ servers, length, price, likely, budget = Number.POSITIVE_INFINITY }, now) {
			const { available } = await market.credits(project);
			const credits = Number(available) * 1e6;
			const affordable = Math.min(budget / likely, credits / price) / length;
			const quantity = Math.min(servers, Math.floor(affordable));
			if (quantity < 1) return nothing;
			const placed = await market.placeBid({
				key: `${now}-${++bids}`,
				project,
				quantity,
				servers: { where: [] },
				attestations: [],
				earliest: now,
				// The clock goes on while calls are under way.
				latest: now + grace,
				length,
				deadline: null,
				highest: String(price),
				allOrNothing: false,
				waitUntil: null,
			});
			if (placed.outcome !== 'leased') return nothing;
			const got = placed.lease.servers.map(({ until }) => ({ start: now, until }));
			leased = [...leased, ...got];
			return { count: got.length, cost: Number(placed.lease.cost) * 1e6 };
		},
	};
}
