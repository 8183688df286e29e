import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted } from '../failure.ts';
import { printJson, printLine, printTable, relativeTime } from '../output.ts';
import { visible } from '../visible.ts';

type Options = ConnectionOptions & { readonly json?: boolean };

/** `bimetal operator lockouts` */
export function listLockouts(context: CliContext, options: Options): Promise<number> {
	return withConnection(context, options, async ({ client, suffix }) => {
		const lockouts = await client.lockouts();
		if (options.json) printJson(context, { lockouts });
		else if (lockouts.length === 0) printLine(context, 'No operator of your party has to wait.');
		else {
			const now = context.clock.now();
			await printTable(
				context,
				['OPERATOR', 'FROM', 'FAILURES', 'MAY TRY AGAIN'],
				lockouts.map(({ operator, from, failures, until }) => [
					visible(operator),
					visible(from ?? 'where never seen before'),
					String(failures),
					relativeTime(Date.parse(until), now),
				]),
			);
			printLine(context, `At once: ${commandName(context)} operator unlock NAME${suffix}`);
		}
		return exitCodes.ok.code;
	});
}

/** `bimetal operator unlock NAME` */
export function unlock(
	context: CliContext,
	name: string,
	options: Options & { readonly from?: string },
): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const unlocked = await client.unlock(name, options.from).catch((fault: unknown) => {
			if (!(fault instanceof BimetalError) || fault.status !== 404) throw fault;
			throw hinted(fault, 'the name of an operator of your own party; others are unlocked by theirs');
		});
		if (options.json) printJson(context, { unlocked });
		else
			printLine(
				context,
				unlocked ? `${visible(name)} may log in again.` : `Nothing was locked for ${visible(name)}.`,
			);
		return exitCodes.ok.code;
	});
}
