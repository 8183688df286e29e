import type { DepartureView, HilClient } from '../../hil/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { sleep } from './follow.ts';
import { projectsOf } from './hil-allocation.ts';

/** Milliseconds between two looks at how a node gets on that leaves. */
const poll = 500;

const stageTexts: Readonly<Record<DepartureView['stage'], string>> = {
	'power-off': 'switching it off',
	ports: 'clearing its ports',
	'boot-device': 'resetting its boot device',
	free: 'setting it free',
};

/** `bimetal node release NODE…`: off, ports clear, boot device reset, then free; each step is told as it comes. */
export const releaseNodes = (
	context: CliContext,
	names: readonly string[],
	options: HilOptions & { readonly wait?: boolean },
): Promise<number> =>
	withHil(
		context,
		options,
		async ({ client }) => {
			const leaving = await projectsOf(context, client, names);
			const ids: { readonly node: string; readonly id: string }[] = [];
			for (const { node, project } of leaving) {
				try {
					ids.push({ node, id: await client.release(project, node) });
				} catch (fault) {
					for (const begun of ids)
						context.stderr.write(`bimetal: ${visible(begun.node)} leaves already; that goes on\n`);
					throw fault;
				}
			}
			if (options.wait === false) {
				if (options.json) printJson(context, { departures: ids });
				else
					for (const { node } of ids)
						printLine(
							context,
							`${visible(node)} leaves; it is free when '${commandName(context)} node show ${visible(node)}' says so.`,
						);
				return exitCodes.ok.code;
			}
			const departures = await Promise.all(
				ids.map(({ id }) => followed(context, client, id, options.json ?? false)),
			);
			if (options.json) printJson(context, { departures });
			return departures.every(({ status }) => status === 'DONE') ? exitCodes.ok.code : exitCodes.denied.code;
		},
		context.interruption(),
	);

async function followed(
	context: CliContext,
	client: HilClient,
	id: string,
	isQuiet: boolean,
): Promise<DepartureView> {
	const { clock, stderr, stdout } = context;
	const paint = painter(context);
	const signal = context.interruption();
	let shown = '';
	for (;;) {
		const departure = await client.departure(id);
		const { status, node } = departure;
		const text = textOf(departure);
		if (text !== shown && !isQuiet) {
			const last = status === 'DONE' ? paint('green', text) : status === 'ERROR' ? paint('red', text) : text;
			// What it came to is the result; the steps on the way are progress.
			(status === 'PENDING' ? stderr : stdout).write(`${visible(node)}: ${last}\n`);
			shown = text;
		}
		if (status !== 'PENDING') return departure;
		await sleep(clock, poll, signal);
	}
}

function textOf({ status, stage, project, waits_for: party, error }: DepartureView): string {
	if (status === 'DONE') return 'free';
	if (status === 'ERROR') return `still in ${visible(project)}: ${visible(error ?? 'no reason given')}`;
	if (party !== null) return `${stageTexts[stage]}: waits for ${visible(party)}`;
	return `${stageTexts[stage]}${error === null ? '' : `: ${visible(error)}; it is tried again`}`;
}
