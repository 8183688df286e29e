import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { takeSteps } from '../hil/change.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

/** VLAN of a network by its channels: `vlan/native`, `vlan/101`. */
const vlanOf = (channels: readonly string[]): string =>
	channels.find(channel => channel !== 'vlan/native')?.replace(/^vlan\//, '') ?? '-';

interface Row {
	readonly name: string;
	readonly vlan: string;
	/** Null: everybody. */
	readonly access: readonly string[] | null;
}

/** `bimetal network list`: all for administrators; else the public ones and those of the own projects. */
export const listNetworks = (
	context: CliContext,
	options: HilOptions & { readonly project?: string },
): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const { project } = options;
		const me = await client.me();
		const rows = new Map<string, Row>();
		for (const [name, { network_id, projects }] of Object.entries(await client.networks())) {
			if (project === undefined || projects === null || projects.includes(project))
				rows.set(name, { name, vlan: network_id, access: projects });
		}
		const own = me.is_admin ? [] : project === undefined ? me.projects : [project];
		for (const of of own) {
			for (const name of await client.projectNetworks(of)) {
				if (rows.has(name)) continue;
				const { channels, access } = await client.network(name);
				rows.set(name, { name, vlan: vlanOf(channels), access });
			}
		}
		const networks = [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
		if (options.json) printJson(context, { networks });
		else if (networks.length === 0) printLine(context, 'No networks that you may use.');
		else
			await printTable(
				context,
				['NETWORK', 'VLAN', 'FOR'],
				networks.map(({ name, vlan, access }) => [visible(name), visible(vlan), accessText(context, access)]),
			);
		return 0;
	});

const accessText = (context: CliContext, access: readonly string[] | null): string =>
	access === null
		? painter(context)('yellow', 'everybody')
		: visible([...access].sort().join(', ')) || 'nobody';

/** `bimetal network show NETWORK` */
export const showNetwork = (context: CliContext, name: string, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const network = await client.network(name);
		if (options.json) {
			printJson(context, network);
			return 0;
		}
		const attached = Object.entries(network['connected-nodes']).flatMap(([node, nics]) =>
			nics.map(nic => `${node}/${nic}`),
		);
		printFields(context, [
			['network', painter(context)('bold', visible(network.name))],
			['vlan', visible(vlanOf(network.channels))],
			['owner', network.owner === 'admin' ? 'the administrators' : visible(network.owner)],
			['for', accessText(context, network.access)],
			['attached', attached.map(each => visible(each)).join('\n') || 'nothing that you may see'],
		]);
		return 0;
	});

export interface CreateNetworkOptions extends HilOptions {
	readonly project?: string;
	readonly public?: boolean;
	readonly for?: readonly string[];
	readonly vlan?: number;
}

/** `bimetal network create NETWORK` */
export const createNetwork = (
	context: CliContext,
	name: string,
	options: CreateNetworkOptions,
): Promise<number> =>
	withHil(context, options, async ({ client, suffix }) => {
		const { project, vlan } = options;
		const isAdmins = options.public || options.for !== undefined;
		if (isAdmins) {
			const [first = '', ...others] = options.for ?? [];
			const create = { do: 'create_network', network: name, owner: 'admin', access: first };
			await takeSteps(
				context,
				client,
				[
					{ ...create, net_id: vlan === undefined ? '' : String(vlan) },
					...others.map(other => ({ do: 'grant_access', network: name, project: other })),
				],
				{},
			);
		} else {
			if (vlan !== undefined)
				throw usageError(
					"the VLAN of a project's network is hil's to choose",
					'--public or --for PROJECT, as an administrator',
				);
			const owner = project ?? onlyOne((await client.me()).projects);
			await client.createNetwork(name, { owner, access: owner, vlan: null });
		}
		const network = await client.network(name);
		if (options.json) printJson(context, network);
		else
			printLine(
				context,
				`${painter(context)('green', visible(name))} is there, VLAN ${vlanOf(network.channels)}. Next: ${commandName(context)} node connect NODE NIC ${visible(name)}${suffix}`,
			);
		return 0;
	});

function onlyOne(projects: readonly string[]): string {
	const [only] = projects;
	if (only !== undefined && projects.length === 1) return only;
	throw usageError(
		'whose network is it?',
		projects.length > 0
			? `--project ${projects.join(' or --project ')}`
			: '--project PROJECT, or --public as an administrator',
	);
}

/** `bimetal network delete NETWORK` */
export const deleteNetwork = (context: CliContext, name: string, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		await client.deleteNetwork(name);
		return told(
			context,
			options,
			{ network: name, deleted: true },
			`${name} is deleted; its VLAN is free again.`,
		);
	});

/** `bimetal network grant NETWORK PROJECT` and `… revoke …` */
export const setAccess = (
	context: CliContext,
	[network, project]: readonly [string, string],
	isGranted: boolean,
	options: HilOptions,
): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		if (isGranted) await client.grant(network, project);
		else await client.revoke(network, project);
		const text = isGranted ? `${project} may use ${network}.` : `${project} may not use ${network} any more.`;
		return told(context, options, { network, project, access: isGranted }, text);
	});

function told(context: CliContext, { json }: HilOptions, value: object, text: string): number {
	if (json) printJson(context, value);
	else printLine(context, visible(text));
	return 0;
}
