import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ChangeStep, ChangeView, HilClient } from '../../hil/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

/** Milliseconds that one look waits for the end, and how many there are: nobody waits longer than five minutes. */
const look = 5000;
const mostLooks = 60;

export interface ChangeOptions {
	readonly dryRun?: boolean;
	/** False: answered when it is recorded; the switches follow. */
	readonly wait?: boolean;
}

/**
 * Takes the steps, all or none, and waits until the switches have followed.
 * @throws ChangeUndone with the switch's words when one refused and all was put back; ChangePending when it takes too long
 */
export async function takeSteps(
	context: CliContext,
	client: HilClient,
	steps: readonly ChangeStep[],
	{ dryRun = false, wait = true }: ChangeOptions,
): Promise<ChangeView> {
	const change = await client.change(steps, { dryRun }).catch(fault => {
		throw steps.length === 1 ? withoutNumber(fault) : fault;
	});
	if (change.id !== null && wait && !dryRun) await followed(context, client, change.id);
	return change;
}

/** hil counts the steps in what it says of one: with a single one that only puzzles. */
function withoutNumber(fault: unknown): unknown {
	if (!(fault instanceof BimetalError)) return fault;
	const { code, message, status } = fault;
	return new BimetalError(code, message.replace(/^Step 1 \(\w+\): /, ''), { status, cause: fault });
}

async function followed(context: CliContext, client: HilClient, id: string): Promise<void> {
	const progress = progressLine(context);
	try {
		for (let looks = 1; ; looks++) {
			const { status, error, problems, actions } = await client.changeState(id, look);
			if (status === 'DONE') return;
			const why = [error ?? 'no reason given', ...problems].join('; ');
			if (status === 'UNDONE')
				throw hinted(
					new BimetalError('ChangeUndone', `a switch refused, and all was put back: ${why}`, { status: 502 }),
					`${commandName(context)} switch list, as an administrator, shows how the switches are`,
				);
			if (status === 'ERROR')
				throw hinted(
					new BimetalError('ChangeBroken', `it could not all be put back: ${why}`, { status: 502 }),
					`${commandName(context)} node show NODE, and have an administrator look at the switches`,
				);
			const trouble = await troubleOf(client, actions);
			if (looks === mostLooks) throw pending(context, trouble);
			progress.show(
				visible(
					status === 'UNDOING' ? `a switch refused: putting it back` : (trouble ?? 'setting the ports'),
				),
			);
		}
	} finally {
		progress.end();
	}
}

/** What the first action that has not ended meets with. */
async function troubleOf(client: HilClient, actions: readonly string[]): Promise<string | undefined> {
	for (const id of actions) {
		const { status, node, nic, error, attempts } = await client.action(id);
		if (status === 'PENDING')
			return error === null ? undefined : `${node}/${nic}: ${error} (tried ${attempts} times)`;
	}
	return undefined;
}

const pending = (context: CliContext, trouble: string | undefined): BimetalError =>
	hinted(
		new BimetalError('ChangePending', `the switches have not followed yet${trouble ? `: ${trouble}` : ''}`, {
			status: 504,
		}),
		`${commandName(context)} node show NODE, later: it is recorded, and tried until it is done`,
	);
