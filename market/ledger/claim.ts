import { z } from 'zod';
import { defineCollection, type ReadTransaction, type Transaction } from '../../common/store/store.ts';
import { marketErrors } from '../errors.ts';
import { accounts, projectAccount, projectName } from './account.ts';
import { amountText, balanceText, checkAmount, formatCredits } from './money.ts';
import { checkKey, mustFindAccount, openAccounts, post } from './post.ts';
import { type Cause, cause, counters } from './transfer.ts';

const claim = z.strictObject({
	/** The same key never makes two of them. */
	key: z.string(),
	/** Who owes it, and to whom. */
	debtor: projectName,
	creditor: projectName,
	/** Microcredits: what was owed at first, and what is left of it. */
	amount: amountText,
	left: balanceText.refine(text => !text.startsWith('-')),
	/** How many transfers have paid some of it: they have it as their `claim`. */
	payments: z.int().min(0),
	cause,
	/** Milliseconds since the epoch. */
	at: z.int().min(0),
});
/**
 * What a project owes another one beyond what it can spend. No balance goes below its credit line for it: it is paid out of what
 * comes in next.
 */
export type Claim = z.output<typeof claim>;

/** By their numbers: the order of ids is the order in which they are paid. */
export const claims = defineCollection('ledger-claims', claim, {
	key: ({ key }) => key,
	/** Those that are not paid yet. */
	debtor: ({ left, debtor }) => (left === '0' ? undefined : debtor),
	project: ({ debtor, creditor }) => [debtor, creditor],
});

/**
 * Has a project owe another one, whose accounts this opens, and pays at once what there is; the id of the claim. `amount` in
 * microcredits, `now` in milliseconds.
 * @throws AmountRefused, TransferRefused, KeyRefused, KeyReused
 */
export async function oweCredits(
	tx: Transaction,
	ask: { key: string; debtor: string; creditor: string; amount: bigint; cause: Cause },
	now: number,
): Promise<string> {
	const { key, debtor, creditor, amount } = ask;
	checkKey(key);
	checkAmount(amount);
	const [before] = await tx.list(claims, { where: { index: 'key', equals: key }, limit: 1 });
	if (before) {
		const { debtor: from, creditor: to, amount: owed } = before.document;
		if (from === debtor && to === creditor && owed === amount.toString()) return before.id;
		throw marketErrors.KeyReused(`The key ${key} belongs to another claim: take a new one.`);
	}
	if (debtor === creditor) throw marketErrors.TransferRefused('Nobody owes itself.');
	for (const project of [debtor, creditor]) await openAccounts(tx, project, now);
	const last = (await tx.get(counters, 'claims'))?.last ?? 0;
	const id = (last + 1).toString().padStart(16, '0');
	await tx.put(counters, 'claims', { last: last + 1 });
	const text = amount.toString();
	await tx.insert(claims, id, { ...ask, amount: text, left: text, payments: 0, at: now });
	await payClaims(tx, debtor, now);
	return id;
}

/**
 * Pays what a project owes, oldest first, as far as it can: called where credits have come in. Those who are paid pay what they
 * owe themselves, each once.
 */
export async function payClaims(
	tx: Transaction,
	debtor: string,
	now: number,
	paid: Set<string> = new Set(),
): Promise<void> {
	if (paid.has(debtor)) return;
	paid.add(debtor);
	for (const { id, document } of await tx.list(claims, { where: { index: 'debtor', equals: debtor } })) {
		const { balance, creditLine } = await mustFindAccount(tx, projectAccount(debtor));
		const there = BigInt(balance) + BigInt(creditLine);
		if (there <= 0n) return;
		const { creditor, payments } = document;
		const left = BigInt(document.left);
		const amount = left < there ? left : there;
		const posting = {
			key: `claim/${id}/${payments + 1}`,
			asked: `claim ${id}`,
			from: projectAccount(debtor),
			to: projectAccount(creditor),
			amount,
			cause: document.cause,
			hold: null,
			claim: id,
		};
		await post(tx, posting, now);
		await tx.put(claims, id, { ...document, left: (left - amount).toString(), payments: payments + 1 });
		await payClaims(tx, creditor, now, paid);
	}
}

/** Microcredits that a project owes, and is owed. */
export async function owedBy(
	tx: ReadTransaction,
	project: string,
): Promise<{ readonly owes: bigint; readonly isOwed: bigint }> {
	let [owes, isOwed] = [0n, 0n];
	for (const { document } of await tx.list(claims, { where: { index: 'project', equals: project } })) {
		if (document.debtor === project) owes += BigInt(document.left);
		else isOwed += BigInt(document.left);
	}
	return { owes, isOwed };
}

/** As its debtor and its creditor see it; credits are decimal text. */
export const viewClaim = (id: string, { debtor, creditor, amount, left, cause, at }: Claim) => ({
	id,
	debtor,
	creditor,
	amount: formatCredits(BigInt(amount)),
	left: formatCredits(BigInt(left)),
	of: cause.of,
	note: cause.note,
	at: new Date(at).toISOString(),
});

/** What is wrong with the claims, given what transfers say that they have paid of each (microcredits, and how many times). */
export async function checkClaims(
	tx: ReadTransaction,
	paid: Map<string, { readonly sum: bigint; readonly times: number; readonly routes: ReadonlySet<string> }>,
): Promise<string[]> {
	const problems: string[] = [];
	let number = 0;
	for (const { id, document } of await tx.list(claims)) {
		const { debtor, creditor, amount, left, payments } = document;
		number++;
		if (Number(id) !== number) problems.push(`claim ${id} stands where number ${number} should`);
		const { sum, times, routes } = paid.get(id) ?? { sum: 0n, times: 0, routes: new Set<string>() };
		paid.delete(id);
		if (BigInt(amount) - sum !== BigInt(left) || times !== payments)
			problems.push(`claim ${id} has ${left} left of ${amount}, its transfers paid ${sum} millionths`);
		const route = `${projectAccount(debtor)} ${projectAccount(creditor)}`;
		for (const each of routes) if (each !== route) problems.push(`claim ${id} was paid from ${each}`);
		if (left !== '0' && !(await tx.get(accounts, projectAccount(debtor))))
			problems.push(`claim ${id} is owed by ${debtor}, who has no account`);
	}
	for (const id of paid.keys()) problems.push(`claim ${id} has transfers, and is not there`);
	const last = (await tx.get(counters, 'claims'))?.last ?? 0;
	if (last !== number) problems.push(`${number} claims are there, and ${last} were counted`);
	return problems;
}
