import { z } from 'zod';
import { defineCollection, type Transaction } from '../../common/store/store.ts';
import { marketErrors } from '../errors.ts';
import { escrowAccount, projectAccount, projectName } from './account.ts';
import { payClaims } from './claim.ts';
import { amountText, balanceText, checkAmount, formatCredits } from './money.ts';
import { askedOf, checkKey, findPosted, mustFindAccount, openAccounts, type Posted, post } from './post.ts';
import type { Cause } from './transfer.ts';

const hold = z.strictObject({
	project: projectName,
	/** Microcredits: what was held at first, and what is left of it. */
	amount: amountText,
	left: balanceText.refine(text => !text.startsWith('-')),
});
/** Credits set aside for one bid: nobody else's to spend, and its project's no more. Its id is that of its first transfer. */
export type Hold = z.output<typeof hold>;
export const holds = defineCollection('ledger-holds', hold, {
	open: ({ left, project }) => (left === '0' ? undefined : project),
});

interface Asked {
	readonly key: string;
	readonly cause: Cause;
}

type AskedHold = Asked & { readonly project: string; readonly amount: bigint };

/**
 * Sets credits of a project aside. The id of the transfer is that of the hold.
 * @throws AmountRefused, KeyRefused, KeyReused, NoSuchAccount, CreditsShort
 */
export async function holdCredits(tx: Transaction, ask: AskedHold, now: number): Promise<Posted> {
	const asked = askedOf('hold', ask.project, ask.amount, ask.cause);
	const before = await findPosted(tx, { key: ask.key, asked });
	return before ?? holdCreditsAnew(tx, ask, now);
}

/**
 * The same under a key that nobody can have used, since an id that was just made is in it: it is not looked up.
 * @throws AmountRefused, KeyRefused, NoSuchAccount, CreditsShort
 */
export async function holdCreditsAnew(tx: Transaction, ask: AskedHold, now: number): Promise<Posted> {
	const { key, project, amount, cause } = ask;
	checkKey(key);
	const asked = askedOf('hold', project, amount, cause);
	const [from, to] = [projectAccount(project), escrowAccount(project)];
	const posted = await post(tx, { key, asked, from, to, amount, cause, hold: 'new' }, now);
	const { amount: text } = posted.transfer;
	await tx.insert(holds, posted.id, { project, amount: text, left: text });
	return posted;
}

/**
 * Pays a project from what is held, whose account this opens; it can be done in parts.
 * @throws AmountRefused, TransferRefused, KeyRefused, KeyReused, NoSuchHold, HoldTooSmall
 */
export async function captureHold(
	tx: Transaction,
	ask: Asked & { readonly hold: string; readonly to: string; readonly amount: bigint },
	now: number,
): Promise<Posted> {
	const { key, hold: id, to, amount, cause } = ask;
	const asked = askedOf('capture', id, to, amount, cause);
	const before = await findPosted(tx, { key, asked });
	if (before) return before;
	const found = await mustFindHold(tx, id);
	if (to === found.project) {
		throw marketErrors.TransferRefused(`What is held of ${to} goes back to it by releasing the hold.`);
	}
	await openAccounts(tx, to, now);
	const posted = await draw(tx, { key, asked, cause, id, found, to: projectAccount(to), amount }, now);
	await payClaims(tx, to, now);
	return posted;
}

/**
 * Gives back what is held: `amount`, or all that is left. A refund or a compensation is income, out of which claims are paid; what
 * is only held otherwise is not.
 * @throws AmountRefused, KeyRefused, KeyReused, NoSuchHold, HoldTooSmall also when nothing is left
 */
export async function releaseHold(
	tx: Transaction,
	{ key, hold: id, amount, cause }: Asked & { readonly hold: string; readonly amount?: bigint },
	now: number,
): Promise<Posted> {
	const asked = askedOf('release', id, amount ?? null, cause);
	const before = await findPosted(tx, { key, asked });
	if (before) return before;
	const found = await mustFindHold(tx, id);
	if (found.left === '0') throw marketErrors.HoldTooSmall(`Nothing is left of the hold ${id}.`);
	const to = projectAccount(found.project);
	const drawn = { key, asked, cause, id, found, to, amount: amount ?? BigInt(found.left) };
	const posted = await draw(tx, drawn, now);
	if (cause.kind === 'refund' || cause.kind === 'compensation') await payClaims(tx, found.project, now);
	return posted;
}

async function draw(
	tx: Transaction,
	of: Asked & { asked: string; id: string; found: Hold; to: string; amount: bigint },
	now: number,
): Promise<Posted> {
	const { key, asked, cause, id, found, to, amount } = of;
	checkAmount(amount);
	const left = BigInt(found.left) - amount;
	if (left < 0n) {
		throw marketErrors.HoldTooSmall(
			`${formatCredits(amount)} credits were to be taken from the hold ${id}, which has ${formatCredits(BigInt(found.left))} left.`,
		);
	}
	await tx.put(holds, id, { ...found, left: left.toString() });
	return post(tx, { key, asked, from: escrowAccount(found.project), to, amount, cause, hold: id }, now);
}

async function mustFindHold(tx: Transaction, id: string): Promise<Hold> {
	const found = id === '' ? undefined : await tx.get(holds, id);
	if (!found) throw marketErrors.NoSuchHold(`There is no hold ${id}.`);
	await mustFindAccount(tx, escrowAccount(found.project));
	return found;
}
