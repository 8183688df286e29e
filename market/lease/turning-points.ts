import type { Transaction } from '../../common/store/store.ts';
import { closeOffersUnder } from '../calendar/offers.ts';
import { dropSpans, leasedSpans } from '../calendar/span.ts';
import { type Culprit, culpritAt, delaysUntil, withDelay } from './delay.ts';
import { isAhead, type Lease } from './lease.ts';
import { change, mustFindLease } from './records.ts';
import { settle } from './settlement.ts';
import { subleasesOf } from './sublease.ts';

/** What time brings about. Each looks whether the lease is still where it was, and does nothing when it is not. */

/** Its time has begun. */
export async function beginLease(tx: Transaction, id: string, now: number): Promise<void> {
	const found = await mustFindLease(tx, id);
	if (found.state === 'reserved') await change(tx, id, { ...found, state: 'starting' }, now);
}

/** Its project has all of its servers. */
export async function deliverLease(tx: Transaction, id: string, now: number): Promise<void> {
	const found = await mustFindLease(tx, id);
	if (found.state !== 'starting') return;
	const delays = delaysUntil(found, now);
	const delivered = { ...found, delays, obstacle: null, deliveredAt: now, problem: null };
	await change(tx, id, { ...delivered, state: 'active' }, now);
}

/**
 * It cannot be delivered in time, or all of it was recalled before it began: all credits go back, less or more what whoever was in
 * the way gives. So do those of whoever was to have some of it from its project.
 */
export async function failLease(tx: Transaction, id: string, now: number): Promise<void> {
	const found = await mustFindLease(tx, id);
	const isRecalled = found.state === 'reserved' && found.servers.every(({ isBack }) => isBack);
	if (found.state === 'starting') await fail(tx, id, found, { now, culprit: culpritAt(found, now) });
	else if (isRecalled) await fail(tx, id, found, { now, culprit: { by: null } });
}

/** `culprit`: whose doing it is; unless that is bounded, it answers for what is left of its time as well. */
async function fail(
	tx: Transaction,
	id: string,
	lease: Lease,
	{ now, culprit }: { readonly now: number; readonly culprit: Culprit },
): Promise<void> {
	const before = delaysUntil(lease, now);
	const { by, isBounded = false } = culprit;
	const seconds = lease.end - Math.max(now, lease.start);
	const delays = by === null || isBounded ? before : withDelay(before, { by, seconds });
	const found: Lease = { ...lease, delays, obstacle: null };
	await settle(tx, id, found, now);
	await closeOffersUnder(tx, { lease: id }, now);
	for (const { id: below, document } of await subleasesOf(tx, id)) {
		if (!isAhead(document)) continue;
		// Whoever let it on answers for it, if anybody does.
		const letter = document.servers.find(({ under }) => under === id)?.owner ?? null;
		await fail(tx, below, document, { now, culprit: { by: by && letter } });
	}
	await dropSpans(tx, leasedSpans, id);
	await change(tx, id, { ...found, state: 'failing' }, now);
}

/** It is over: each owner is paid for its servers, and what is left of the hold goes back. */
export async function endLease(tx: Transaction, id: string, now: number): Promise<void> {
	const found = await mustFindLease(tx, id);
	if (found.state !== 'active' || now < found.end) return;
	await settle(tx, id, found, now);
	await dropSpans(tx, leasedSpans, id);
	await change(tx, id, { ...found, state: 'ending' }, now);
}

/** Servers have gone back; when all have, the lease is closed. */
export async function takeBackServers(
	tx: Transaction,
	id: string,
	names: readonly string[],
	now: number,
): Promise<void> {
	const found = await mustFindLease(tx, id);
	const servers = found.servers.map(each => (names.includes(each.server) ? { ...each, isBack: true } : each));
	const isClosed = servers.every(({ isBack }) => isBack);
	const closed = { ending: 'over', failing: 'failed' } as const;
	const state =
		isClosed && (found.state === 'ending' || found.state === 'failing') ? closed[found.state] : found.state;
	await change(tx, id, { ...found, servers, state, problem: null }, now);
}
