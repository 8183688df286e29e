import type { FoundNodes, NodeView, PendingView } from '../../hil/client.ts';
import type { CliContext } from '../context.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { dateText, painter, printFields, printJson, printLine, printTable, short } from '../output.ts';
import { visible } from '../visible.ts';

export interface NodeListOptions extends HilOptions {
	readonly where?: string;
	readonly free?: boolean;
	readonly project?: string;
	readonly columns?: string;
}

type Found = FoundNodes['nodes'][number];

/** Nodes asked for at a time. */
const pageSize = 200;

/** `bimetal node list` */
export const listNodes = (context: CliContext, options: NodeListOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const { where, free, project } = options;
		const found: Found[] = [];
		for (let after: string | null | undefined; after !== null; ) {
			const query = {
				...(where && { where }),
				...(free && { free }),
				limit: pageSize,
				...(after && { after }),
			};
			const page = await client.searchNodes(query);
			found.push(...page.nodes.filter(node => project === undefined || node.project === project));
			after = page.next;
		}
		if (options.json) {
			printJson(context, { nodes: found });
			return 0;
		}
		if (found.length === 0) {
			printLine(
				context,
				where || free || project ? 'No such nodes that you may see.' : 'No nodes that you may see.',
			);
			return 0;
		}
		await printNodes(
			context,
			found,
			options.columns?.split(',').map(name => name.trim()),
		);
		return 0;
	});

async function printNodes(
	context: CliContext,
	found: readonly Found[],
	columns: readonly string[] | undefined,
): Promise<void> {
	const paint = painter(context);
	const project = (node: Found) => (node.project === null ? paint('green', 'free') : visible(node.project));
	if (columns) {
		await printTable(
			context,
			['NODE', 'PROJECT', ...columns.map(name => visible(name.toUpperCase()))],
			found.map(node => [
				visible(node.name),
				project(node),
				...columns.map(name => short(valueText(node.properties[name]), 40)),
			]),
		);
		return;
	}
	const longest = (texts: readonly string[]) => Math.max(...texts.map(text => text.length));
	const taken =
		longest(found.map(({ name }) => name)) + longest(found.map(node => node.project ?? 'PROJECT'));
	const room = Math.max(24, (context.stdout.columns ?? 100) - taken - 6);
	await printTable(
		context,
		['NODE', 'PROJECT', 'PROPERTIES'],
		found.map(node => [visible(node.name), project(node), short(propertiesText(node.properties), room)]),
	);
}

const propertiesText = (properties: Found['properties']): string =>
	Object.entries(properties)
		// What tells nodes apart comes first: numbers and yes or no.
		.sort(([, a], [, b]) => Number(typeof a === 'string') - Number(typeof b === 'string'))
		.map(([name, value]) => {
			if (value === true) return name;
			const text = valueText(value);
			return `${name}=${typeof value === 'string' && /\s/.test(text) ? `"${text}"` : text}`;
		})
		.join(' ');

const valueText = (value: unknown): string =>
	value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);

/** `bimetal node show NODE` */
export const showNode = (context: CliContext, name: string, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const node = await client.node(name);
		const metadata = Object.fromEntries(
			Object.entries(node.metadata).map(([label, text]) => [label, JSON.parse(text) as unknown]),
		);
		const project = node.project === null ? undefined : await client.project(node.project);
		const lease = project?.leases[name];
		const isManaged = project?.managed.includes(name) ?? false;
		const pending = project ? await client.pending(name) : [];
		if (options.json) {
			printJson(context, { ...node, metadata, managed: isManaged, lease: lease ?? null, pending });
			return 0;
		}
		const paint = painter(context);
		printFields(context, [
			['node', paint('bold', visible(node.name))],
			['project', node.project === null ? paint('green', 'free') : visible(node.project)],
			...(project
				? [['managed', isManaged ? 'yes' : 'no: its management is off, or it is leaving'] as const]
				: []),
			...(lease === undefined ? [] : [['released', `on ${dateText(lease)}`] as const]),
			...pending.map(each => ['pending', visible(pendingText(each))] as const),
			...Object.entries(metadata).map(
				([label, value]) => [visible(label), visible(valueText(value))] as const,
			),
		]);
		if (node.nics.length === 0) return 0;
		printLine(context);
		await printNics(context, node.nics);
		return 0;
	});

/** `modify_port eth0 inner, no answer within 10000 ms (3f2a…)`: by the id it is looked up. */
function pendingText({ id, type, nic, network, waits_for, error }: PendingView[number]): string {
	const what = [type, nic, network].filter(each => each !== null).join(' ');
	const waits = waits_for === null ? '' : `, waits for ${waits_for}`;
	return `${what}${waits}${error === null ? '' : `, ${error}`} (${id})`;
}

async function printNics(context: CliContext, nics: NodeView['nics']): Promise<void> {
	const isTold = nics.some(nic => nic.switch !== undefined);
	await printTable(
		context,
		['NIC', 'MAC ADDRESS', ...(isTold ? ['SWITCH', 'PORT'] : []), 'NETWORKS'],
		nics.map(({ label, macaddr, networks, switch: of, port }) => [
			visible(label),
			visible(macaddr),
			...(isTold ? [visible(of ?? '-'), visible(port ?? '-')] : []),
			visible(networksText(networks)),
		]),
	);
}

/** `inner, store (vlan/101)`: the native one is the one without a word. */
const networksText = (networks: Readonly<Record<string, string>>): string =>
	Object.entries(networks)
		.sort(([a], [b]) => Number(a !== 'vlan/native') - Number(b !== 'vlan/native'))
		.map(([channel, network]) => (channel === 'vlan/native' ? network : `${network} (${channel})`))
		.join(', ') || '-';
