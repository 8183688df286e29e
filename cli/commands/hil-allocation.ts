import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ChangeStep, ChangeView, HilClient, NodeView } from '../../hil/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';
import { type ChangeOptions, takeSteps } from '../hil/change.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { channelOf, nicNetwork } from '../hil/nic-network.ts';
import { printPortChanges } from '../hil/port-text.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';

export interface AllocationOptions extends HilOptions, ChangeOptions {
	/** `NIC:NETWORK` or `NIC:NETWORK:CHANNEL`. */
	readonly network?: readonly string[];
}

/** `bimetal node take PROJECT NODE…`: all of them or none; those that the project has already are left as they are. */
export const takeNodes = (
	context: CliContext,
	project: string,
	names: readonly string[],
	options: AllocationOptions & { readonly manage?: boolean },
): Promise<number> =>
	withHil(
		context,
		options,
		async ({ client }) => {
			const nodes = await Promise.all(names.map(name => client.node(name)));
			const fresh = nodes.filter(node => node.project !== project).map(({ name }) => name);
			const steps = [
				...fresh.map((node): ChangeStep => ({ do: 'connect_node', project, node })),
				...nodes.flatMap(node => connections(node, options.network)),
			];
			const change = steps.length > 0 ? await takeSteps(context, client, steps, options) : undefined;
			if (!options.dryRun && options.manage !== false)
				for (const name of names) await client.setObm(name, true);
			if (options.json) {
				printJson(context, {
					project,
					taken: fresh,
					dryRun: options.dryRun ?? false,
					ports: change?.ports ?? [],
				});
				return 0;
			}
			if (fresh.length > 0)
				printLine(
					context,
					options.dryRun
						? `Nothing was changed. ${visible(project)} would have ${list(fresh)}.`
						: `${visible(project)} has ${painter(context)('green', list(fresh))} now.`,
				);
			const had = names.filter(name => !fresh.includes(name));
			if (had.length > 0) printLine(context, `${visible(project)} had ${list(had)} already.`);
			if (change && change.ports.length > 0) await printPortChanges(context, change.ports);
			return 0;
		},
		options.dryRun ? undefined : context.interruption(),
	);

/** `bimetal node connect NODE NIC NETWORK` */
export const connectNetwork = (
	context: CliContext,
	[node, nic, network]: readonly [string, string, string],
	options: AllocationOptions & { readonly channel?: string },
): Promise<number> => {
	const channel = channelOf(options.channel);
	const step = { do: 'connect_network', node, nic, network, ...(channel !== undefined && { channel }) };
	return changePorts(context, [step], options, `${node}/${nic} is on ${network}`);
};

/** `bimetal node detach NODE NIC NETWORK` */
export const detachNetwork = (
	context: CliContext,
	[node, nic, network]: readonly [string, string, string],
	options: AllocationOptions,
): Promise<number> =>
	changePorts(
		context,
		[{ do: 'detach_network', node, nic, network }],
		options,
		`${node}/${nic} is off ${network}`,
	);

const changePorts = (
	context: CliContext,
	steps: readonly ChangeStep[],
	options: AllocationOptions,
	done: string,
): Promise<number> =>
	withHil(
		context,
		options,
		async ({ client }) => report(context, await takeSteps(context, client, steps, options), options, done),
		options.dryRun ? undefined : context.interruption(),
	);

async function report(
	context: CliContext,
	change: ChangeView,
	options: AllocationOptions,
	done: string,
): Promise<number> {
	if (options.json) {
		printJson(context, change);
		return 0;
	}
	const paint = painter(context);
	const none = change.ports.length === 0 ? 'Nothing was changed; no port would be.' : undefined;
	if (options.dryRun) printLine(context, paint('yellow', none ?? 'Nothing was changed. It would become:'));
	else if (options.wait === false) printLine(context, 'Recorded; the switch follows.');
	else printLine(context, `${paint('green', 'Done')}: ${visible(done)}.`);
	if (change.ports.length > 0) await printPortChanges(context, change.ports);
	return 0;
}

/**
 * `bimetal node move NODE FROM TO`: off all networks, then into the other project and onto its networks in one change. If
 * that cannot be, it is put back where it was.
 */
