import type { ReadTransaction } from '../../common/store/store.ts';
import type { Fulfilment, Handover } from './fulfilment.ts';
import { type Lease, type LeasedServer, leases } from './lease.ts';

/** What keeps a lease from having its servers as yet: one that an earlier lease has, or a lease further up that has none yet. */
export async function inTheWay(
	tx: ReadTransaction,
	id: string,
	lease: Lease,
): Promise<{ readonly why: string; readonly by: string | null } | undefined> {
	const above = await leasesAbove(tx, lease);
	for (const { under = '', owner } of lease.servers) {
		const upper = above.get(under);
		if (upper?.state !== 'reserved' && upper?.state !== 'starting') continue;
		// Whoever let it on answers for what somebody answers for.
		const by = upper.obstacle?.by === null || !upper.obstacle ? null : owner;
		return { why: `Lease ${under}, which it is let out of, has not its servers yet.`, by };
	}
	for (const { server } of lease.servers) {
		const others = await tx.list(leases, { where: { index: 'out', equals: server } });
		const isEarlier = (other: (typeof others)[number]): boolean =>
			other.id !== id && !above.has(other.id) && other.document.start < lease.start;
		if (others.some(isEarlier))
			return { why: `Server ${server} is still being taken back from another lease.`, by: null };
	}
	return undefined;
}

/** The leases that it is let out of, those that these are let out of, and so on. */
async function leasesAbove(tx: ReadTransaction, lease: Lease): Promise<ReadonlyMap<string, Lease>> {
	const found = new Map<string, Lease>();
	const left = [lease];
	for (let next = left.pop(); next; next = left.pop()) {
		for (const { under } of next.servers) {
			const upper = under === undefined || found.has(under) ? undefined : await tx.get(leases, under);
			if (under === undefined || !upper) continue;
			found.set(under, upper);
			left.push(upper);
		}
	}
	return found;
}

/** Hands a lease's servers over: those that are let on go back from whoever lets them first. */
export async function handOver(
	fulfilment: Fulfilment,
	{ id, lease }: { readonly id: string; readonly lease: Lease },
	signal: AbortSignal,
): Promise<void> {
	const servers = lease.servers.filter(({ isBack }) => !isBack);
	for (const upper of handoversAbove(servers)) await fulfilment.takeBack(upper, signal);
	const { project, boot, attestation, start: since } = lease;
	const handover = { lease: id, project, servers: namesOf(servers), since, boot, attestation };
	await fulfilment.deliver(handover, signal);
}

/**
 * Takes servers back; those that were let on go back to whoever let them, if it has them for longer: `leftOf` says which of
 * them it has, at the moment it is asked.
 */
export async function takeBack(
	fulfilment: Fulfilment,
	{
		id,
		project,
		due,
	}: { readonly id: string; readonly project: string; readonly due: readonly LeasedServer[] },
	leftOf: (upper: Handover) => Promise<readonly string[]>,
	signal: AbortSignal,
): Promise<void> {
	await fulfilment.takeBack({ lease: id, project, servers: namesOf(due) }, signal);
	for (const upper of handoversAbove(due)) {
		const servers = await leftOf(upper);
		if (servers.length === 0) continue;
		await fulfilment.deliver({ ...upper, servers }, signal);
		// That lease may have ended meanwhile, and have found nothing to take back.
		const left = await leftOf(upper);
		const over = servers.filter(server => !left.includes(server));
		if (over.length > 0) await fulfilment.takeBack({ ...upper, servers: over }, signal);
	}
}

/** What a lease has of these servers at a second. */
export async function heldBy(
	tx: ReadTransaction,
	{ lease, servers }: Handover,
	now: number,
): Promise<string[]> {
	const found = await tx.get(leases, lease);
	if (found?.state !== 'active') return [];
	const there = found.servers.filter(({ until, isBack }) => !isBack && until > now);
	return namesOf(there).filter(server => servers.includes(server));
}

function handoversAbove(servers: readonly LeasedServer[]): Handover[] {
	const letOn = servers.filter(({ under }) => under !== undefined);
	return [...Map.groupBy(letOn, ({ under = '' }) => under)].map(([lease, all]) => ({
		lease,
		project: all[0]?.owner ?? '',
		servers: namesOf(all),
	}));
}

const namesOf = (servers: readonly LeasedServer[]): string[] => servers.map(({ server }) => server);
