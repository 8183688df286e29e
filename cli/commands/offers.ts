import type { OfferTerms, OfferView } from '../../market/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { type MarketOptions, projectOf, withMarket } from '../market/market-connection.ts';
import type { Moment } from '../market/parse.ts';
import { durationText, hourlyText, secondText } from '../market/text.ts';
import { painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

export interface OfferOptions extends MarketOptions {
	readonly server?: readonly string[];
	readonly where?: Extract<OfferTerms['servers'], { where: unknown }>['where'];
	readonly price: string;
	readonly from: Moment;
	readonly until?: Moment;
	readonly weekly?: string;
	readonly zone?: string;
	readonly shortest: number;
	readonly longest: number;
	readonly to?: readonly string[];
	readonly recall?: number;
	readonly lease?: string;
	/** True: to whomever it may go to itself. */
	readonly sublease?: true | string;
}

/** `bimetal offer list` */
export const listOffers = (context: CliContext, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client => {
		const offers = await client.offers({ project: options.project });
		if (options.json) printJson(context, { offers });
		else if (offers.length === 0) printLine(context, 'Nothing is offered.');
		else
			await printTable(
				context,
				['OFFER', 'PROJECT', 'SERVERS', 'FROM', 'UNTIL', 'PRICE', 'STATE'],
				offers.map(({ id, project, servers, intervals, price, state }) => [
					visible(id),
					visible(project),
					visible(someOf(servers)),
					secondText(intervals[0]?.start ?? 0),
					secondText(intervals.at(-1)?.end ?? 0),
					`${price} = ${hourlyText(price)}`,
					state,
				]),
			);
		return 0;
	});

/** `bimetal offer show OFFER` */
export const showOffer = (context: CliContext, id: string, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async (client, suffix) =>
		print(context, await client.offer(id), options, suffix),
	);

/** `bimetal offer make` */
export const makeOffer = (context: CliContext, options: OfferOptions): Promise<number> =>
	withMarket(context, options, async (client, suffix) => {
		const { server, where, price, shortest, longest, to, recall, lease, sublease } = options;
		// Out of a lease, all of its servers.
		if (server && where ? true : !server && !where && lease === undefined)
			throw usageError('which servers?', '--server NAME, again for more, or --where model=R640');
		const project = await projectOf(client, options);
		const servers = server ? { names: [...server] } : { where: where ?? [] };
		const offer = await client.makeOffer({
			project,
			servers,
			times: timesOf(options, Math.floor(context.clock.now() / 1000)),
			price,
			shortest,
			longest,
			to: to ? [...to] : null,
			recallNotice: recall ?? null,
			sublease: sublease === undefined ? null : { to: sublease === true ? null : sublease.split(',') },
			...(lease !== undefined && { under: lease }),
		});
		return print(context, offer, options, suffix);
	});

/** `bimetal offer withdraw OFFER` */
export const withdrawOffer = (context: CliContext, id: string, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client => {
		const offer = await client.withdrawOffer(id);
		if (options.json) printJson(context, offer);
		else printLine(context, `Offer ${visible(id)} is withdrawn. What was leased under it goes on.`);
		return 0;
	});

function timesOf({ from, until, weekly, zone = 'UTC' }: OfferOptions, now: number): OfferTerms['times'] {
	if (until === undefined) throw usageError('until when?', '--until +7d, or --until 2026-12-24');
	const interval = { start: from(now), end: until(now) };
	if (weekly === undefined) return { type: 'once', intervals: [interval] };
	const [, days = '', begin = '', end = ''] =
		/^([a-z,]+) (\d\d:\d\d(?::\d\d)?)-(\d\d:\d\d(?::\d\d)?)$/.exec(weekly) ?? [];
	const known = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
	const chosen = known.filter(day => days.split(',').includes(day));
	if (days === '' || chosen.length !== days.split(',').length)
		throw usageError('--weekly is not understood', "--weekly 'sat,sun 08:00-20:00'");
	const day = (at: number): string => new Date(at * 1000).toISOString().slice(0, 10);
	const span = { first: day(interval.start), last: day(interval.end) };
	return { type: 'weekly', zone, days: chosen, from: begin, until: end, ...span };
}

function print(context: CliContext, offer: OfferView, { json }: MarketOptions, suffix: string): number {
	if (json) {
		printJson(context, offer);
		return 0;
	}
	const { id, project, servers, intervals, price, shortest, longest, to, recallNotice, state } = offer;
	const { under, chain = [], sublease = null } = offer;
	const shown = intervals.slice(0, 10).map(({ start, end }) => `${secondText(start)} to ${secondText(end)}`);
	printFields(context, [
		['offer', painter(context)('bold', visible(id))],
		['project', visible(project)],
		['servers', visible(servers.join(' '))],
		['times', [...shown, ...(intervals.length > 10 ? [`and ${intervals.length - 10} more`] : [])].join('\n')],
		['price', `${price} microcredits a second, ${hourlyText(price)}`],
		['leases', `${durationText(shortest)} to ${durationText(longest)}`],
		['for', to === null ? 'anybody' : visible(to.join(', '))],
		...(under === undefined
			? []
			: [['out of', visible(`lease ${under}, from ${chain.join(', then ')}`)] as const]),
		[
			'leased on',
			sublease === null ? 'no' : sublease.to === null ? 'yes' : visible(`to ${sublease.to.join(', ')}`),
		],
		['recall', recallNotice === null ? 'no' : `after ${durationText(recallNotice)}`],
		['state', state],
	]);
	if (state === 'open')
		printLine(context, `\nTake it back: ${commandName(context)} offer withdraw ${visible(id)}${suffix}`);
	return 0;
}

/** The first few of many. */
export const someOf = (names: readonly string[]): string =>
	names.length <= 3 ? names.join(' ') : `${names.slice(0, 2).join(' ')} +${names.length - 2}`;
