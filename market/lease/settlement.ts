import type { Transaction } from '../../common/store/store.ts';
import { oweCredits } from '../ledger/claim.ts';
import { captureHold, holds, releaseHold } from '../ledger/escrow.ts';
import { formatCredits } from '../ledger/money.ts';
import type { Lease } from './lease.ts';
import { forDelay } from './rules.ts';

interface Due {
	/** Microcredits that an owner is paid, and that it gives for what did not go as agreed. */
	gross: bigint;
	penalty: bigint;
}

/**
 * Pays for a lease that is over or has failed, once: each owner out of escrow, less what it gives as compensation; what is left goes
 * back. What compensation exceeds its pay, an owner owes. `now` in seconds.
 */
export async function settle(tx: Transaction, id: string, lease: Lease, now: number): Promise<void> {
	const { hold, project } = lease;
	const at = now * 1000;
	const all = [...dueOf(lease)];
	let given = 0n;
	for (const [n, [to, { gross, penalty }]] of all.entries()) {
		const less = gross < penalty ? gross : penalty;
		given += less;
		if (gross === less) continue;
		const note = less === 0n ? '' : `less ${formatCredits(less)} of compensation`;
		const cause = { kind: 'lease', of: id, note } as const;
		await captureHold(tx, { key: `lease/${id}/pay/${n}`, hold, to, amount: gross - less, cause }, at);
	}
	const compensation = {
		kind: 'compensation',
		of: id,
		note: 'servers that came late, not, or were recalled',
	} as const;
	if (given > 0n)
		await releaseHold(tx, { key: `lease/${id}/compensation`, hold, amount: given, cause: compensation }, at);
	if ((await tx.get(holds, hold))?.left !== '0') {
		const note = lease.deliveredAt === null ? 'its servers were not delivered' : '';
		const cause = { kind: 'refund', of: id, note } as const;
		await releaseHold(tx, { key: `lease/${id}/refund`, hold, cause }, at);
	}
	for (const [n, [debtor, { gross, penalty }]] of all.entries()) {
		if (penalty <= gross) continue;
		const owed = { debtor, creditor: project, amount: penalty - gross, cause: compensation };
		await oweCredits(tx, { key: `lease/${id}/claim/${n}`, ...owed }, at);
	}
}

/** By the projects that the servers are leased from. */
function dueOf({ project, servers, start, deliveredAt, delays = [] }: Lease): Map<string, Due> {
	const dues = new Map<string, Due>();
	const of = (owner: string): Due => {
		const found = dues.get(owner) ?? { gross: 0n, penalty: 0n };
		dues.set(owner, found);
		return found;
	};
	for (const each of servers) {
		const due = of(each.owner);
		const extra = BigInt(each.extra);
		if (extra < 0n) due.penalty -= extra;
		if (deliveredAt !== null) {
			due.gross += BigInt(each.price) * BigInt(Math.max(0, each.until - deliveredAt));
			if (extra > 0n) due.gross += extra;
		}
		for (const { by, seconds } of delays) {
			const amount = forDelay(each, start, seconds);
			if (by === project) due.gross += amount;
			else of(by).penalty += amount;
		}
	}
	return dues;
}
