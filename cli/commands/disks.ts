import type { DiskView } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { dateText, painter, printFields, printJson, printLine, printTable } from '../output.ts';
import { operationEnd } from '../provisioner/operation-end.ts';
import { bytesText } from '../provisioner/progress-bar.ts';
import {
	type ProvisionerOptions,
	projectOf,
	withProvisioner,
} from '../provisioner/provisioner-connection.ts';
import { visible } from '../visible.ts';
import { reportImage } from './image-import.ts';

type ProjectOptions = ProvisionerOptions & { readonly project?: string };

/** `bimetal disk list` */
export const listDisks = (context: CliContext, options: ProjectOptions): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const [found, usage] = await Promise.all([client.disks(options.project), client.usage()]);
		const takes = new Map(usage.disks.map(({ id, own }) => [id, own]));
		const disks = found.map(disk => ({ ...disk, takes: takes.get(disk.id) ?? 0 }));
		if (options.json) printJson(context, { disks });
		else if (disks.length === 0)
			printLine(context, `No disks. '${commandName(context)} disk create DISK IMAGE' makes one.`);
		else
			await printTable(
				context,
				['DISK', '  SIZE', ' TAKES', 'MADE OF', 'NODE', 'STATE'],
				disks.map(({ project, name, size, takes: own, image, node, state, resumesOn }) => [
					visible(`${project}/${name}`),
					bytesText(size).padStart(6),
					bytesText(own).padStart(6),
					visible(image),
					visible(node ?? '-'),
					stateText(context, { state, node, resumesOn }),
				]),
			);
		return 0;
	});

function stateText(
	context: CliContext,
	{ state, node, resumesOn }: Pick<DiskView, 'state' | 'node' | 'resumesOn'>,
): string {
	if (state !== 'ready') return painter(context)('yellow', state);
	if (node !== null) return 'in use';
	return resumesOn === null ? 'saved' : 'suspended';
}

/** `bimetal disk show DISK` */
export const showDisk = (context: CliContext, name: string, options: ProvisionerOptions): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const [disk, usage] = await Promise.all([client.disk(name), client.usage()]);
		const takes = usage.disks.find(({ id }) => id === disk.id)?.own ?? 0;
		const shares = usage.images.find(({ reference }) => reference === disk.image);
		const others = (shares?.disks ?? 1) - 1;
		if (options.json) printJson(context, { ...disk, takes });
		else
			printFields(context, [
				['disk', painter(context)('bold', visible(`${disk.project}/${disk.name}`))],
				['id', visible(disk.id)],
				['size', `${bytesText(disk.size)} (${disk.size} bytes)`],
				['takes', `${bytesText(takes)} of its own, beside its image`],
				['made of', visible(disk.image)],
				...(shares
					? [['shares', `${bytesText(shares.own)}${others > 0 ? `, with ${others} more` : ''}`] as const]
					: []),
				['node', visible(disk.node ?? 'none')],
				['state', stateText(context, disk)],
				...(disk.resumesOn === null ? [] : [['resumes on', visible(disk.resumesOn) || 'any node'] as const]),
				['made', visible(dateText(disk.madeAt))],
			]);
		return 0;
	});

/** `bimetal disk create DISK IMAGE` */
export const createDisk = (
	context: CliContext,
	[name, image]: readonly [string, string],
	options: ProjectOptions,
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const project = await projectOf(client, options.project);
		const { disk } = await operationEnd(
			context,
			connection,
			await client.createDisk({ project, name, image }),
		);
		const made = await client.disk(disk ?? '');
		if (options.json) printJson(context, made);
		else printLine(context, `${visible(`${project}/${name}`)} is there: a clone of ${visible(made.image)}.`);
		return 0;
	});

/** `bimetal disk delete DISK` */
export const deleteDisk = (context: CliContext, name: string, options: ProvisionerOptions): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const ended = await operationEnd(context, connection, await client.deleteDisk(name));
		if (options.json) printJson(context, ended);
		else printLine(context, `Disk ${visible(name)} is deleted.`);
		return 0;
	});

/** `bimetal disk snapshot DISK IMAGE` */
export const snapshotDisk = (
	context: CliContext,
	[disk, name]: readonly [string, string],
	options: ProvisionerOptions & { readonly description?: string },
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const { description } = options;
		const begun = await client.snapshot(disk, { name, ...(description !== undefined && { description }) });
		return reportImage(context, connection, options, begun);
	});
