import type { Transaction } from '../../common/store/store.ts';
import { offers } from '../calendar/offer.ts';
import { closeOffersUnder } from '../calendar/offers.ts';
import { placeOf } from '../calendar/place.ts';
import { dropSpans, endSpan, leasedSpans, takeSpan } from '../calendar/span.ts';
import { marketErrors } from '../errors.ts';
import { holdCredits, releaseHold } from '../ledger/escrow.ts';
import type { LeasedServer } from './lease.ts';
import { change, mustFindAhead, withServers } from './records.ts';
import { forRecall, forRelease } from './rules.ts';
import { checkNotSublet, shorten } from './shorten.ts';

/**
 * Gives a lease up before it begins: the project has its credits back, and the servers are free. `now` in seconds.
 * @throws NoSuchLease, LeaseBegun, LeaseOver, LeaseSublet
 */
export async function cancelLease(
	tx: Transaction,
	{ id }: { readonly id: string },
	now: number,
): Promise<void> {
	const found = await mustFindAhead(tx, id);
	if (found.state !== 'reserved' || now >= found.start)
		throw marketErrors.LeaseBegun(`Lease ${id} has begun.`);
	await checkNotSublet(tx, id, now);
	await closeOffersUnder(tx, { lease: id }, now);
	await dropSpans(tx, leasedSpans, id);
	const cause = { kind: 'refund', of: id, note: '' } as const;
	await releaseHold(tx, { key: `lease/${id}/refund`, hold: found.hold, cause }, now * 1000);
	await change(tx, id, { ...found, state: 'cancelled' }, now);
}

/**
 * Gives the servers back before the end: they are free for others from `now` on. What it costs: see rules.ts.
 * @throws NoSuchLease, LeaseNotBegun, LeaseOver, LeaseSublet
 */
export async function releaseLease(
	tx: Transaction,
	{ id }: { readonly id: string },
	now: number,
): Promise<void> {
	const found = await mustFindAhead(tx, id);
	if (now <= found.start) throw marketErrors.LeaseNotBegun(`Lease ${id} has not begun.`);
	await checkNotSublet(tx, id, now);
	await closeOffersUnder(tx, { lease: id }, now);
	const servers: LeasedServer[] = [];
	for (const each of found.servers) {
		if (each.until <= now) {
			servers.push(each);
			continue;
		}
		const offer = await tx.get(offers, each.offer);
		const more = forRelease(each, now, found.start + (offer?.shortest ?? 0));
		servers.push(await shorten(tx, { id, server: each }, { until: now, more }, now));
	}
	await change(tx, id, withServers(found, servers), now, 'lease.released');
}

/**
 * Makes a lease last longer, at the price that it has: all of its servers, or none.
 * @throws NoSuchLease, LeaseOver, ExtensionRefused, CreditsShort, AmountRefused
 */
export async function extendLease(
	tx: Transaction,
	{ id, until }: { readonly id: string; readonly until: number },
	now: number,
): Promise<void> {
	const found = await mustFindAhead(tx, id);
	if (until <= found.end) throw marketErrors.ExtensionRefused(`Lease ${id} lasts as long as that already.`);
	if (now >= found.end) throw marketErrors.LeaseOver(`Lease ${id} is over.`);
	const servers: LeasedServer[] = [];
	let more = 0n;
	for (const each of found.servers) {
		const { server, price } = each;
		if (each.until !== found.end)
			throw marketErrors.ExtensionRefused(`Server ${server} goes back before the others.`);
		const offer = await tx.get(offers, each.offer);
		const isOffered =
			offer?.state === 'open' &&
			until - found.start <= offer.longest &&
			offer.intervals.some(({ start, end }) => start <= found.start && until <= end);
		if (!isOffered) throw marketErrors.ExtensionRefused(`Server ${server} is not offered for so long.`);
		const place = placeOf(server, each.under);
		await endSpan(tx, leasedSpans, { server: place, end: found.end }, found.start);
		const wanted = { server: place, start: found.start, end: until, by: id };
		const inTheWay = await takeSpan(tx, leasedSpans, wanted);
		if (inTheWay) throw marketErrors.ExtensionRefused(`Server ${server} is leased to somebody else then.`);
		more += BigInt(price) * BigInt(until - found.end);
		servers.push({ ...each, until });
	}
	const cost = BigInt(found.cost) + more;
	const cause = { kind: 'lease', of: id, note: 'extended' } as const;
	const at = now * 1000;
	await releaseHold(tx, { key: `lease/${id}/until/${until}/back`, hold: found.hold, cause }, at);
	const held = { key: `lease/${id}/until/${until}/hold`, project: found.project, amount: cost, cause };
	const { id: hold } = await holdCredits(tx, held, at);
	await change(tx, id, { ...found, servers, end: until, hold, cost: cost.toString() }, now, 'lease.extended');
}

/**
 * An owner, or who lets them on, takes servers back after the notice that it offered them with; the lease goes on with the
 * others. Returns when the last of them is back. What it costs: see rules.ts.
 * @throws NoSuchLease, LeaseOver, RecallRefused
 */
export async function recallServers(
	tx: Transaction,
	{ id, owner }: { readonly id: string; readonly owner: string },
	now: number,
): Promise<number> {
	const found = await mustFindAhead(tx, id);
	const servers: LeasedServer[] = [];
	let last: number | undefined;
	for (const each of found.servers) {
		const notice = each.owner === owner ? (await tx.get(offers, each.offer))?.recallNotice : null;
		const until = Math.max(now, found.start) + (notice ?? 0);
		if (notice === undefined || notice === null || until >= each.until) {
			servers.push(each);
			continue;
		}
		last = Math.max(last ?? 0, until);
		const more = forRecall(each, each.until - until);
		servers.push(await shorten(tx, { id, server: each }, { until, more }, now));
	}
	if (last === undefined) {
		throw marketErrors.RecallRefused(
			`No server of ${owner}'s in lease ${id} can be recalled: its offer has no notice, or it is back sooner.`,
		);
	}
	await change(tx, id, withServers(found, servers), now, 'lease.recalled');
	return last;
}
