import { type CliContext, commandName } from '../context.ts';
import { dateText, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { type ProvisionerOptions, withProvisioner } from '../provisioner/provisioner-connection.ts';
import { visible } from '../visible.ts';

/** `bimetal provisioned [NODE]` */
export const showProvisioned = (
	context: CliContext,
	node: string | undefined,
	options: ProvisionerOptions,
): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		if (node !== undefined) {
			const found = await client.nodes.show(node);
			if (options.json) printJson(context, found);
			else
				printFields(context, [
					['node', painter(context)('bold', visible(found.node))],
					['project', visible(found.project)],
					['disks', visible(found.disks.join('\n'), { multiline: true })],
					['state', found.isRescued ? painter(context)('yellow', 'being rescued') : 'boots from its disk'],
					[
						'network',
						visible(found.nics.map(({ nic, network }) => `${network}, by ${nic}`).join('\n'), {
							multiline: true,
						}),
					],
					['host name', visible(found.hostname)],
					['since', visible(dateText(found.since))],
					[
						'configured',
						found.configuredAt === null
							? 'it has not fetched its configuration'
							: visible(dateText(found.configuredAt)),
					],
				]);
			return 0;
		}
		const nodes = await client.nodes.list();
		if (options.json) printJson(context, { nodes });
		else if (nodes.length === 0)
			printLine(
				context,
				`No node of yours boots from a disk here. '${commandName(context)} provision NODE IMAGE' has one do so.`,
			);
		else
			await printTable(
				context,
				['NODE', 'PROJECT', 'DISK', 'HOST NAME', 'NETWORK', 'STATE'],
				nodes.map(each => [
					visible(each.node),
					visible(each.project),
					visible(each.disks[0] ?? '-'),
					visible(each.hostname),
					visible(each.network),
					each.isRescued ? painter(context)('yellow', 'being rescued') : 'boots from it',
				]),
			);
		return 0;
	});
