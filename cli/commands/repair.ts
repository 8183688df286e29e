import { type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { painter, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

export type RepairOptions = ConnectionOptions & { readonly json?: boolean };

/** `bimetal bmc repair NAME` */
export function repair(context: CliContext, name: string, options: RepairOptions): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const view = await client.repair(name);
		const { repairs, doors, doorsReason } = view;
		const waits = repairs.filter(({ outcome }) => outcome === 'waiting');
		if (options.json) printJson(context, view);
		else if (repairs.length === 0) {
			const what = { shut: 'all doors are shut', open: 'doors are open', unknown: 'nothing is known' }[doors];
			printLine(context, `${visible(name)}: ${what}${doorsReason ? ` (${visible(doorsReason)})` : ''}.`);
		} else {
			const paint = painter(context);
			await printTable(
				context,
				['DOORS', 'OUTCOME', 'DETAIL'],
				repairs.map(({ doors, outcome, detail }) => [
					doors.map(door => visible(door)).join('\n'),
					outcome === 'shut' ? paint('green', outcome) : paint('yellow', outcome),
					visible(detail),
				]),
			);
			for (const { requestId } of waits)
				printLine(
					context,
					`  ${commandName(context)} approve ${visible(requestId ?? '')} — for an operator of another party`,
				);
		}
		const outcomes = new Set(repairs.map(({ outcome }) => outcome));
		if (outcomes.has('denied')) return exitCodes.denied.code;
		if (outcomes.has('failed') || outcomes.has('by hand')) return exitCodes.fault.code;
		if (waits.length) return exitCodes.waiting.code;
		return doors === 'unknown' ? exitCodes.unreachable.code : exitCodes.ok.code;
	});
}
