import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { hilProfiles } from '../hil/hil-profile.ts';
import { profileHome } from '../profile.ts';
import { typedOptions } from '../typed-options.ts';
import { type ProvisionerConnection, withProvisioner } from './provisioner-connection.ts';

/** Milliseconds that a Tab may ask the provisioner. */
const patience = 3000;

/** True for commands that talk to the provisioner. */
export const isOfProvisioner = (command: Command): boolean =>
	['image', 'disk', 'operation', 'usage'].some(
		name => command.name() === name || command.parent?.name() === name,
	);

/** Names for an argument or an option's value, by what it is called: `image`, `disk`, `--project`. */
export async function provisionerCandidates(
	context: CliContext,
	kind: string,
	words: readonly string[],
): Promise<readonly string[]> {
	if (kind === 'profile') return hilProfiles.list(profileHome(context));
	const ask = asks[kind];
	if (!ask) return [];
	const signal = AbortSignal.timeout(patience);
	return withProvisioner(context, typedOptions(words), ({ client }) => ask(client), signal);
}

type Client = ProvisionerConnection['client'];
const projects = async (client: Client): Promise<readonly string[]> => (await client.me()).projects;

const asks: Readonly<Record<string, (client: Client) => Promise<readonly string[]>>> = {
	image: async client => (await client.images()).map(({ reference }) => reference),
	disk: async client => (await client.disks()).map(({ project, name }) => `${project}/${name}`),
	operation: async client => (await client.operations()).map(({ id }) => id),
	project: projects,
	with: projects,
};
