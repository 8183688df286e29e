import type { ProvisionerClient, WantedNode } from '../../provisioner/client.ts';
import { readNamedFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { withHil } from '../hil/hil-connection.ts';
import { visible } from '../visible.ts';
import type { ProvisionerOptions } from './provisioner-connection.ts';

/** What a node is to boot from, and how. */
export interface BootOptions extends ProvisionerOptions {
	readonly project?: string;
	readonly disk?: string;
	readonly beside?: readonly string[];
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

/** Whose a node is: the caller's only project, or as hil says. */
export async function projectOfNode(
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
	throw usageError(
		`${visible(node)} is no project's`,
		`${commandName(context)} node take PROJECT ${visible(node)}`,
	);
}

/** One NIC, on a network that is named or not; or several, each with its network. */
export function nicsOf({
	nic: given = [],
	network,
}: BootOptions): Pick<WantedNode, 'nic' | 'network' | 'nics'> {
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
export async function keysIn(context: CliContext, file: string): Promise<string[]> {
	const lines = (await readNamedFile(context, file, 'public SSH key'))
		.split(/\r?\n/)
		.map(line => line.trim());
	const keys = lines.filter(line => line !== '' && !line.startsWith('#'));
	if (keys.some(key => key.includes('PRIVATE KEY')))
		throw usageError(`${file} is a private key: nobody should be given it`, `--ssh-key ${file}.pub`);
	if (keys.length === 0) throw usageError(`there is no key in ${file}`, '--ssh-key ~/.ssh/id_ed25519.pub');
	return keys;
}

export async function userDataIn(context: CliContext, file: string): Promise<string> {
	const text = await readNamedFile(context, file, 'user data');
	if (Buffer.byteLength(text) <= mostUserData) return text;
	throw usageError(
		`${file} is larger than the ${mostUserData / 1024} KiB that the provisioner takes`,
		'a smaller file, that fetches the rest',
	);
}
