import type { z } from 'zod';
import { backOff } from '../../common/back-off.ts';
import { type Clock, pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type * as views from '../v1/views.ts';

export type EventsView = z.output<typeof views.events>;

export interface EventsAsked {
	/** The `next`, or an event's id, of an answer before; all that is kept when absent. */
	readonly after?: string | undefined;
	/** At most so many, 1 to 1000. */
	readonly limit?: number | undefined;
	/** Milliseconds that it waits when there is nothing to tell yet: 30,000 at most. */
	readonly wait?: number | undefined;
}

/** Milliseconds that one call waits for news, and the events that one brings at most. */
const look = 25_000;
const most = 1000;

/**
 * What happens at a market, from `after` on and without a gap: each answer that has something to tell, or from which on there is
 * nothing yet. When the market cannot be reached it is asked again, later and later, from where the last answer ended. Ends with the
 * signal; throws what the client throws for everything else.
 */
export async function* followEvents(
	client: { events(of: EventsAsked): Promise<EventsView> },
	{
		after,
		clock,
		random = Math.random,
		signal,
		onAway,
	}: {
		/** All that is kept, when absent. */
		readonly after?: string | undefined;
		readonly clock: Clock;
		readonly random?: () => number;
		readonly signal: AbortSignal;
		/** It did not answer, and is asked again after so many milliseconds. */
		readonly onAway?: (fault: BimetalError, ms: number) => void;
	},
): AsyncGenerator<EventsView> {
	let next = after;
	let failed = 0;
	let wait = 0;
	while (!signal.aborted) {
		try {
			const found = await client.events({ after: next, limit: most, wait });
			failed = 0;
			// Whoever follows is to know at once that it has come to the end of what there is.
			const isFirst = wait === 0;
			wait = found.events.length < most ? look : 0;
			next = found.next;
			if (found.events.length > 0 || found.gap || isFirst) yield found;
		} catch (fault) {
			if (signal.aborted) return;
			if (!(fault instanceof BimetalError) || fault.code !== 'MarketUnreachable') throw fault;
			const ms = backOff(++failed, random);
			onAway?.(fault, ms);
			await pause(clock, ms, signal).catch(() => undefined);
		}
	}
}
