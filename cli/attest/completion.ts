import type { Command } from 'commander';
import { createVerifierClient, type VerifierClient } from '../../attest/client.ts';
import type { CliContext } from '../context.ts';
import { hilCandidates } from '../hil/completion.ts';
import { typedOptions } from '../typed-options.ts';
import { attestAccount } from './attest-connection.ts';

/** Milliseconds that a Tab may ask the verifier. */
const patience = 3000;

/** True for commands that talk to the registrar or the verifier. */
export function isOfAttest(command: Command): boolean {
	for (let at: Command | null = command; at; at = at.parent)
		if (at.name() === 'attest' && at.parent?.name() === 'bimetal') return true;
	return false;
}

/** Names for an argument or an option's value, by what it is called; nodes, projects and profiles are hil's. */
export async function attestCandidates(
	context: CliContext,
	kind: string,
	words: readonly string[],
): Promise<readonly string[]> {
	const ask = asks[kind];
	if (!ask) return ['node', 'project', 'profile'].includes(kind) ? hilCandidates(context, kind, words) : [];
	const account = await attestAccount(context, typedOptions(words));
	const client = createVerifierClient({ ...account, signal: AbortSignal.timeout(patience) });
	try {
		return await ask(client);
	} finally {
		await client.close();
	}
}

const asks: Readonly<Record<string, (client: VerifierClient) => Promise<readonly string[]>>> = {
	passage: async client => (await client.passages()).map(({ id }) => id),
	admission: async client => (await client.admissions()).map(({ id }) => id),
	policy: async client => {
		const own = await Promise.all((await client.projects()).map(project => client.policies(project)));
		return [...new Set(own.flat().map(({ name }) => name))];
	},
};
