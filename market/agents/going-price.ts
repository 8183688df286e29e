import type { AgentMarket } from './agent.ts';

const day = 86_400;

/**
 * What servers of all kinds probably cost: the mean of the market's guide prices, by how much was leased at each, looked up once a
 * day. Undefined while nothing was leased on days before.
 */
export function createGoingPrice(market: AgentMarket) {
	let price: number | undefined;
	let next = 0;
	return async (now: number): Promise<number | undefined> => {
		if (now < next) return price;
		const { guides } = await market.guides();
		next = now + day;
		const seconds = guides.reduce((sum, each) => sum + Number(each.seconds), 0);
		price =
			seconds === 0
				? undefined
				: guides.reduce((sum, each) => sum + Number(each.price) * Number(each.seconds), 0) / seconds;
		return price;
	};
}
