import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type EventsView, followEvents, type MarketClient } from '../../market/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';
import { type MarketOptions, withMarket } from '../market/market-connection.ts';
import { secondText } from '../market/text.ts';
import { painter, printJson, printLine, type Style } from '../output.ts';
import { visible } from '../visible.ts';

export interface EventsOptions extends MarketOptions {
	/** The number of an event, as it was typed. */
	readonly after?: string;
	readonly follow?: boolean;
	/** An offer, a bid or a lease. */
	readonly of?: string;
	readonly last?: number;
}

type Event = EventsView['events'][number];

/** What was on the way, and is not any more, or never came. */
const colours: Readonly<Record<string, Style>> = {
	'lease.active': 'green',
	'lease.problem': 'yellow',
	'lease.cut-off': 'red',
	'lease.failing': 'red',
	'lease.failed': 'red',
	'lease.recalled': 'yellow',
};

/** `bimetal market events`: what happened, oldest first; with `--follow` also what happens from now on, until Ctrl-C. */
export const showEvents = (context: CliContext, options: EventsOptions): Promise<number> =>
	withMarket(context, options, async (client, suffix) => {
		const seen = await past(client, options);
		if (seen.gap)
			context.stderr.write(
				'Older events have made room: what is missing here is in offers, bids and leases themselves.\n',
			);
		const { follow, json, last, of } = options;
		const shown = last === undefined ? seen.events : seen.events.slice(-last);
		if (json && !follow) {
			printJson(context, { events: shown, next: seen.next, gap: seen.gap });
			return 0;
		}
		const print = (event: Event): void => {
			if (json) context.stdout.write(`${visible(JSON.stringify(event))}\n`);
			else printLine(context, lineOf(context, event));
		};
		for (const event of shown) print(event);
		if (follow) return followFrom(context, client, { after: seen.next, of, print, suffix });
		if (shown.length === 0) printLine(context, 'Nothing has happened.');
		return 0;
	});

/** All that has happened until now. */
async function past(client: MarketClient, { after, of }: EventsOptions): Promise<EventsView> {
	const events: Event[] = [];
	let next = after;
	let gap = false;
	for (;;) {
		const found = await client.events({ after: next, limit: 1000 });
		for (const event of found.events) if (of === undefined || event.of === of) events.push(event);
		gap ||= found.gap;
		next = found.next;
		if (found.events.length === 0) return { events, next, gap };
	}
}

/** Prints what comes; the line with which it goes on is told at the end, however that comes. */
async function followFrom(
	context: CliContext,
	client: MarketClient,
	{
		of,
		print,
		suffix,
		...from
	}: {
		readonly after: string;
		readonly of: string | undefined;
		readonly print: (event: Event) => void;
		readonly suffix: string;
	},
): Promise<number> {
	const signal = context.interruption();
	let { after } = from;
	const again = (): string =>
		`${commandName(context)} market events --follow --after ${after}${of === undefined ? '' : ` --of ${visible(of)}`}${suffix}`;
	const onAway = ({ message }: BimetalError, ms: number): void =>
		void context.stderr.write(`${visible(message)}; trying again in ${Math.ceil(ms / 1000)} s\n`);
	try {
		for await (const { events, next } of followEvents(client, {
			after,
			clock: context.clock,
			signal,
			onAway,
		})) {
			for (const event of events) if (of === undefined || event.of === of) print(event);
			after = next;
		}
	} catch (fault) {
		throw fault instanceof BimetalError && !('tryNext' in fault) ? hinted(fault, again()) : fault;
	}
	context.stderr.write(`Go on from here: ${again()}\n`);
	return 0;
}

function lineOf(context: CliContext, { id, at, kind, of }: Event): string {
	const paint = painter(context);
	const colour = colours[kind];
	const padded = visible(kind).padEnd(16);
	const what = colour ? paint(colour, padded) : padded;
	return `${secondText(at).padEnd(20)}  ${what}  ${visible(of)}  ${paint('dim', id.replace(/^0+(?=\d)/, ''))}`;
}
