import type { ReadTransaction } from '../common/store/store.ts';
import { leasedSpans } from './calendar/span.ts';
import { leases } from './lease/lease.ts';
import { checkBook } from './ledger/check-book.ts';

/**
 * What is wrong with the records of a market none of whose leases has begun, except for those that were given back: a second
 * leased twice, a lease and its spans that do not say the same, credits that are nowhere. Nothing, when all is well.
 */
export async function calendarProblems(tx: ReadTransaction): Promise<string[]> {
	const problems = (await checkBook(tx)).map(String);
	const spans = (await tx.list(leasedSpans)).map(({ document }) => document);
	const byServer = Map.groupBy(spans, ({ server }) => server);
	for (const [server, own] of byServer) {
		const sorted = own.sort((a, b) => a.start - b.start || a.end - b.end);
		for (const [n, { start, by }] of sorted.entries()) {
			const before = sorted[n - 1];
			if (before && start < before.end)
				problems.push(`${server} is leased twice at ${start}: by ${before.by} and by ${by}`);
		}
	}
	const taken = new Set(spans.map(({ server, start, end, by }) => `${server} ${start}-${end} by ${by}`));
	const said = (await tx.list(leases)).flatMap(({ id, document: { state, start, servers } }) =>
		state === 'cancelled'
			? []
			: servers
					.filter(({ until }) => until !== start)
					.map(({ server, until }) => `${server} ${start}-${until} by ${id}`),
	);
	for (const each of said) if (!taken.delete(each)) problems.push(`no span: ${each}`);
	for (const each of taken) problems.push(`no lease: ${each}`);
	return problems;
}
