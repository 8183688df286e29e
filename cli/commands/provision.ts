import type { OperationView, ProvisionerClient } from '../../provisioner/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { type BootOptions, keysIn, nicsOf, projectOfNode, userDataIn } from '../provisioner/boot-options.ts';
import { operationEnd } from '../provisioner/operation-end.ts';
import {
	type ProvisionerConnection,
	type ProvisionerOptions,
	withProvisioner,
} from '../provisioner/provisioner-connection.ts';
import { printStages } from '../provisioner/stage-table.ts';
import { visible } from '../visible.ts';

export interface LifeOptions extends ProvisionerOptions {
	/** False: told when it is begun. */
	readonly wait?: boolean;
}

/** `bimetal provision NODE [IMAGE]` */
export const provision = (
	context: CliContext,
	node: string,
	image: string | undefined,
	options: LifeOptions & BootOptions,
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const { disk, beside, hostname } = options;
		if (image === undefined && disk === undefined)
			throw usageError('what is it to boot from?', `an image; or --disk DISK, a saved one`);
		const keys = (await Promise.all((options.sshKey ?? []).map(file => keysIn(context, file)))).flat();
		const userData = options.userData === undefined ? undefined : await userDataIn(context, options.userData);
		const project = options.project ?? (await projectOfNode(context, client, node, options));
		const wanted = { project, image, disk, beside, ...nicsOf(options), hostname, keys, userData };
		const begun = await client.nodes.provision(node, wanted);
		return followed(context, connection, begun, options, async () => {
			const { disks } = await client.nodes.show(node);
			return `${await bootsText(client, node)}${disks.length > 1 ? ` Beside it, ${besideText(disks)}.` : ''}`;
		});
	});

/** `bimetal deprovision NODE` */
export const deprovision = (context: CliContext, node: string, options: LifeOptions): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { disks } = await connection.client.nodes.show(node);
		const begun = await connection.client.nodes.deprovision(node);
		return followed(
			context,
			connection,
			begun,
			options,
			async () => `${visible(node)} is off; ${savedText(disks)}.`,
		);
	});

/** `bimetal reprovision NODE IMAGE` */
export const reprovision = (
	context: CliContext,
	node: string,
	image: string,
	options: LifeOptions & { readonly disk?: string; readonly discard?: boolean },
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const { disk, discard } = options;
		const { disks } = await client.nodes.show(node);
		const begun = await client.nodes.reprovision(node, { image, disk, discard });
		return followed(context, connection, begun, options, async () => {
			const had = discard ? `${visible(disks[0] ?? '')} is deleted` : savedText(disks.slice(0, 1));
			return `${await bootsText(client, node)} ${had[0]?.toUpperCase()}${had.slice(1)}.`;
		});
	});

/** `bimetal rescue NODE [IMAGE]`; with `end` the way back. */
export const rescue = (
	context: CliContext,
	node: string,
	image: string | undefined,
	options: LifeOptions & { readonly end?: boolean },
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client, suffix } = connection;
		if (options.end) {
			if (image !== undefined)
				throw usageError('--end goes back to its own disk: it takes no image', '--end');
			const begun = await client.nodes.endRescue(node);
			return followed(context, connection, begun, options, () => bootsText(client, node));
		}
		const begun = await client.nodes.rescue(node, image ?? 'rescue');
		return followed(context, connection, begun, options, async () => {
			const { disks } = await client.nodes.show(node);
			const back = `${commandName(context)} rescue ${visible(node)} --end${suffix}`;
			return `${await bootsText(client, node)} Its own ${besideText(disks)}. Back: ${back}`;
		});
	});

/** `bimetal suspend NODE` */
export const suspend = (context: CliContext, node: string, options: LifeOptions): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client, suffix } = connection;
		const { disks } = await client.nodes.show(node);
		const begun = await client.nodes.suspend(node);
		return followed(context, connection, begun, options, async () => {
			const next = `${commandName(context)} resume ${visible(disks[0] ?? 'DISK')}${suffix}`;
			return `${visible(node)} is free; ${savedText(disks)}. Back: ${next}`;
		});
	});

/** `bimetal resume DISK` */
export const resume = (
	context: CliContext,
	disk: string,
	options: LifeOptions & {
		readonly node?: string;
		readonly where?: string;
		readonly network?: string;
	},
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const { where, network, node } = options;
		const begun = await client.nodes.resume(disk, { where, network, node });
		return followed(context, connection, begun, options, async ended =>
			bootsText(client, (await client.disk(ended.disk ?? disk)).node ?? ''),
		);
	});

/** `bimetal move NODE PROJECT` */
export const move = (
	context: CliContext,
	node: string,
	project: string,
	options: LifeOptions & { readonly disk?: string; readonly network?: string },
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const { disk, network } = options;
		const begun = await client.nodes.move(node, { project, disk, network });
		return followed(context, connection, begun, options, async () => {
			const text = await bootsText(client, node);
			return `${visible(node)} is ${visible(project)}'s, and its disk. ${text}`;
		});
	});

/** Follows what was begun, and says what came of it: one JSON document, or a line and what each stage took. */
async function followed(
	context: CliContext,
	connection: ProvisionerConnection,
	begun: OperationView,
	{ wait = true, json }: LifeOptions,
	result: (ended: OperationView) => Promise<string>,
): Promise<number> {
	const { suffix } = connection;
	const bimetal = commandName(context);
	if (!wait) {
		if (json) printJson(context, begun);
		else printLine(context, `It is begun. How it gets on: ${bimetal} operation follow ${begun.id}${suffix}`);
		return 0;
	}
	const ended = await operationEnd(context, connection, begun);
	if (json) {
		printJson(context, ended);
		return 0;
	}
	printLine(context, await result(ended));
	printLine(context);
	await printStages(context, ended);
	return 0;
}

async function bootsText(client: ProvisionerClient, node: string): Promise<string> {
	const { disks, hostname } = await client.nodes.show(node);
	const { image, project, name } = await client.disk(disks[0] ?? '');
	const as = hostname === node ? '' : ` as ${visible(hostname)}`;
	return `${visible(node)} boots from ${visible(`${project}/${name}`)}${as}, a clone of ${visible(image)}.`;
}

/** The disks that a node does not boot from, as its system finds them. */
const besideText = (disks: readonly string[]): string =>
	disks
		.slice(1)
		.map((name, index) => `${visible(name)} is LUN ${index + 2}`)
		.join(', ');

const savedText = (disks: readonly string[]): string =>
	`${disks.length === 1 ? 'disk' : 'disks'} ${visible(disks.join(', '))} ${disks.length === 1 ? 'is' : 'are'} saved`;
