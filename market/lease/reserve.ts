import type { Transaction } from '../../common/store/store.ts';
import { placeOf } from '../calendar/place.ts';
import { leasedSpans, takeSpans } from '../calendar/span.ts';
import type { Attestation, Boot } from '../clearing/bid.ts';
import type { Match } from '../clearing/match.ts';
import { holdCreditsAnew, releaseHold } from '../ledger/escrow.ts';
import { recordTrades } from '../price/history.ts';
import { isAhead, type Lease, leases } from './lease.ts';

/** What a lease is made from. */
export interface Reservation {
	readonly bid: string;
	readonly project: string;
	readonly match: Match;
	readonly length: number;
	/** What its servers boot from. */
	readonly boot?: Boot | undefined;
	/** How they prove what they have booted. */
	readonly attestation?: Attestation | undefined;
	/** What a server costs, in microcredits for a second; each its offer's price when absent. */
	readonly price?: number;
	/** What is held for the bid already, and how much of it: at least what the lease costs. */
	readonly held?: { readonly hold: string; readonly amount: bigint };
}

/**
 * Leases what was matched: the servers' time, the credits and the lease, in the transaction that it is given. `now` in seconds.
 * @throws AmountRefused, NoSuchAccount, CreditsShort
 */
export async function reserve(
	tx: Transaction,
	{ bid, project, match: { start, taken }, length, boot, attestation, price, held }: Reservation,
	{ now, newId }: { readonly now: number; readonly newId: () => string },
): Promise<{ readonly id: string; readonly lease: Lease }> {
	const id = newId();
	const end = start + length;
	for (const { server, offer } of taken) {
		const { under } = offer.document;
		if (under !== undefined) await checkCovered(tx, { under, server: server.name, end });
	}
	const spans = taken.map(({ server, offer: { document } }) => ({
		...{ server: placeOf(server.name, document.under), start, end, by: id },
	}));
	const inTheWay = await takeSpans(tx, leasedSpans, spans);
	if (inTheWay) throw new Error(`${inTheWay.server} was matched and is leased by ${inTheWay.by}`);
	const sum = taken.reduce((total, each) => total + (price ?? each.price), 0);
	const cost = BigInt(sum) * BigInt(length);
	const hold = await heldFor(tx, { id, project, cost, held }, now);
	const lease: Lease = {
		state: 'reserved',
		project,
		bid,
		servers: taken.map(({ server, offer, price: asked }) => ({
			server: server.name,
			owner: offer.document.project,
			offer: offer.id,
			...(offer.document.under !== undefined && {
				under: offer.document.under,
				chain: offer.document.chain ?? [],
			}),
			price: String(price ?? asked),
			until: end,
			isBack: false,
			extra: '0',
		})),
		start,
		end,
		...(boot && { boot }),
		...(attestation && { attestation }),
		hold,
		cost: cost.toString(),
		madeAt: now,
		deliveredAt: null,
		problem: null,
	};
	await tx.insert(leases, id, lease);
	await recordTrades(tx, { taken, length, price }, now);
	return { id, lease };
}

/** What is let on never outlasts the lease that it is let out of: its offer is taken back when that becomes shorter. */
async function checkCovered(
	tx: Transaction,
	{ under, server, end }: { readonly under: string; readonly server: string; readonly end: number },
): Promise<void> {
	const above = await tx.get(leases, under);
	if (above && isAhead(above) && above.servers.some(each => each.server === server && each.until >= end))
		return;
	throw new Error(`${server} was matched out of lease ${under}, which has not so much of it`);
}

/** What is held for the bid, less what is not needed; or held now. */
async function heldFor(
	tx: Transaction,
	{ id, project, cost, held }: { id: string; project: string; cost: bigint; held: Reservation['held'] },
	now: number,
): Promise<string> {
	const cause = { kind: 'lease', of: id, note: '' } as const;
	const at = now * 1000;
	// Not the bidder's key: it could be chosen to be in the way of what the market itself pays later.
	if (!held)
		return (await holdCreditsAnew(tx, { key: `lease/${id}/hold`, project, amount: cost, cause }, at)).id;
	const amount = held.amount - cost;
	if (amount > 0n) await releaseHold(tx, { key: `lease/${id}/rest`, hold: held.hold, amount, cause }, at);
	return held.hold;
}
