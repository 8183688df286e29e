import type { Command } from 'commander';
import { lifeVerbs } from '../command-line/life-commands.ts';
import type { CliContext } from '../context.ts';
import { hilCandidates } from '../hil/completion.ts';
import { hilProfiles } from '../hil/hil-profile.ts';
import { profileHome } from '../profile.ts';
import { typedOptions } from '../typed-options.ts';
import { type ProvisionerConnection, withProvisioner } from './provisioner-connection.ts';

/** Milliseconds that a Tab may ask the provisioner. */
const patience = 3000;

/** True for commands that talk to the provisioner. */
export const isOfProvisioner = (command: Command): boolean =>
	lifeVerbs.includes(command.name()) ||
	// Another one is hil's.
	(command.name() === 'move' && command.parent?.name() === 'bimetal') ||
	['image', 'disk', 'operation', 'usage'].some(
		name => command.name() === name || command.parent?.name() === name,
	);

/** What is looked for among nodes and networks of hil's, not among those that boot from here. */
const isOfHilAlone = (kind: string, command: string): boolean =>
	kind === 'network' || (kind === 'node' && ['provision', 'resume'].includes(command));

/** Names for an argument or an option's value of a command, by what it is called: `image`, `disk`, `--project`. */
export async function provisionerCandidates(
	context: CliContext,
	kind: string,
	words: readonly string[],
	command: Command,
): Promise<readonly string[]> {
	if (kind === 'profile') return hilProfiles.list(profileHome(context));
	if (isOfHilAlone(kind, command.name())) return hilCandidates(context, kind, words);
	const ask = asks[kind];
	if (!ask) return [];
	const signal = AbortSignal.timeout(patience);
	return withProvisioner(context, typedOptions(words), ({ client }) => ask(client), signal);
}

type Client = ProvisionerConnection['client'];
const projects = async (client: Client): Promise<readonly string[]> => (await client.me()).projects;

const asks: Readonly<Record<string, (client: Client) => Promise<readonly string[]>>> = {
	image: async client => (await client.images()).map(({ reference }) => reference),
	node: async client => (await client.nodes.list()).map(({ node }) => node),
	disk: async client => (await client.disks()).map(({ project, name }) => `${project}/${name}`),
	operation: async client => (await client.operations()).map(({ id }) => id),
	project: projects,
	with: projects,
};
