import { z } from 'zod';
import {
	type Collection,
	defineCollection,
	type ReadTransaction,
	type Transaction,
} from '../../common/store/store.ts';
import { type Interval, second } from './interval.ts';

const span = z.strictObject({
	/** A place: see place.ts. */
	server: z.string(),
	start: second,
	end: second,
	/** The id of the offer or lease that has the server then. */
	by: z.string(),
});
export type Span = z.output<typeof span>;

const defineSpans = (name: string): Collection<Span> =>
	defineCollection(name, span, { server: document => document.server, by: document => document.by });

/** When places are leased: no second of a place is in two of them. */
export const leasedSpans = defineSpans('calendar-leased');
/** When servers are offered: an owner cannot offer one twice for the same second. */
export const offeredSpans = defineSpans('calendar-offered');

/**
 * Spans of a server never overlap, so their order by end is their order by start. With the end in the id, the first span that
 * ends after a second is one look-up, and it alone tells whether anything is taken from there on.
 */
const spanId = (server: string, end: number): string => `${server}/${end.toString().padStart(12, '0')}`;

/** The first span that has a second in common with the interval. */
async function firstOverlap(
	tx: ReadTransaction,
	spans: Collection<Span>,
	server: string,
	{ start, end }: Interval,
): Promise<Span | undefined> {
	const where = { index: 'server', equals: server };
	const [next] = await tx.list(spans, { where, after: spanId(server, start), limit: 1 });
	return next && next.document.start < end ? next.document : undefined;
}

/**
 * Takes a server for an interval, or returns the span that has some of it: then nothing is changed.
 */
export async function takeSpan(
	tx: Transaction,
	spans: Collection<Span>,
	wanted: Span,
): Promise<Span | undefined> {
	return takeSpans(tx, spans, [wanted]);
}

/**
 * The same for several servers, each of which is there once: they are looked at together. This is the only place that makes
 * spans.
 */
export async function takeSpans(
	tx: Transaction,
	spans: Collection<Span>,
	wanted: readonly Span[],
): Promise<Span | undefined> {
	if (wanted.some(({ start, end }) => start >= end)) throw new RangeError('an empty span');
	if (new Set(wanted.map(({ server }) => server)).size < wanted.length)
		throw new RangeError('two spans of one server at once');
	const looked = await Promise.all(wanted.map(each => firstOverlap(tx, spans, each.server, each)));
	const taken = looked.find(found => found !== undefined);
	if (taken) return taken;
	for (const each of wanted) await tx.insert(spans, spanId(each.server, each.end), each);
	return undefined;
}

/** Has a span end sooner: what began at that second or later is given back whole. */
export async function endSpan(
	tx: Transaction,
	spans: Collection<Span>,
	{ server, end }: Pick<Span, 'server' | 'end'>,
	newEnd: number,
): Promise<void> {
	const found = await tx.get(spans, spanId(server, end));
	if (!found || newEnd >= end) throw new RangeError('no span that could end sooner');
	await tx.delete(spans, spanId(server, end));
	if (newEnd > found.start) await tx.insert(spans, spanId(server, newEnd), { ...found, end: newEnd });
}

/** Gives back all that an offer or a lease has taken. */
export async function dropSpans(tx: Transaction, spans: Collection<Span>, by: string): Promise<void> {
	for (const { id } of await tx.list(spans, { where: { index: 'by', equals: by } }))
		await tx.delete(spans, id);
}

/** What is taken of a server within an interval, in order. */
export async function spansWithin(
	tx: ReadTransaction,
	spans: Collection<Span>,
	server: string,
	{ start, end }: Interval,
): Promise<Span[]> {
	const found: Span[] = [];
	let after = spanId(server, start);
	for (;;) {
		const [next] = await tx.list(spans, { where: { index: 'server', equals: server }, after, limit: 1 });
		if (!next || next.document.start >= end) return found;
		found.push(next.document);
		after = next.id;
	}
}
