import type { Collection, ReadTransaction } from '../../common/store/store.ts';
import { accounts } from './account.ts';
import { checkClaims } from './claim.ts';
import { holds } from './escrow.ts';
import { formatCredits } from './money.ts';
import { counters, transferId, transfers } from './transfer.ts';

/**
 * Works out the whole book again from its transfers, and says each thing that is not as it must be: none, in a sound book.
 * Every credit has come from the mint, every balance is what its transfers make it and was right after each of them,
 * none is below its credit line, what is held is what the holds say, what is owed is what was not paid of it, and no number or
 * key is missing or there twice.
 */
export async function checkBook(tx: ReadTransaction): Promise<string[]> {
	const problems: string[] = [];
	const balances = new Map<string, bigint>();
	const left = new Map<string, bigint>();
	const paid = new Map<string, { sum: bigint; times: number; routes: Set<string> }>();
	const keys = new Set<string>();
	let number = 0;

	const move = (id: string, account: string, by: bigint, said: string): void => {
		const balance = (balances.get(account) ?? 0n) + by;
		balances.set(account, balance);
		if (balance.toString() !== said) {
			problems.push(`transfer ${id}: ${account} had ${formatCredits(balance)}, not ${said} millionths`);
		}
	};
	for await (const { id, document } of all(tx, transfers)) {
		number++;
		if (id !== transferId(number)) problems.push(`transfer ${id} stands where ${transferId(number)} should`);
		if (keys.has(document.key)) problems.push(`transfer ${id}: the key ${document.key} was used before`);
		keys.add(document.key);
		const amount = BigInt(document.amount);
		move(id, document.from, -amount, document.fromBalance);
		move(id, document.to, amount, document.toBalance);
		if (document.claim !== undefined) {
			const { sum, times, routes } = paid.get(document.claim) ?? { sum: 0n, times: 0, routes: new Set() };
			routes.add(`${document.from} ${document.to}`);
			paid.set(document.claim, { sum: sum + amount, times: times + 1, routes });
		}
		if (document.hold === id) left.set(id, amount);
		else if (document.hold !== null) left.set(document.hold, (left.get(document.hold) ?? 0n) - amount);
	}
	const last = (await tx.get(counters, 'transfers'))?.last ?? 0;
	if (last !== number) problems.push(`${number} transfers are there, and ${last} were counted`);

	let sum = 0n;
	for await (const { id, document } of all(tx, accounts)) {
		const balance = BigInt(document.balance);
		sum += balance;
		if (balance !== (balances.get(id) ?? 0n)) {
			problems.push(
				`account ${id} has ${document.balance}, its transfers make ${balances.get(id) ?? 0n} millionths`,
			);
		}
		balances.delete(id);
		if (document.kind !== 'mint' && balance < -BigInt(document.creditLine)) {
			problems.push(`account ${id} is below its credit line`);
		}
	}
	for (const id of balances.keys()) problems.push(`account ${id} has transfers, and is not there`);
	if (sum !== 0n) problems.push(`all balances make ${sum} millionths instead of 0`);
	problems.push(...(await checkHolds(tx, left)), ...(await checkClaims(tx, paid)));
	return problems;
}

async function checkHolds(tx: ReadTransaction, left: Map<string, bigint>): Promise<string[]> {
	const problems: string[] = [];
	const held = new Map<string, bigint>();
	for await (const { id, document } of all(tx, holds)) {
		const account = `escrow/${document.project}`;
		held.set(account, (held.get(account) ?? 0n) + BigInt(document.left));
		if (left.get(id)?.toString() !== document.left) {
			problems.push(
				`hold ${id} has ${document.left} left, its transfers ${left.get(id) ?? 'none'} millionths`,
			);
		}
		left.delete(id);
	}
	for (const id of left.keys()) problems.push(`hold ${id} has transfers, and is not there`);
	for await (const { id, document } of all(tx, accounts)) {
		if (document.kind !== 'escrow' || BigInt(document.balance) === (held.get(id) ?? 0n)) continue;
		problems.push(`account ${id} has ${document.balance}, its holds make ${held.get(id) ?? 0n} millionths`);
	}
	return problems;
}

const pageSize = 1000;

/** Every document of a collection in the order of the ids, a page at a time. */
async function* all<T>(tx: ReadTransaction, collection: Collection<T>) {
	let after = '';
	for (;;) {
		const page = await tx.list(collection, { after, limit: pageSize });
		yield* page;
		const last = page.at(-1);
		if (!last || page.length < pageSize) return;
		after = last.id;
	}
}
