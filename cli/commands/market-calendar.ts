import type { CliContext } from '../context.ts';
import { type MarketOptions, withMarket } from '../market/market-connection.ts';
import type { Moment } from '../market/parse.ts';
import { bar, hourlyText } from '../market/text.ts';
import { painter, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

export interface CalendarOptions extends MarketOptions {
	readonly from: Moment;
	readonly days: number;
}

const day = 86_400;
const hour = 3600;

/** `bimetal calendar [SERVER]` */
export const showCalendar = (
	context: CliContext,
	server: string | undefined,
	options: CalendarOptions,
): Promise<number> =>
	withMarket(context, options, async client => {
		const asked = options.from(Math.floor(context.clock.now() / 1000));
		const from = asked - (asked % day);
		if (server === undefined) {
			const parts = await client.calendar({ from, step: day, parts: options.days });
			if (options.json) printJson(context, { parts });
			else await printDays(context, parts);
			return 0;
		}
		const within = { from, to: from + options.days * day };
		const calendar = await client.serverCalendar(server, within);
		if (options.json) printJson(context, calendar);
		else {
			printLine(context, `${painter(context)('bold', visible(server))} of ${visible(calendar.owner)}\n`);
			printServer(context, within, calendar);
		}
		return 0;
	});

export interface PricesOptions extends MarketOptions {
	readonly guide?: boolean;
	readonly days: number;
}

/** `bimetal prices --guide` */
async function showGuides(context: CliContext, options: PricesOptions): Promise<number> {
	return withMarket(context, options, async client => {
		const now = Math.floor(context.clock.now() / 1000);
		const answer = await client.guides({ from: Math.max(0, now - (options.days - 1) * day) });
		const { rule, guides } = answer;
		if (options.json) printJson(context, answer);
		else if (guides.length === 0)
			printLine(context, 'Nothing was leased on days before: there is no guide price.');
		else {
			await printTable(
				context,
				['DAY', 'SERVERS', 'GUIDE', 'A SECOND', 'OF DAYS'],
				guides.map(({ day: at, properties, price, days }) => [
					dayText(at),
					visible(kindText(properties)),
					hourlyText(price),
					price,
					String(days),
				]),
			);
			printLine(context, `\nA guide price is ${rule}.`);
		}
		return 0;
	});
}

const kindText = (properties: Readonly<Record<string, unknown>>): string =>
	Object.entries(properties)
		.map(([name, value]) => `${name}=${value}`)
		.join(' ');

/** `bimetal prices` */
export const showPrices = async (context: CliContext, options: PricesOptions): Promise<number> => {
	if (options.guide) return showGuides(context, options);
	return withMarket(context, options, async client => {
		const days = await client.prices();
		if (options.json) printJson(context, { days });
		else if (days.length === 0) printLine(context, 'Nothing was leased in the last 30 days.');
		else
			await printTable(
				context,
				['DAY', 'SERVERS', 'LEASED', 'MEAN', 'LEAST', 'MOST', 'LAST'],
				days.map(({ day: at, properties, servers, mean, least, most, last }) => [
					dayText(at),
					visible(kindText(properties)),
					String(servers),
					...[mean, least, most, last].map(hourlyText),
				]),
			);
		return 0;
	});
};

const dayText = (at: number): string => new Date(at * 1000).toISOString().slice(0, 10);

interface Part {
	readonly start: number;
	readonly end: number;
}

/** A bar for each day: how much of what is offered is leased. */
async function printDays(
	context: CliContext,
	parts: readonly (Part & { readonly offered: number; readonly leased: number })[],
): Promise<void> {
	const servers = (seconds: number): string => (seconds / day).toFixed(1).replace(/\.0$/, '');
	await printTable(
		context,
		['DAY', 'OFFERED', 'LEASED', ''],
		parts.map(({ start, offered, leased }) => [
			dayText(start),
			servers(offered),
			servers(leased),
			offered === 0 ? '' : `${bar(leased, offered, 40)} ${Math.round((leased / offered) * 100)} %`,
		]),
	);
	printLine(context, '\nServers, as means of the day, UTC.');
}

/** A line for each day, a character for each half-hour. */
function printServer(
	context: CliContext,
	{ from, to }: { readonly from: number; readonly to: number },
	{ offered, leased }: { readonly offered: readonly Part[]; readonly leased: readonly Part[] },
): void {
	const paint = painter(context);
	const isIn = (parts: readonly Part[], at: number): boolean =>
		parts.some(({ start, end }) => start < at + hour / 2 && at < end);
	printLine(context, paint('dim', `${' '.repeat(12)}00          06          12          18`));
	for (let start = from; start < to; start += day) {
		let line = '';
		for (let at = start; at < start + day; at += hour / 2)
			line += isIn(leased, at) ? '█' : isIn(offered, at) ? '░' : '·';
		printLine(context, `${dayText(start)}  ${line}`);
	}
	printLine(context, '\n█ leased  ░ offered  · not offered; UTC, a character for half an hour');
}
