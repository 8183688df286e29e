import type { ReadTransaction, Store } from '../../common/store/store.ts';
import { marketErrors } from '../errors.ts';
import { formatCredits } from './money.ts';
import { mustFindAccount } from './post.ts';
import { type Transfer, transfers } from './transfer.ts';

/** One side of a transfer, as the account's owner sees it. Credits are decimal text. */
export interface StatementLine {
	readonly id: string;
	/** ISO 8601. */
	readonly at: string;
	/** Below zero: it went out. */
	readonly amount: string;
	/** Right after. */
	readonly balance: string;
	/** The account on the other side. */
	readonly with: string;
	readonly kind: Transfer['cause']['kind'];
	readonly of: string;
	readonly note: string;
	readonly hold: string | null;
}

const largestPage = 1000;

/**
 * Lines of an account, oldest first. `next` is what to ask `after` for the page after this one; absent at the end.
 * @throws NoSuchAccount, PageRefused
 */
export async function showStatement(
	tx: ReadTransaction,
	{ account, after, limit }: { readonly account: string; readonly after?: string; readonly limit: number },
): Promise<{ readonly lines: readonly StatementLine[]; readonly next?: string }> {
	if (!Number.isInteger(limit) || limit < 1 || limit > largestPage) {
		throw marketErrors.PageRefused(`A page has 1 to ${largestPage} lines, not ${limit}.`);
	}
	await mustFindAccount(tx, account);
	const found = await tx.list(transfers, {
		where: { index: 'account', equals: account },
		...(after === undefined ? {} : { after }),
		// One more than is shown tells whether there is another page.
		limit: limit + 1,
	});
	const lines = found.slice(0, limit).map(({ id, document }) => lineOf(id, document, account));
	const next = found.length > limit ? lines.at(-1)?.id : undefined;
	return { lines, ...(next === undefined ? {} : { next }) };
}

function lineOf(id: string, transfer: Transfer, account: string): StatementLine {
	const isOut = transfer.from === account;
	const amount = BigInt(transfer.amount);
	return {
		id,
		at: new Date(transfer.at).toISOString(),
		amount: formatCredits(isOut ? -amount : amount),
		balance: formatCredits(BigInt(isOut ? transfer.fromBalance : transfer.toBalance)),
		with: isOut ? transfer.to : transfer.from,
		...transfer.cause,
		hold: transfer.hold,
	};
}

const columns = ['id', 'at', 'amount', 'balance', 'with', 'kind', 'of', 'note', 'hold'] as const;

/**
 * The whole statement as text, piece by piece: CSV (RFC 4180), or a JSON array. Each piece is read in a transaction of its
 * own, so a long export holds up nobody; transfers are only ever added behind, so the pieces fit together.
 * @throws NoSuchAccount before anything is given out
 */
export async function* exportStatement(
	store: Pick<Store, 'read'>,
	account: string,
	format: 'csv' | 'json',
): AsyncGenerator<string> {
	const read = (after: string | undefined) =>
		store.read(tx =>
			showStatement(tx, { account, limit: largestPage, ...(after === undefined ? {} : { after }) }),
		);
	let page = await read(undefined);
	yield format === 'csv' ? `${columns.join(',')}\r\n` : '[';
	for (let isFirst = true; ; isFirst = false) {
		yield format === 'csv'
			? page.lines.map(line => `${columns.map(column => cell(column, line)).join(',')}\r\n`).join('')
			: `${isFirst ? '' : ','}${page.lines.map(line => `\n${JSON.stringify(line)}`).join(',')}`;
		if (page.next === undefined) break;
		page = await read(page.next);
	}
	if (format === 'json') yield '\n]\n';
}

/** Spreadsheets take text that begins so for a formula, which may send the sheet elsewhere (OWASP, CSV Injection). */
const formula = /^[=+\-@\t\r]/;

function cell(column: (typeof columns)[number], line: StatementLine): string {
	const text = line[column] ?? '';
	const isNumber = column === 'amount' || column === 'balance';
	const safe = !isNumber && formula.test(text) ? `'${text}` : text;
	return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
