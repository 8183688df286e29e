import { z } from 'zod';
import type { Actor } from '../authorize/actor.ts';
import { isFor } from '../authorize/decide.ts';
import { whoSees } from '../calendar/offers.ts';
import { mustFindServer, ownerOf } from '../calendar/server.ts';
import { leasedSpans, spansWithin } from '../calendar/span.ts';
import { listPage } from '../core/pages.ts';
import { listEvents } from '../event/events.ts';
import type { MarketDeps } from '../market-deps.ts';
import { firstTradeFor, guideRule, guidesOf } from '../price/guide.ts';
import { listTrades } from '../price/history.ts';
import { mostParts, occupancyOf } from '../price/occupancy.ts';
import { rounds } from '../round/round.ts';
import { pageArguments } from './page-arguments.ts';
import { type MarketRoute, reads } from './route.ts';
import * as views from './views.ts';

const second = z.coerce.number().int().min(0).max(253_402_300_799);
const day = 86_400;

export const calendarRoutes = (): readonly MarketRoute[] => [
	reads({
		path: '/prices',
		action: 'price.list',
		summary:
			'What was leased each day, by kinds of servers, and for how much; 30 days, when no others are asked for',
		body: { from: second.optional(), to: second.optional() },
		answer: views.prices,
		verb: async (tx, { to, from }, { now }) => {
			const days = await listTrades(tx, { from: from ?? Math.max(0, now - 30 * day), to: to ?? now });
			return {
				days: days.map(({ cost, ...each }) => ({
					...each,
					mean: (BigInt(cost) / BigInt(each.seconds)).toString(),
				})),
			};
		},
	}),
	reads({
		path: '/prices/guide',
		action: 'price.list',
		summary: 'The guide price of each kind of servers, today or on days before; 92 days at once at most',
		body: { from: second.optional(), to: second.optional() },
		answer: views.guides,
		verb: async (tx, { to = Number.MAX_SAFE_INTEGER, from }, { now }) => {
			const last = Math.min(to, now);
			const first = Math.max(from ?? last, last - 92 * day);
			const trades = await listTrades(tx, { from: firstTradeFor(first), to: last });
			return { rule: guideRule, guides: guidesOf(trades, { from: first, to: last }) };
		},
	}),
	reads({
		path: '/calendar',
		action: 'calendar.show',
		summary: 'How many server-seconds are leased, and offered with those that are, by parts of the calendar',
		body: {
			from: second.optional(),
			/** Seconds of a part; an hour at least. */
			step: z.coerce
				.number()
				.int()
				.min(3600)
				.max(366 * day)
				.default(day),
			parts: z.coerce.number().int().min(1).max(mostParts).default(30),
		},
		answer: views.calendar,
		verb: async (_tx, { from, step, parts }, { index, now }) => ({
			parts: occupancyOf(index, { from: from ?? now - (now % step), step, parts }),
		}),
	}),
	reads({
		path: '/calendar/{server}',
		action: 'calendar.show',
		summary: 'When a server is offered, and when it is leased',
		body: { from: second.optional(), to: second.optional() },
		answer: views.serverCalendar,
		verb: async (tx, { server, from, to }, { index, now, actor }) => {
			const found = await mustFindServer(tx, server);
			const start = from ?? now;
			const within = { start, end: Math.max(start + 1, to ?? start + 30 * day) };
			const offered = [...(index.server(server)?.slots.keys() ?? [])]
				.filter(({ document }) => isFor(actor, whoSees(document)))
				.flatMap(({ id, document: { intervals, price } }) =>
					intervals
						.filter(each => each.start < within.end && within.start < each.end)
						.map(each => ({ ...each, price, offer: id })),
				)
				.sort((a, b) => a.start - b.start);
			const leased = await spansWithin(tx, leasedSpans, server, within);
			return {
				server,
				owner: ownerOf(found),
				offered,
				leased: leased.map(({ start: begin, end }) => ({ start: begin, end })),
			};
		},
	}),
	reads({
		path: '/rounds',
		action: 'round.list',
		summary:
			'Rounds in which bids were cleared together, oldest first: prices, gains, and the most that there could be',
		body: pageArguments,
		answer: views.rounds,
		verb: async (tx, page) => {
			const { page: found, next } = await listPage(tx, rounds, { ...page, show: (_, each) => each });
			return { rounds: found, next };
		},
	}),
	{
		...reads({
			path: '/events',
			action: 'event.list',
			summary: 'What happened after an event; waits for something, if asked to, when there is nothing yet',
			body: {
				/** The `next` of the answer before; all that is kept when absent. */
				after: z
					.string()
					.regex(/^\d{16}$/)
					.optional(),
				limit: z.coerce.number().int().min(1).max(1000).default(100),
				/** Milliseconds. */
				wait: z.coerce.number().int().min(0).max(30_000).default(0),
			},
			answer: views.events,
			verb: async () => undefined,
		}),
		run: (deps: MarketDeps, args: EventArguments, actor: Actor) => eventsSince(deps, args, actor),
	},
];

interface EventArguments {
	readonly after?: string | undefined;
	readonly limit: number;
	readonly wait: number;
}

/** The `after` from the beginning. */
const beginning = '0'.repeat(16);

async function eventsSince(
	{ store, endings, clock }: MarketDeps,
	{ after = beginning, limit, wait }: EventArguments,
	actor: Actor,
): Promise<unknown> {
	const until = clock.elapsed() + wait;
	let next = after;
	let gap = false;
	for (;;) {
		const left = until - clock.elapsed();
		const waiting = left > 0 ? endings.wait('events', left) : undefined;
		const from = next;
		const found = await store.read(tx =>
			listEvents(tx, { after: from, limit }, ({ projects }) => isFor(actor, projects)),
		);
		const isMore = found.next !== from;
		next = found.next;
		gap ||= found.gap;
		if (found.events.length > 0 || (!waiting && !isMore)) {
			waiting?.cancel();
			return { next, gap, events: found.events.map(({ projects: _, ...event }) => event) };
		}
		// There may be more to read that is for others.
		if (isMore) waiting?.cancel();
		else await waiting?.over;
	}
}
