import { isChosen, type OfferView, type ServerView } from '../../market/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { type MarketOptions, withMarket } from '../market/market-connection.ts';
import { durationText, hourlyText, secondText } from '../market/text.ts';
import { printJson, printLine, printTable, short } from '../output.ts';
import { visible } from '../visible.ts';
import type { BidOptions } from './bids.ts';

export interface ServersOptions extends MarketOptions {
	readonly where?: BidOptions['where'];
	/** Only what somebody offers. */
	readonly offered?: boolean;
}

/** The cheapest offer that there is of a server, of those that are not over. */
interface Offered {
	readonly offer: string;
	readonly price: string;
	/** From now on, or from then. */
	readonly from: number;
	readonly until: number;
	readonly shortest: number;
}

/** `bimetal market servers`: what one can bid for, and by which properties. */
export const listServers = (context: CliContext, options: ServersOptions): Promise<number> =>
	withMarket(context, options, async (client, suffix) => {
		const now = Math.floor(context.clock.now() / 1000);
		const [all, offers] = await Promise.all([client.servers({ project: options.project }), client.offers()]);
		const cheapest = cheapestOf(offers, now);
		const servers = all
			.filter(server => isChosen(server.name, server, { where: options.where ?? [] }))
			.map(server => ({ ...server, offered: cheapest.get(server.name) ?? null }))
			.filter(({ offered }) => !options.offered || offered !== null);
		if (options.json) {
			printJson(context, { servers });
			return 0;
		}
		if (servers.length === 0) {
			printLine(context, options.offered ? 'No such server is offered.' : 'There is no such server.');
			return 0;
		}
		await printTable(
			context,
			['SERVER', 'OF', 'OFFERED', 'FOR', 'PROPERTIES'],
			servers.map(({ offered, ...server }) => [
				visible(server.name),
				visible(server.owner),
				offered === null ? '-' : timesText(offered, now),
				offered === null ? '-' : `${offered.price} = ${hourlyText(offered.price)}`,
				short(propertiesText(server), room(context)),
			]),
		);
		printLine(
			context,
			`\nWhen they are free: ${commandName(context)} calendar SERVER${suffix}. A bid names them, or their properties: bid place --help.`,
		);
		return 0;
	});

function cheapestOf(offers: readonly OfferView[], now: number): ReadonlyMap<string, Offered> {
	const found = new Map<string, Offered>();
	for (const { id, state, servers, intervals, price, shortest } of offers) {
		const next = intervals.find(({ end }) => end > now);
		if (state !== 'open' || !next) continue;
		for (const server of servers) {
			const before = found.get(server);
			if (before && Number(before.price) <= Number(price)) continue;
			found.set(server, { offer: id, price, from: next.start, until: next.end, shortest });
		}
	}
	return found;
}

const timesText = ({ from, until, shortest }: Offered, now: number): string =>
	`${from > now ? `${secondText(from)} to ` : 'until '}${secondText(until)}, ${durationText(shortest)} or more`;

const propertiesText = ({ properties, attestations }: ServerView): string =>
	[
		...Object.entries(properties).map(([name, value]) => `${name}=${value}`),
		...attestations.map(name => `attests ${name}`),
	].join(' ');

/** What the columns before leave, on a terminal. */
const room = ({ stdout }: CliContext): number =>
	stdout.columns === undefined ? 1000 : Math.max(30, stdout.columns - 80);
