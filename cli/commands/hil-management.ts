import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { HilClient } from '../../hil/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted } from '../failure.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { reportManaged, waitingText } from '../hil/waiting.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';

export type PowerVerb = 'on' | 'off' | 'cycle' | 'status';

export interface PowerOptions extends HilOptions {
	readonly force?: boolean;
	readonly wait?: boolean;
}

const done: Readonly<Record<Exclude<PowerVerb, 'status'>, string>> = {
	on: 'is powered on',
	off: 'is powered off',
	cycle: 'restarts',
};

/** `bimetal node power NODE on|off|cycle|status` */
export const power = (
	context: CliContext,
	node: string,
	verb: PowerVerb,
	options: PowerOptions,
): Promise<number> =>
	managing(context, node, options, async client => {
		if (verb === 'status') {
			const status = await client.powerStatus(node);
			if (options.json) printJson(context, { node, power: status });
			else printLine(context, `${visible(node)} is ${painter(context)('bold', status)}.`);
			return exitCodes.ok.code;
		}
		const change = verb === 'cycle' && options.force ? 'force-cycle' : verb;
		const managed = await client.power(node, change);
		return reportManaged(context, client, managed, { ...options, done: `${visible(node)} ${done[verb]}.` });
	});

/** `bimetal node boot NODE pxe|disk|none` */
export const boot = (
	context: CliContext,
	node: string,
	device: 'pxe' | 'disk' | 'none',
	options: HilOptions & { readonly wait?: boolean },
): Promise<number> =>
	managing(context, node, options, async client => {
		const managed = await client.setBootDevice(node, device);
		const from = device === 'none' ? 'as its firmware is set up' : `from ${device}`;
		return reportManaged(context, client, managed, { ...options, done: `${visible(node)} boots ${from}.` });
	});

/** `bimetal node console NODE`: what it shows, until Ctrl-C or until somebody else reads it. */
export const watchConsole = (context: CliContext, node: string, options: HilOptions): Promise<number> =>
	managing(context, node, options, async client => {
		const signal = context.interruption();
		const opened = await client.openConsole(node, signal);
		if (opened.waiting) {
			if (options.json) printJson(context, { status: 'PENDING', id: opened.id, message: opened.message });
			else printLine(context, `${waitingText(context, opened.message)}\nThen ask for the console again.`);
			return exitCodes.waiting.code;
		}
		context.stderr.write(`bimetal: what ${visible(node)} shows from now on; Ctrl-C ends it\n`);
		try {
			for await (const piece of opened.text) context.stdout.write(piece);
		} catch (fault) {
			if (!signal.aborted) throw fault;
		}
		context.stderr.write('\nbimetal: the console has ended\n');
		return exitCodes.ok.code;
	});

/** `bimetal node manage NODE on|off` */
export const manage = (
	context: CliContext,
	node: string,
	state: 'on' | 'off',
	options: HilOptions,
): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		await client.setObm(node, state === 'on');
		if (options.json) printJson(context, { node, managed: state === 'on' });
		else
			printLine(
				context,
				state === 'on'
					? `${visible(node)} can be powered, booted and watched by its project.`
					: `${visible(node)} is not managed any more; what waited for approval is withdrawn.`,
			);
		return exitCodes.ok.code;
	});

/** Power, boot device and console are there only while a node is managed: what to do then, hil cannot say. */
const managing = (
	context: CliContext,
	node: string,
	options: HilOptions,
	work: (client: HilClient) => Promise<number>,
): Promise<number> =>
	withHil(context, options, async ({ client, suffix }) => {
		try {
			return await work(client);
		} catch (fault) {
			if (fault instanceof BimetalError && /management of node .* is disabled/.test(fault.message))
				throw hinted(fault, `${commandName(context)} node manage ${node} on${suffix}`);
			throw fault;
		}
	});
