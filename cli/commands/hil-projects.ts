import type { ProjectView } from '../../hil/client.ts';
import type { CliContext } from '../context.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { dateText, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

const ofMost = (count: number, most: number | null): string =>
	most === null ? String(count) : `${count} of ${most}`;

/** `bimetal project list`: all for administrators, else the own ones. */
export const listProjects = (context: CliContext, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const me = await client.me();
		const names = me.is_admin ? await client.administration.projects() : me.projects;
		const projects: ProjectView[] = [];
		for (const name of names) projects.push(await client.project(name));
		if (options.json) printJson(context, { projects });
		else if (projects.length === 0) printLine(context, 'No projects that you are in.');
		else
			await printTable(
				context,
				['PROJECT', 'NODES', 'NETWORKS', 'NEXT TO LEAVE'],
				projects.map(({ name, nodes, networks, quota, leases }) => [
					visible(name),
					ofMost(nodes, quota.nodes),
					ofMost(networks, quota.networks),
					nextLease(leases),
				]),
			);
		return 0;
	});

function nextLease(leases: ProjectView['leases']): string {
	const [first] = Object.entries(leases).sort(([, a], [, b]) => Date.parse(a) - Date.parse(b));
	return first === undefined ? '-' : `${visible(first[0])} on ${visible(dateText(first[1]))}`;
}

/** `bimetal project show PROJECT` */
export const showProject = (context: CliContext, name: string, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const project = await client.project(name);
		const [nodes, networks] = [await client.projectNodes(name), await client.projectNetworks(name)];
		const me = await client.me();
		const users = me.is_admin
			? Object.entries(await client.administration.users()).flatMap(([user, { projects }]) =>
					projects.includes(name) ? [user] : [],
				)
			: undefined;
		if (options.json) {
			printJson(context, { ...project, nodes, networks, ...(users && { users }) });
			return 0;
		}
		const lease = (node: string) =>
			project.leases[node] === undefined ? '' : `  until ${dateText(project.leases[node])}`;
		printFields(context, [
			['project', painter(context)('bold', visible(name))],
			['nodes', ofMost(project.nodes, project.quota.nodes)],
			['own networks', ofMost(project.networks, project.quota.networks)],
			['its nodes', nodes.map(node => visible(`${node}${lease(node)}`)).join('\n') || 'none'],
			['may use', networks.map(each => visible(each)).join('\n') || 'what is public'],
			...(users ? [['users', users.map(each => visible(each)).join('\n') || 'nobody'] as const] : []),
		]);
		return 0;
	});

type Change = (client: Parameters<Parameters<typeof withHil>[2]>[0]['client']) => Promise<void>;

/** Makes a change and says so. */
export const tellHil = (
	context: CliContext,
	options: HilOptions,
	change: Change,
	document: object,
	text: string,
): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		await change(client);
		if (options.json) printJson(context, document);
		else printLine(context, visible(text));
		return 0;
	});
