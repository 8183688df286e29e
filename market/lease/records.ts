import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { partiesOf } from '../clearing/bids.ts';
import { marketErrors } from '../errors.ts';
import { tell } from '../event/events.ts';
import { isAhead, type Lease, type LeasedServer, leases } from './lease.ts';

/** Writes a lease, and tells whom it is about. */
export async function change(
	tx: Transaction,
	id: string,
	lease: Lease,
	now: number,
	kind = `lease.${lease.state}`,
): Promise<void> {
	await tx.put(leases, id, lease);
	await tell(tx, { kind, of: id, projects: partiesOf(lease) }, now);
}

/** @throws NoSuchLease */
export async function mustFindLease(tx: ReadTransaction, id: string): Promise<Lease> {
	const found = id === '' ? undefined : await tx.get(leases, id);
	if (!found) throw marketErrors.NoSuchLease(`There is no lease ${id} of yours.`);
	return found;
}

/** One that is to come or running. @throws NoSuchLease, LeaseOver */
export async function mustFindAhead(tx: ReadTransaction, id: string): Promise<Lease> {
	const found = await mustFindLease(tx, id);
	if (isAhead(found)) return found;
	throw marketErrors.LeaseOver(`Lease ${id} is ${found.state} already.`);
}

/** With these servers, it ends when the last of them goes back. */
export const withServers = (lease: Lease, servers: LeasedServer[]): Lease => ({
	...lease,
	servers,
	end: Math.max(...servers.map(({ until }) => until)),
});
