import type { HilClient, Managed } from '../../hil/client.ts';
import { sleep } from '../commands/follow.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { painter, printJson, printLine } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

/** Milliseconds between two looks whether the others have agreed. */
const poll = 2000;

/**
 * Says what came of something that another party may have to agree to, and gives the exit code. With `wait`, that is
 * what became of it in the end.
 */
export async function reportManaged(
	context: CliContext,
	client: HilClient,
	managed: Managed,
	options: { readonly wait?: boolean; readonly json?: boolean; readonly done: string },
): Promise<number> {
	if (!managed.waiting) {
		if (options.json) printJson(context, { status: 'DONE' });
		else printLine(context, options.done);
		return exitCodes.ok.code;
	}
	const { id, message } = managed;
	if (!options.wait) {
		if (options.json) printJson(context, { status: 'PENDING', id, message });
		else printLine(context, waitingText(context, message));
		return exitCodes.waiting.code;
	}
	const status = await ended(context, client, id, message);
	if (options.json) printJson(context, { status, id, message });
	else if (status === 'DONE') printLine(context, options.done);
	else printLine(context, `${painter(context)('red', 'Not done')}: it was denied, withdrawn, or failed.`);
	return status === 'DONE' ? exitCodes.ok.code : exitCodes.denied.code;
}

/** What waits, and where those who must agree find it. */
export const waitingText = (context: CliContext, message: string): string =>
	`${painter(context)('yellow', visible(message))}\nAn operator who agrees finds it with '${commandName(context)} requests --state waiting'.`;

async function ended(
	context: CliContext,
	client: HilClient,
	id: string,
	message: string,
): Promise<'DONE' | 'ERROR'> {
	const signal = context.interruption();
	const progress = progressLine(context);
	try {
		for (;;) {
			const { status } = await client.queued(id);
			if (status !== 'PENDING') return status;
			progress.show(visible(message.replace(/\.$/, '')));
			await sleep(context.clock, poll, signal);
		}
	} finally {
		progress.end();
	}
}
