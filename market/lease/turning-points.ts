import type { Transaction } from '../../common/store/store.ts';
import { closeOffersUnder } from '../calendar/offers.ts';
import { dropSpans, leasedSpans } from '../calendar/span.ts';
import { captureHold, holds, releaseHold } from '../ledger/escrow.ts';
import { isAhead, type Lease } from './lease.ts';
import { change, mustFindLease } from './records.ts';
import { forLateness, owedFor } from './rules.ts';
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
	const late = now - found.start;
	const servers = found.servers.map(each => ({
		...each,
		extra: (BigInt(each.extra) + forLateness(each, Math.min(late, each.until - found.start))).toString(),
	}));
	await change(tx, id, { ...found, state: 'active', servers, deliveredAt: now, problem: null }, now);
}

/**
 * It cannot be delivered in time, or all of it was recalled before it began: all credits go back. So do those of whoever was to
 * have some of it from its project.
 */
export async function failLease(tx: Transaction, id: string, now: number): Promise<void> {
	const found = await mustFindLease(tx, id);
	const isRecalled = found.state === 'reserved' && found.servers.every(({ isBack }) => isBack);
	if (found.state === 'starting' || isRecalled) await fail(tx, id, found, now);
}

async function fail(tx: Transaction, id: string, found: Lease, now: number): Promise<void> {
	const cause = { kind: 'refund', of: id, note: 'its servers were not delivered' } as const;
	await releaseHold(tx, { key: `lease/${id}/refund`, hold: found.hold, cause }, now * 1000);
	await closeOffersUnder(tx, { lease: id }, now);
	for (const { id: below, document } of await subleasesOf(tx, id))
		if (isAhead(document)) await fail(tx, below, document, now);
	await dropSpans(tx, leasedSpans, id);
	await change(tx, id, { ...found, state: 'failing' }, now);
}

/** It is over: each owner is paid for its servers, and what is left of the hold goes back. */
export async function endLease(tx: Transaction, id: string, now: number): Promise<void> {
	const found = await mustFindLease(tx, id);
	if (found.state !== 'active' || now < found.end) return;
	await pay(tx, id, found, now);
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

async function pay(tx: Transaction, id: string, lease: Lease, now: number): Promise<void> {
	const owed = new Map<string, bigint>();
	for (const each of lease.servers) {
		const amount = owedFor(each, lease.deliveredAt);
		if (amount > 0n) owed.set(each.owner, (owed.get(each.owner) ?? 0n) + amount);
	}
	const { hold } = lease;
	for (const [n, [to, amount]] of [...owed].entries()) {
		const cause = { kind: 'lease', of: id, note: '' } as const;
		await captureHold(tx, { key: `lease/${id}/pay/${n}`, hold, to, amount, cause }, now * 1000);
	}
	if ((await tx.get(holds, hold))?.left === '0') return;
	const cause = { kind: 'refund', of: id, note: '' } as const;
	await releaseHold(tx, { key: `lease/${id}/refund`, hold, cause }, now * 1000);
}
