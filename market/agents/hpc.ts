import type { Agent, AgentMarket, AgentSettings } from './agent.ts';
import { createAskingPrice } from './asking-price.ts';
import { createGoingPrice } from './going-price.ts';
import { createLeasedServers } from './leased-servers.ts';
import { createOwnServers } from './own-servers.ts';

const day = 86_400;

/**
 * A cluster whose queue is never empty: what counts is the time of servers that it has in a month. It leases whatever costs no more
 * than it is worth, and spends evenly by the market's guide price, so that its credits last until the month ends. Once it has had more in a month than its own
 * servers make, it leases no more while prices are above what servers are worth to it, and offers its own: what it gets for them
 * buys more time when that is cheap again.
 */
export function createHpcAgent(
	market: AgentMarket,
	settings: AgentSettings & { /** Servers that its queue can fill. */ readonly most: number },
): Agent {
	const { servers, worth, floor, isPriced, most } = settings;
	const own = createOwnServers(market, settings);
	const leased = createLeasedServers(market, settings);
	const ask = createAskingPrice(market, settings);
	const going = createGoingPrice(market);
	let month = -1;
	/** Server-seconds of this month, and of its own servers alone. */
	let had = 0;
	let owned = 0;
	let last: number | undefined;
	/** Microcredits that it may spend by now. */
	let budget = 0;
	const busy = (now: number): number => Math.min(most, own.inHand(now) + leased.count(now));

	function count(now: number): void {
		const current = new Date(now * 1000).getUTCMonth();
		if (current !== month) [month, had, owned] = [current, 0, 0];
		else if (last !== undefined) {
			had += busy(last) * (now - last);
			owned += servers.length * (now - last);
		}
		last = now;
	}

	return {
		busy,
		async act(now) {
			const passed = now - (last ?? now);
			count(now);
			await leased.refresh(now);
			const price = await ask(now);
			// Without prices nothing is to be had for sharing, and nobody with endless work does.
			const mayShare = isPriced && had > owned && price > worth;
			await own.keep(mayShare ? 0 : servers.length, now, isPriced ? Math.max(price, worth) : undefined);
			const missing = most - own.inHand(now) - leased.count(now);
			if (missing <= 0 || mayShare) return;
			if (!isPriced)
				return void (await leased.lease(
					{ servers: missing, length: 2 * day, price: floor, likely: floor },
					now,
				));
			const likely = Math.min(worth, (await going(now)) ?? price);
			const { available } = await market.credits(settings.project);
			const credits = Number(available) * 1e6;
			budget = Math.min(credits, budget + credits * Math.min(1, passed / (monthEnd(now) - now)));
			const wanted = { servers: missing, length: day, price: worth, likely, budget };
			budget -= (await leased.lease(wanted, now)).cost;
		},
	};
}

/** The first second of the next month, UTC. */
function monthEnd(now: number): number {
	const at = new Date(now * 1000);
	return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1) / 1000;
}
