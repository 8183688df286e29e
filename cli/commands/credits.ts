import { randomUUID } from 'node:crypto';
import type { CliContext } from '../context.ts';
import { type MarketOptions, projectOf, withMarket } from '../market/market-connection.ts';
import { dateText, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

/** `bimetal credits show` */
export const showCredits = (context: CliContext, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client => {
		const account = await client.credits(await projectOf(client, options));
		if (options.json) printJson(context, account);
		else
			printFields(context, [
				['project', painter(context)('bold', visible(account.project))],
				['balance', account.balance],
				['held', `${account.held} for bids and leases`],
				['credit line', account.creditLine],
				['can spend', account.available],
				...(account.owes === '0' ? [] : [['owes', account.owes] as const]),
				...(account.isOwed === '0' ? [] : [['is owed', account.isOwed] as const]),
			]);
		return 0;
	});

/** `bimetal credits statement` */
export const showStatement = (context: CliContext, options: MarketOptions): Promise<number> =>
	withMarket(context, options, async client => {
		const lines = await client.statement(await projectOf(client, options));
		if (options.json) printJson(context, { lines });
		else if (lines.length === 0) printLine(context, 'Nothing came or went.');
		else
			await printTable(
				context,
				['AT', 'AMOUNT', 'BALANCE', 'WITH', 'FOR'],
				lines.map(({ at, amount, balance, with: other, kind, of, note }) => [
					visible(dateText(at)),
					amount,
					balance,
					visible(other),
					visible([kind, of, note].filter(text => text !== '').join(' ')),
				]),
			);
		return 0;
	});

/** `bimetal credits claims` */
export const listClaims = (
	context: CliContext,
	options: MarketOptions & { readonly all?: boolean },
): Promise<number> =>
	withMarket(context, options, async client => {
		const claims = await client.claims(await projectOf(client, options), options.all);
		if (options.json) printJson(context, { claims });
		else if (claims.length === 0) printLine(context, 'Nobody owes anything.');
		else
			await printTable(
				context,
				['SINCE', 'FROM', 'TO', 'OWED', 'LEFT', 'FOR'],
				claims.map(({ at, debtor, creditor, amount, left, of, note }) => [
					visible(dateText(at)),
					visible(debtor),
					visible(creditor),
					amount,
					left,
					visible(`${note}, lease ${of}`),
				]),
			);
		return 0;
	});

/** `bimetal credits transfer TO AMOUNT`, `bimetal credits grant PROJECT AMOUNT` */
export const moveCredits = (
	context: CliContext,
	[to, amount]: readonly [string, string],
	{
		move,
		once: key = randomUUID(),
		note = '',
		...options
	}: MarketOptions & {
		readonly move: 'transfer' | 'grant';
		readonly once?: string;
		readonly note?: string;
	},
): Promise<number> =>
	withMarket(context, options, async client => {
		const of = { amount, key, note };
		const account =
			move === 'grant'
				? await client.moveCredits(to, move, of)
				: await client.moveCredits(await projectOf(client, options), move, { ...of, to });
		if (options.json) printJson(context, account);
		else
			printLine(
				context,
				`${visible(to)} has ${visible(amount)} more. ${visible(account.project)} now has ${account.balance}.`,
			);
		return 0;
	});
