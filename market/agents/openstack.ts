import type { Agent, AgentMarket, AgentSettings } from './agent.ts';
import { createAskingPrice } from './asking-price.ts';
import { createLeasedServers } from './leased-servers.ts';
import { createOwnServers } from './own-servers.ts';

const hour = 3600;
const week = 7 * 24 * hour;
/** It looks so far ahead: taking servers back takes the notice. */
const ahead = 4 * hour;

/**
 * A cloud whose users come and go with the hours. It offers what it will not need in the next hours, by the same hours of the
 * week before and with head-room for peaks, at the highest price that still finds takers; and when a peak is higher than that, it
 * takes its servers back, and leases what is missing meanwhile.
 */
export function createOpenStackAgent(
	market: AgentMarket,
	settings: AgentSettings & {
		/** Servers that its users need at a second that is not in the future. */
		readonly demand: (now: number) => number;
		/** Kept beyond the forecast: 0.15 is 15 %. */
		readonly headroom: number;
	},
): Agent {
	const { servers, worth, floor, isPriced, demand, headroom } = settings;
	const own = createOwnServers(market, settings);
	const leased = createLeasedServers(market, settings);
	const ask = createAskingPrice(market, settings);
	const seen = new Map<number, number>();

	/** Nothing is known of the first week: everything may be needed. */
	function forecast(now: number): number {
		let most = 0;
		for (const [at, needed] of seen) {
			if (at < now - week) seen.delete(at);
			else if (at <= now - week + ahead) most = Math.max(most, needed);
		}
		return most === 0 ? servers.length : most;
	}

	return {
		busy: now => Math.min(demand(now), own.inHand(now) + leased.count(now)),
		async act(now) {
			const needed = demand(now);
			const likely = forecast(now);
			seen.set(now, needed);
			await leased.refresh(now);
			const count = Math.min(servers.length, Math.ceil(Math.max(needed, likely) * (1 + headroom)));
			await own.keep(count, now, await ask(now));
			const missing = needed - own.inHand(now) - leased.count(now);
			if (missing <= 0) return;
			const most = isPriced ? worth : floor;
			await leased.lease({ servers: missing, length: ahead, price: most, likely: most }, now);
		},
	};
}
