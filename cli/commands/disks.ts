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
		const disks = await client.disks(options.project);
		if (options.json) printJson(context, { disks });
		else if (disks.length === 0)
			printLine(context, `No disks. '${commandName(context)} disk create DISK IMAGE' makes one.`);
		else
			await printTable(
				context,
				['DISK', 'SIZE', 'MADE OF', 'NODE', 'STATE'],
				disks.map(({ project, name, size, image, node, state }) => [
					visible(`${project}/${name}`),
					bytesText(size),
					visible(image),
					visible(node ?? '-'),
					state === 'ready' ? state : painter(context)('yellow', state),
				]),
			);
		return 0;
	});

/** `bimetal disk show DISK` */
export const showDisk = (context: CliContext, name: string, options: ProvisionerOptions): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const disk = await client.disk(name);
		if (options.json) printJson(context, disk);
		else
			printFields(context, [
				['disk', painter(context)('bold', visible(`${disk.project}/${disk.name}`))],
				['id', visible(disk.id)],
				['size', `${bytesText(disk.size)} (${disk.size} bytes)`],
				['made of', visible(disk.image)],
				['node', visible(disk.node ?? 'none: saved')],
				['state', disk.state],
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

/** `bimetal usage` */
export const showUsage = (context: CliContext, options: ProvisionerOptions): Promise<number> =>
	withProvisioner(context, options, async ({ client }) => {
		const usage = await client.usage();
		if (options.json) {
			printJson(context, usage);
			return 0;
		}
		const { images, disks, strays, free } = usage;
		const rows = [
			...images.map(each => ['image', each.reference, each.size, each.own, `${each.disks} disks`] as const),
			...disks.map(each => ['disk', each.name, each.size, each.own, `on ${each.image}`] as const),
			...strays.map(each => ['stray', each.id, 0, each.own, 'no record knows it'] as const),
		];
		if (rows.length === 0) printLine(context, 'Nothing is stored.');
		else
			await printTable(
				context,
				['', 'NAME', 'SIZE', 'TAKES', 'SHARED'],
				rows.map(([kind, name, size, own, shared]) => [
					kind,
					visible(name),
					bytesText(size),
					bytesText(own),
					visible(shared),
				]),
			);
		const taken = rows.reduce((sum, [, , , own]) => sum + own, 0);
		printLine(context, `\n${bytesText(taken)} taken${free === null ? '' : `, ${bytesText(free)} free`}.`);
		return 0;
	});
