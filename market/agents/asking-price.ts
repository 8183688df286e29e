import type { AgentMarket, AgentSettings } from './agent.ts';

const day = 86_400;

/**
 * What to ask for, from what everybody can see: once a day a tenth more when over four fifths of the servers on the market are
 * leased for the next day, a tenth less when under a half are; never below the floor.
 */
export function createAskingPrice(market: AgentMarket, { floor, isPriced }: AgentSettings) {
	let price = floor;
	let next = 0;
	return async (now: number): Promise<number> => {
		if (!isPriced || now < next) return price;
		next = now + day;
		const [today] = await market.calendar({ from: now, step: day, parts: 1 });
		if (!today || today.offered === 0) return price;
		const share = today.leased / today.offered;
		if (share > 0.8) price = Math.ceil(price * 1.1);
		else if (share < 0.5) price = Math.max(floor, Math.floor(price * 0.9));
		return price;
	};
}
