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