export const moveNode = (
	context: CliContext,
	[name, from, to]: readonly [string, string, string],
	options: AllocationOptions,
): Promise<number> =>
	withHil(
		context,
		options,
		async ({ client }) => {
			const node = await client.node(name);
			if (node.project !== from) {
				const where = node.project === null ? 'free' : `in ${node.project}`;
				throw hinted(
					new BimetalError('BlockedError', `${name} is ${where}, not in ${from}`, { status: 409 }),
					`${commandName(context)} node show ${name}`,
				);
			}
			const attached = node.nics.flatMap(({ label: nic, networks }) =>
				Object.entries(networks).map(([channel, network]) => ({ node: name, nic, network, channel })),
			);
			// The native network is the first on and the last off, for switches that ask for one.
			attached.sort((a, b) => Number(a.channel === 'vlan/native') - Number(b.channel === 'vlan/native'));
			const off = attached.map(({ channel: _, ...of }): ChangeStep => ({ do: 'detach_network', ...of }));
			const over: ChangeStep[] = [
				{ do: 'detach_node', project: from, node: name },
				{ do: 'connect_node', project: to, node: name },
				...connections({ ...node, nics: [] }, options.network),
			];
			if (options.dryRun) {
				const change = off.length > 0 ? await client.change(off, { dryRun: true }) : noChange;
				await report(context, change, options, '');
				const onto = options.network?.map(text => `, ${text}`).join('') ?? '';
				if (!options.json)
					printLine(context, `Then ${visible(to)} would have ${visible(name)}${visible(onto)}, if it may.`);
				return 0;
			}
			const isManaged = (await client.project(from)).managed.includes(name);
			if (off.length > 0) await takeSteps(context, client, off, {});
			if (isManaged) await client.setObm(name, false);
			let change: ChangeView;
			try {
				change = await takeSteps(context, client, over, {});
			} catch (fault) {
				await putBack(context, client, name, isManaged, [...attached].reverse(), fault);
				throw fault;
			}
			if (isManaged) await client.setObm(name, true);
			return report(context, change, options, `${name} is in ${to}`);
		},
		options.dryRun ? undefined : context.interruption(),
	);

/** @throws ChangeBroken with both reasons, when it does not get there either */
async function putBack(
	context: CliContext,
	client: HilClient,
	name: string,
	isManaged: boolean,
	attached: readonly {
		readonly node: string;
		readonly nic: string;
		readonly network: string;
		readonly channel: string;
	}[],
	why: unknown,
): Promise<void> {
	try {
		const back = attached.map((of): ChangeStep => ({ do: 'connect_network', ...of }));
		if (back.length > 0) await takeSteps(context, client, back, {});
		if (isManaged) await client.setObm(name, true);
	} catch (fault) {
		const reasons = [why, fault].map(each => (each instanceof Error ? each.message : String(each)));
		throw hinted(
			new BimetalError('ChangeBroken', `${reasons[0]} And ${name} could not be put back: ${reasons[1]}`, {
				status: 502,
				cause: why,
			}),
			`${commandName(context)} node show ${name}`,
		);
	}
}

const noChange: ChangeView = { dry_run: true, id: null, ports: [], actions: [] };

/** The steps that put NICs of a node onto networks on which they are not yet. */
const connections = ({ name: node, nics }: NodeView, wanted: readonly string[] = []): ChangeStep[] =>
	wanted.map(nicNetwork).flatMap(on => {
		const attached = Object.values(nics.find(({ label }) => label === on.nic)?.networks ?? {});
		return attached.includes(on.network) ? [] : [{ do: 'connect_network', node, ...on }];
	});

const list = (names: readonly string[]): string => visible(names.join(', '));

/** Whose nodes they are; throws when one is free. */
export async function projectsOf(
	context: CliContext,
	client: HilClient,
	names: readonly string[],
): Promise<readonly { readonly node: string; readonly project: string }[]> {
	const nodes = await Promise.all(names.map(name => client.node(name)));
	return nodes.map(({ name, project }) => {
		if (project !== null) return { node: name, project };
		throw hinted(
			new BimetalError('BlockedError', `${name} is free already; nothing was released`, { status: 409 }),
			`${commandName(context)} node list --project PROJECT — what there is to be released`,
		);
	});
}
