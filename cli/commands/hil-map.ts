import type { TopologyView } from '../../hil/client.ts';
import type { CliContext } from '../context.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { networksText } from '../hil/port-text.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';

/** `bimetal network map`: which NIC is on which network; in which port, for those who are told. */
export const showMap = (
	context: CliContext,
	options: HilOptions & { readonly project?: string },
): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const nodes: TopologyView['nodes'][number][] = [];
		for (let after: string | null | undefined; after !== null; ) {
			const { project } = options;
			const page = await client.topology({
				...(project && { project }),
				limit: 200,
				...(after && { after }),
			});
			nodes.push(...page.nodes);
			after = page.next;
		}
		if (options.json) {
			printJson(context, { nodes });
			return 0;
		}
		const rows = nodes.flatMap(({ name, project, nics }) => nics.map(nic => ({ name, project, ...nic })));
		if (rows.length === 0) {
			printLine(context, 'No nodes of yours have NICs.');
			return 0;
		}
		const isTold = rows.some(row => row.port !== undefined);
		await printTable(
			context,
			['NODE', 'NIC', 'PROJECT', ...(isTold ? ['SWITCH', 'PORT'] : []), 'NETWORKS (VLAN)'],
			rows.map(row => [
				visible(row.name),
				visible(row.label),
				visible(row.project ?? '-'),
				...(isTold ? [visible(row.switch ?? '-'), visible(row.port ?? '-')] : []),
				networksText(context, row),
			]),
		);
		return 0;
	});
