import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { painter, printJson, printLine } from '../output.ts';
import { readRackFile } from '../rack/rack-file.ts';
import { planRack } from '../rack/rack-plan.ts';
import { visible } from '../visible.ts';

/** `bimetal hil register FILE`: records what is not recorded yet, or nothing when something is recorded otherwise. */
export const registerRack = (
	context: CliContext,
	file: string,
	options: HilOptions & { readonly dryRun?: boolean },
): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const { steps, conflicts } = await planRack(client, readRackFile(path.resolve(context.cwd, file)));
		if (conflicts.length > 0)
			throw hinted(
				new BimetalError('RackConflict', `${conflicts.join('; ')}. Nothing was changed.`, { status: 409 }),
				`${commandName(context)} hil forget … and ${commandName(context)} hil unplug … undo what is recorded; or correct ${file}`,
			);
		const { dryRun = false } = options;
		const paint = painter(context);
		const taken: string[] = [];
		for (const { text, take } of steps) {
			try {
				if (!dryRun) await take();
			} catch (fault) {
				if (!(fault instanceof BimetalError)) throw fault;
				const { code, message, status } = fault;
				throw hinted(
					new BimetalError(code, `${text}: ${message}`, { status, cause: fault }),
					`the same command again: it goes on where it was (${taken.length} of ${steps.length} are recorded)`,
				);
			}
			taken.push(text);
			if (!options.json) printLine(context, `${paint(dryRun ? 'yellow' : 'green', '+')} ${visible(text)}`);
		}
		if (options.json) printJson(context, { dryRun, recorded: taken });
		else if (steps.length === 0) printLine(context, 'All of it is recorded already.');
		else if (dryRun) printLine(context, `\n${steps.length} to be recorded; nothing was changed.`);
		return 0;
	});
