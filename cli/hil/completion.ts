import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { profileHome } from '../profile.ts';
import { typedOptions } from '../typed-options.ts';
import { type HilConnection, withHil } from './hil-connection.ts';
import { hilProfiles } from './hil-profile.ts';

/** Milliseconds that a Tab may ask hil. */
const patience = 3000;

/** True for commands that talk to hil. */
export function isOfHil(command: Command): boolean {
	for (let at: Command | null = command; at; at = at.parent)
		if (
			['hil', 'node', 'network', 'project', 'switch'].includes(at.name()) &&
			at.parent?.name() === 'bimetal'
		)
			return true;
	return false;
}

/** Names for an argument or an option's value, by what it is called: `node`, `network`, `--project`. */
export async function hilCandidates(
	context: CliContext,
	kind: string,
	words: readonly string[],
): Promise<readonly string[]> {
	if (kind === 'profile') return hilProfiles.list(profileHome(context));
	const ask = asks[kind];
	if (!ask) return [];
	return withHil(context, typedOptions(words), ({ client }) => ask(client), AbortSignal.timeout(patience));
}

type Client = HilConnection['client'];

const projects = async (client: Client): Promise<readonly string[]> => {
	const me = await client.me();
	return me.is_admin ? client.administration.projects() : me.projects;
};

const asks: Readonly<Record<string, (client: Client) => Promise<readonly string[]>>> = {
	node: async client => (await client.searchNodes({ limit: 1000 })).nodes.map(({ name }) => name),
	project: projects,
	from: projects,
	to: projects,
	for: projects,
	network: async client => {
		const own = await Promise.all((await client.me()).projects.map(name => client.projectNetworks(name)));
		return [...new Set([...Object.keys(await client.networks()), ...own.flat()])].sort();
	},
	switch: client => client.administration.switches(),
	user: async client => Object.keys(await client.administration.users()).sort(),
};
