import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { closeOffersUnder } from '../calendar/offers.ts';
import { placeOf } from '../calendar/place.ts';
import { endSpan, leasedSpans } from '../calendar/span.ts';
import { marketErrors } from '../errors.ts';
import { isAhead, type LeasedServer } from './lease.ts';
import { change, withServers } from './records.ts';
import { forRecall } from './rules.ts';
import { subleasesOf } from './sublease.ts';

/**
 * Has a lease give a server back sooner: what others lease out of it ends then as well, and is not offered on any more. `more`:
 * microcredits for its owner beside the seconds.
 */
export async function shorten(
	tx: Transaction,
	{ id, server }: { readonly id: string; readonly server: LeasedServer },
	{ until, more }: { readonly until: number; readonly more: bigint },
	now: number,
): Promise<LeasedServer> {
	const place = placeOf(server.server, server.under);
	await endSpan(tx, leasedSpans, { server: place, end: server.until }, until);
	await shortenBelow(tx, { id, name: server.server, until }, now);
	return { ...server, until, extra: (BigInt(server.extra) + more).toString() };
}

/** Recalls a server from whoever leases it out of a lease, all the way down. */
async function shortenBelow(
	tx: Transaction,
	{ id, name, until }: { readonly id: string; readonly name: string; readonly until: number },
	now: number,
): Promise<void> {
	await closeOffersUnder(tx, { lease: id, server: name }, now);
	for (const { id: below, document: found } of await subleasesOf(tx, id)) {
		if (!isAhead(found)) continue;
		const end = Math.max(until, found.start);
		const isMeant = (each: LeasedServer): boolean =>
			each.under === id && each.server === name && each.until > end;
		if (!found.servers.some(isMeant)) continue;
		const servers: LeasedServer[] = [];
		for (const each of found.servers) {
			if (!isMeant(each)) {
				servers.push(each);
				continue;
			}
			const cut = { until: end, more: forRecall(each, each.until - end) };
			const shortened = await shorten(tx, { id: below, server: each }, cut, now);
			// Nothing is left of it: it is not handed over at all.
			servers.push({ ...shortened, isBack: found.state === 'reserved' && end === found.start });
		}
		await change(tx, below, withServers(found, servers), now, 'lease.recalled');
	}
}

/** @throws LeaseSublet when others have some of what a lease has, now or later */
export async function checkNotSublet(tx: ReadTransaction, id: string, now: number): Promise<void> {
	for (const { id: below, document: found } of await subleasesOf(tx, id)) {
		if (!isAhead(found)) continue;
		const taken = found.servers.find(({ under, until }) => under === id && until > now);
		if (taken)
			throw marketErrors.LeaseSublet(
				`Server ${taken.server} is leased on to ${found.project}, as lease ${below}.`,
			);
	}
}
