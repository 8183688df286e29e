import type { AgentMarket, AgentSettings } from './agent.ts';

const day = 86_400;
/** The price is right when so much of what is offered is leased: the rest is for who comes next. */
const aim = 0.75;
/** How much it moves in a day when nothing of it is leased, or all. */
const largestMove = 0.1;

/**
 * What to ask for, from what everybody can see: once a day up to a tenth more or less, in proportion to how far what is leased for
 * the next day is from three quarters of what is offered. It begins at `opening` and is never below `floor`: what servers cost anyway
 * is no reason to let them idle.
 */
export function createAskingPrice(market: AgentMarket, { opening, floor, isPriced }: AgentSettings) {
	let price = Math.max(opening, floor);
	let next = 0;
	return async (now: number): Promise<number> => {
		if (!isPriced) return floor;
		if (now >= next) {
			const [today] = await market.calendar({ from: now, step: day, parts: 1 });
			next = now + day;
			if (today && today.offered > 0) {
				const share = today.leased / today.offered;
				const move = share > aim ? (share - aim) / (1 - aim) : (share - aim) / aim;
				price = Math.max(floor, price * (1 + largestMove * move));
			}
		}
		return Math.round(price);
	};
}
