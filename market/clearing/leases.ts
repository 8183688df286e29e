import type { Transaction } from '../../common/store/store.ts';
import { dropSpans, leasedSpans } from '../calendar/span.ts';
import { marketErrors } from '../errors.ts';
import { captureHold, releaseHold } from '../ledger/escrow.ts';
import { type Lease, leases } from './bid.ts';

/**
 * Gives a lease up before it begins: the project has its credits back, and the servers are free. `now` in seconds.
 * @throws NoSuchLease, LeaseBegun, LeaseOver
 */
export async function cancelLease(
	tx: Transaction,
	{ id, project }: { readonly id: string; readonly project: string },
	now: number,
): Promise<void> {
	const found = await mustFindReserved(tx, id, project);
	if (now >= found.start) throw marketErrors.LeaseBegun(`Lease ${id} has begun.`);
	await dropSpans(tx, leasedSpans, id);
	const cause = { kind: 'refund', of: id, note: '' } as const;
	await releaseHold(tx, { key: `lease/${id}/refund`, hold: found.hold, cause }, now * 1000);
	await tx.put(leases, id, { ...found, state: 'cancelled' });
}

/**
 * Pays the owners for a lease that is over, each for its servers. What it was stays in the calendar. `now` in seconds.
 * @throws NoSuchLease, LeaseRunning, LeaseOver
 */
export async function settleLease(
	tx: Transaction,
	{ id }: { readonly id: string },
	now: number,
): Promise<void> {
	const found = await mustFindReserved(tx, id);
	if (now < found.end) throw marketErrors.LeaseRunning(`Lease ${id} is not over yet.`);
	const seconds = BigInt(found.end - found.start);
	const owed = new Map<string, bigint>();
	for (const { owner, price } of found.servers) {
		owed.set(owner, (owed.get(owner) ?? 0n) + BigInt(price) * seconds);
	}
	const cause = { kind: 'lease', of: id, note: '' } as const;
	for (const [n, [to, amount]] of [...owed].entries()) {
		await captureHold(tx, { key: `lease/${id}/pay/${n}`, hold: found.hold, to, amount, cause }, now * 1000);
	}
	await tx.put(leases, id, { ...found, state: 'settled' });
}

async function mustFindReserved(tx: Transaction, id: string, project?: string): Promise<Lease> {
	const found = id === '' ? undefined : await tx.get(leases, id);
	if (!found || (project !== undefined && found.project !== project)) {
		throw marketErrors.NoSuchLease(`There is no lease ${id} of yours.`);
	}
	if (found.state !== 'reserved') throw marketErrors.LeaseOver(`Lease ${id} is ${found.state} already.`);
	return found;
}
