import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { marketErrors } from '../errors.ts';
import { accounts, escrowAccount, mint, projectAccount } from './account.ts';
import { owedBy, payClaims } from './claim.ts';
import { checkAmount, formatCredits } from './money.ts';
import { askedOf, findPosted, mustFindAccount, openAccounts, type Posted, post } from './post.ts';
import type { Cause } from './transfer.ts';

interface Asked {
	readonly key: string;
	/** Microcredits. */
	readonly amount: bigint;
	readonly cause: Cause;
}

/**
 * Issues credits to a project, whose account this opens.
 * @throws AmountRefused, KeyRefused, KeyReused
 */
export async function grantCredits(
	tx: Transaction,
	{ key, project, amount, cause }: Asked & { readonly project: string },
	now: number,
): Promise<Posted> {
	const asked = askedOf('grant', project, amount, cause);
	const before = await findPosted(tx, { key, asked });
	if (before) return before;
	await openAccounts(tx, project, now);
	const to = projectAccount(project);
	const posted = await post(tx, { key, asked, from: mint, to, amount, cause, hold: null }, now);
	await payClaims(tx, project, now);
	return posted;
}

/**
 * Moves credits that a project can spend to another one, whose account this opens.
 * @throws AmountRefused, TransferRefused, KeyRefused, KeyReused, NoSuchAccount, CreditsShort
 */
export async function transferCredits(
	tx: Transaction,
	{ key, from, to, amount, cause }: Asked & { readonly from: string; readonly to: string },
	now: number,
): Promise<Posted> {
	const asked = askedOf('transfer', from, to, amount, cause);
	const before = await findPosted(tx, { key, asked });
	if (before) return before;
	await mustFindAccount(tx, projectAccount(from));
	await openAccounts(tx, to, now);
	const [giver, taker] = [projectAccount(from), projectAccount(to)];
	const posted = await post(tx, { key, asked, from: giver, to: taker, amount, cause, hold: null }, now);
	await payClaims(tx, to, now);
	return posted;
}

/**
 * Agrees how far below zero a project may go, in microcredits; 0 for not at all.
 * @throws AmountRefused, CreditLineInUse when it owes more than that now
 */
export async function setCreditLine(
	tx: Transaction,
	{ project, creditLine }: { readonly project: string; readonly creditLine: bigint },
	now: number,
): Promise<void> {
	if (creditLine !== 0n) checkAmount(creditLine);
	await openAccounts(tx, project, now);
	const id = projectAccount(project);
	const found = await mustFindAccount(tx, id);
	const balance = BigInt(found.balance);
	if (balance < -creditLine) {
		throw marketErrors.CreditLineInUse(
			`${project} owes ${formatCredits(-balance)} credits: a credit line of ${formatCredits(creditLine)} takes effect when it has paid the rest.`,
		);
	}
	await tx.put(accounts, id, { ...found, creditLine: creditLine.toString() });
	await payClaims(tx, project, now);
}

/** Credits as decimal text. */
export interface CreditsView {
	readonly project: string;
	readonly balance: string;
	readonly creditLine: string;
	/** Held for bids and leases. */
	readonly held: string;
	/** What it can still spend. */
	readonly available: string;
	/** What it owes beyond what it had, and what it is owed so. */
	readonly owes: string;
	readonly isOwed: string;
}

/** @throws NoSuchAccount */
export async function showCredits(tx: ReadTransaction, project: string): Promise<CreditsView> {
	const { balance, creditLine } = await mustFindAccount(tx, projectAccount(project));
	const { balance: held } = await mustFindAccount(tx, escrowAccount(project));
	const { owes, isOwed } = await owedBy(tx, project);
	return {
		project,
		balance: formatCredits(BigInt(balance)),
		creditLine: formatCredits(BigInt(creditLine)),
		held: formatCredits(BigInt(held)),
		available: formatCredits(BigInt(balance) + BigInt(creditLine)),
		owes: formatCredits(owes),
		isOwed: formatCredits(isOwed),
	};
}
