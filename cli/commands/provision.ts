import type { OperationView, ProvisionerClient, WantedNode } from '../../provisioner/client.ts';
import { readNamedFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { withHil } from '../hil/hil-connection.ts';
import { dateText, painter, printFields, printJson, printLine, printTable } from '../output.ts';
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

export interface BootOptions extends LifeOptions {
	readonly project?: string;
	readonly disk?: string;
	/** `NIC`; or `NIC:NETWORK`, several times. */
	readonly nic?: readonly string[];
	readonly network?: string;
	readonly hostname?: string;
	/** Files of public SSH keys. */
	readonly sshKey?: readonly string[];
	readonly userData?: string;
}

/** Bytes of user data that the provisioner takes. */
const mostUserData = 64 * 1024;

/** `bimetal provision NODE [IMAGE]` */
export const provision = (
	context: CliContext,
	node: string,
	image: string | undefined,
	options: BootOptions,
): Promise<number> =>
	withProvisioner(context, options, async connection => {
		const { client } = connection;
		const { disk, hostname } = options;
		if (image === undefined && disk === undefined)
			throw usageError('what is it to boot from?', `an image; or --disk DISK, a saved one`);
		const keys = (await Promise.all((options.sshKey ?? []).map(file => keysIn(context, file)))).flat();
		const userData = options.userData === undefined ? undefined : await userDataIn(context, options.userData);
		const project = options.project ?? (await projectOfNode(context, client, node, options));
		const wanted = { project, image, disk, ...nicsOf(options), hostname, keys, userData };
		const begun = await client.nodes.provision(node, wanted);
		return followed(context, connection, begun, options, () => bootsText(client, node));
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
			const had = discard ? `${visible(disks.join(', '))} is deleted` : savedText(disks);
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
			const own = disks.slice(1).map((name, index) => `${visible(name)} is LUN ${index + 2}`);
			const back = `${commandName(context)} rescue ${visible(node)} --end${suffix}`;
			return `${await bootsText(client, node)} Its own ${own.join(', ')}. Back: ${back}`;
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

/** Follows what was begun, and says what came of it: one JSON document, or a line and what each stage took. */
export async function followed(
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

const savedText = (disks: readonly string[]): string =>
	`${disks.length === 1 ? 'disk' : 'disks'} ${visible(disks.join(', '))} ${disks.length === 1 ? 'is' : 'are'} saved`;

/** Whose a node is: the caller's only project, or as hil says. */
async function projectOfNode(
	context: CliContext,
	client: ProvisionerClient,
	node: string,
	options: ProvisionerOptions,
): Promise<string> {
	const { projects } = await client.me();
	const [only] = projects;
	if (only !== undefined && projects.length === 1) return only;
	const { project } = await withHil(context, options, hil => hil.client.node(node), context.interruption());
	if (project !== null) return project;
	throw hinted(
		usageError(`${visible(node)} is no project's`, ''),
		`${commandName(context)} node take PROJECT ${visible(node)}`,
	);
}

/** One NIC, on a network that is named or not; or several, each with its network. */
function nicsOf({ nic: given = [], network }: BootOptions): Pick<WantedNode, 'nic' | 'network' | 'nics'> {
	const [only = '', ...more] = given;
	if (more.length === 0 && !only.includes(':')) return { ...(only !== '' && { nic: only }), network };
	if (network !== undefined) throw usageError('--network goes with one NIC', '--nic NIC:NETWORK for each');
	const nics = given.map(text => {
		const at = text.lastIndexOf(':');
		if (at > 0 && at < text.length - 1) return { nic: text.slice(0, at), network: text.slice(at + 1) };
		throw usageError(`on which network is ${visible(text)}?`, `--nic ${visible(text)}:NETWORK`);
	});
	return { nics };
}

/** A line of a file for each key, as in `authorized_keys` without options. */
async function keysIn(context: CliContext, file: string): Promise<string[]> {
	const lines = (await readNamedFile(context, file, 'public SSH key'))
		.split(/\r?\n/)
		.map(line => line.trim());
	const keys = lines.filter(line => line !== '' && !line.startsWith('#'));
	if (keys.some(key => key.includes('PRIVATE KEY')))
		throw usageError(`${file} is a private key: nobody should be given it`, `--ssh-key ${file}.pub`);
	if (keys.length === 0) throw usageError(`there is no key in ${file}`, '--ssh-key ~/.ssh/id_ed25519.pub');
	return keys;
}

async function userDataIn(context: CliContext, file: string): Promise<string> {
	const text = await readNamedFile(context, file, 'user data');
	if (Buffer.byteLength(text) <= mostUserData) return text;
	throw usageError(
		`${file} is larger than the ${mostUserData / 1024} KiB that the provisioner takes`,
		'a smaller file, that fetches the rest',
	);
}
