import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { marketErrors } from '../errors.ts';
import { type Account, accounts, escrowAccount, mint, projectAccount, projectName } from './account.ts';
import { checkAmount, formatCredits } from './money.ts';
import { type Cause, counters, type Transfer, transferId, transfers } from './transfer.ts';

export interface Posted {
	readonly id: string;
	readonly transfer: Transfer;
}

interface Posting {
	readonly key: string;
	/** See `askedOf`. */
	readonly asked: string;
	readonly from: string;
	readonly to: string;
	/** Microcredits. */
	readonly amount: bigint;
	readonly cause: Cause;
	/** The hold that is drawn on; `new` for one that begins with this transfer and gets its id. */
	readonly hold: string | null;
	/** The claim that is paid by it. */
	readonly claim?: string;
}

/** What a verb was asked for, to be held against what the same key was used for before. */
export const askedOf = (verb: string, ...rest: readonly (string | bigint | Cause | null)[]): string =>
	JSON.stringify([verb, ...rest], (_, value) => {
		if (typeof value === 'bigint') return value.toString();
		// Whoever asks again may write a cause's parts in another order.
		if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
		return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
	});

/** @throws KeyRefused */
export function checkKey(key: string): void {
	if (!/^[!-~]{1,200}$/.test(key)) {
		throw marketErrors.KeyRefused(
			'An idempotency key has 1 to 200 printable ASCII characters, and no spaces.',
		);
	}
}

/**
 * What this key moved already, if it did.
 * @throws KeyRefused; KeyReused when it was something else
 */
export async function findPosted(
	tx: ReadTransaction,
	{ key, asked }: Pick<Posting, 'key' | 'asked'>,
): Promise<Posted | undefined> {
	checkKey(key);
	const [found] = await tx.list(transfers, { where: { index: 'key', equals: key }, limit: 1 });
	if (!found) return undefined;
	if (found.document.asked !== asked) {
		throw marketErrors.KeyReused(`The key ${key} belongs to another request: take a new one.`);
	}
	return { id: found.id, transfer: found.document };
}

/**
 * Moves credits: one record, and both balances with it, in the transaction that it is given.
 * @throws AmountRefused, TransferRefused, NoSuchAccount, CreditsShort
 */
export async function post(tx: Transaction, posting: Posting, now: number): Promise<Posted> {
	const { key, asked, from, to, amount, cause } = posting;
	checkAmount(amount);
	if (from === to) throw marketErrors.TransferRefused('Credits go to another account than they come from.');
	const giver = await mustFindAccount(tx, from);
	const taker = await mustFindAccount(tx, to);
	const fromBalance = BigInt(giver.balance) - amount;
	if (giver.kind !== 'mint' && fromBalance < -BigInt(giver.creditLine)) {
		const line = giver.creditLine === '0' ? '' : ` and a credit line of ${credits(giver.creditLine)}`;
		throw marketErrors.CreditsShort(
			`${formatCredits(amount)} credits are needed; ${from} has ${credits(giver.balance)}${line}.`,
		);
	}
	const toBalance = BigInt(taker.balance) + amount;
	const last = (await tx.get(counters, 'transfers'))?.last ?? 0;
	const id = transferId(last + 1);
	const transfer: Transfer = {
		key,
		asked,
		from,
		to,
		amount: amount.toString(),
		fromBalance: fromBalance.toString(),
		toBalance: toBalance.toString(),
		hold: posting.hold === 'new' ? id : posting.hold,
		...(posting.claim !== undefined && { claim: posting.claim }),
		cause,
		at: now,
	};
	await tx.put(counters, 'transfers', { last: last + 1 });
	await tx.insert(transfers, id, transfer);
	await tx.put(accounts, from, { ...giver, balance: transfer.fromBalance });
	await tx.put(accounts, to, { ...taker, balance: transfer.toBalance });
	return { id, transfer };
}

const credits = (text: string): string => formatCredits(BigInt(text));

/** @throws NoSuchAccount */
export async function mustFindAccount(tx: ReadTransaction, id: string): Promise<Account> {
	const found = await tx.get(accounts, id);
	if (!found) throw marketErrors.NoSuchAccount(`There is no account ${id}: it never got any credits.`);
	return found;
}

/**
 * Opens what a project needs, and the mint; what is open stays as it is.
 * @throws NameRefused
 */
export async function openAccounts(tx: Transaction, project: string, now: number): Promise<void> {
	if (!projectName.safeParse(project).success) {
		throw marketErrors.NameRefused(
			`${JSON.stringify(project.slice(0, 150))} cannot be the name of a project.`,
		);
	}
	const wanted = [
		[mint, 'mint'],
		[projectAccount(project), 'project'],
		[escrowAccount(project), 'escrow'],
	] as const;
	for (const [id, kind] of wanted) {
		if (await tx.get(accounts, id)) continue;
		await tx.insert(accounts, id, { kind, balance: '0', creditLine: '0', openedAt: now });
	}
}
