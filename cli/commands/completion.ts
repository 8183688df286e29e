import type { Command, Option } from 'commander';
import { attestCandidates, isOfAttest } from '../attest/completion.ts';
import { withConnection } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { hilCandidates, isOfHil } from '../hil/completion.ts';
import { isOfMarket, marketCandidates } from '../market/completion.ts';
import { listProfiles, profileHome } from '../profile.ts';
import { isOfProvisioner, provisionerCandidates } from '../provisioner/completion.ts';
import { typedOptions } from '../typed-options.ts';
import { visible } from '../visible.ts';

/** Milliseconds that a Tab may ask the proxy. */
const PATIENCE = 3000;

/** Options whose values are names of the site; the shell itself completes files. */
const valueKinds: Readonly<Record<string, 'bmc' | 'profile' | 'console'>> = {
	'--bmc': 'bmc',
	'--watch': 'console',
	'--end': 'console',
	'--as': 'profile',
	'--profile': 'profile',
};
const requestCommands = new Set(['request', 'approve', 'deny', 'withdraw']);

/**
 * Candidates for the last of `words` (which may be empty), one a line; the words before it are what the user has
 * typed after `bimetal`. Whatever goes wrong means no candidates: a Tab is no place for errors.
 */
export async function complete(
	context: CliContext,
	program: Command,
	words: readonly string[],
): Promise<number> {
	const current = words.at(-1) ?? '';
	const candidates = await candidatesFor(context, program, words.slice(0, -1), current).catch(() => []);
	const fitting = candidates.filter(
		candidate => candidate.startsWith(current) && candidate === visible(candidate),
	);
	if (fitting.length) context.stdout.write(`${fitting.join('\n')}\n`);
	return 0;
}

async function candidatesFor(
	context: CliContext,
	program: Command,
	before: readonly string[],
	current: string,
): Promise<readonly string[]> {
	const { command, positionals } = position(program, before);
	const taking = command.options.find(option => takes(option, before.at(-1) ?? ''));
	if (taking) {
		if (taking.argChoices) return taking.argChoices;
		const kind = valueKinds[before.at(-1) ?? ''];
		if (isOfProvisioner(command))
			return provisionerCandidates(context, kind ?? taking.name(), before, command);
		if (isOfMarket(command)) return marketCandidates(context, kind ?? taking.name(), before, command);
		if (isOfHil(command)) return hilCandidates(context, kind ?? taking.name(), before);
		if (isOfAttest(command)) return attestCandidates(context, kind ?? taking.name(), before);
		if (kind === 'profile') return listProfiles(profileHome(context));
		if (kind === 'console') {
			return fromProxy(context, before, async client =>
				(await client.consoles.list('open')).map(({ id }) => id),
			);
		}
		return kind === 'bmc'
			? fromProxy(context, before, async client => (await client.bmcs()).map(bmc => bmc.name))
			: [];
	}
	if (current.startsWith('-')) {
		const flags = command.options
			.filter(option => !option.hidden)
			.flatMap(option => [option.short, option.long]);
		return [...flags.filter(flag => flag?.startsWith('--')), '--help'] as string[];
	}
	if (positionals === 0 && command.commands.length) return subcommands(command);
	if (isOfHil(command) || isOfProvisioner(command) || isOfMarket(command) || isOfAttest(command)) {
		const { registeredArguments: all } = command;
		const last = all.at(-1);
		const argument = all[positionals] ?? (last?.variadic ? last : undefined);
		if (argument?.argChoices) return argument.argChoices;
		const kind = argument?.name() ?? '';
		if (isOfProvisioner(command)) return provisionerCandidates(context, kind, before, command);
		if (isOfMarket(command)) return marketCandidates(context, kind, before, command);
		if (isOfAttest(command)) return attestCandidates(context, kind, before);
		return hilCandidates(context, kind, before);
	}
	if (command.name() === 'help') return [...subcommands(program), 'exit-codes'];
	if (command.name() === 'explain' && positionals === 0) return ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'];
	if (command.name() === 'completion') return ['bash', 'zsh', 'fish'];
	if (command.parent?.name() === 'rack') {
		const racks = await import('../../qemu/rack/rack-nodes.ts');
		return command.name() === 'console' && positionals === 0 ? racks.nodesOfRacks(context.env) : [];
	}
	if (
		(['repair', 'console'].includes(command.name()) && positionals === 0) ||
		command.name() === 'describe'
	) {
		return fromProxy(context, before, async client => (await client.bmcs()).map(bmc => bmc.name));
	}
	if (command.parent?.name() === 'policy' && positionals === 0) {
		return fromProxy(context, before, client => policyCandidates(command.name(), client));
	}
	if (requestCommands.has(command.name()) && positionals === 0) {
		return fromProxy(context, before, async client =>
			(await client.requests({ state: 'waiting' })).requests.map(request => request.id),
		);
	}
	return [];
}

/** Ids of waiting changes, or of versions; nothing where the argument is a file. */
async function policyCandidates(command: string, { governance }: Client): Promise<string[]> {
	if (['change', 'approve', 'deny', 'withdraw'].includes(command))
		return (await governance.changes('waiting')).map(({ id }) => id);
	if (!['show', 'rollback'].includes(command)) return [];
	const ids = (await governance.versions()).map(({ id }) => id.slice(0, 12));
	return [...new Set(ids), ...(command === 'show' ? ['in-force'] : [])];
}

function subcommands(command: Command): string[] {
	const visibleCommands = command.createHelp().visibleCommands(command);
	return visibleCommands.map(sub => sub.name());
}

/** The command that `words` have led to, and how many of its arguments they give. */
function position(program: Command, words: readonly string[]): { command: Command; positionals: number } {
	let command = program;
	let positionals = 0;
	for (let at = 0; at < words.length; at++) {
		const word = words[at] ?? '';
		if (word.startsWith('-')) {
			if (command.options.some(option => takes(option, word))) at++;
			continue;
		}
		// Hidden ones too: who has typed one knows it.
		const shown = command.createHelp().visibleCommands(command);
		const next = [...shown, ...command.commands].find(sub => sub.name() === word);
		if (next && positionals === 0) command = next;
		else positionals++;
	}
	return { command, positionals };
}

/** True when `word` is an option whose value comes next. `--as, --profile` has two long names. */
function takes(option: Option, word: string): boolean {
	return option.required && (option.short === word || option.long === word);
}

type Client = Parameters<Parameters<typeof withConnection>[2]>[0]['client'];

function fromProxy(
	context: CliContext,
	words: readonly string[],
	ask: (client: Client) => Promise<string[]>,
): Promise<string[]> {
	const signal = AbortSignal.timeout(PATIENCE);
	return withConnection(context, typedOptions(words), ({ client }) => ask(client), signal);
}

const scripts = {
	bash: `# bimetal completion for bash: source it, or save it as /etc/bash_completion.d/bimetal
_bimetal() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done < <(bimetal __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _bimetal bimetal
`,
	zsh: `#compdef bimetal
# bimetal completion for zsh: save it as _bimetal in a folder of $fpath, or source it after compinit
_bimetal() {
	local -a candidates
	candidates=("\${(@f)$(bimetal __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "\${candidates[*]}" ]]; then
		compadd -- "\${candidates[@]}"
	else
		_files
	fi
}
compdef _bimetal bimetal
`,
	fish: `# bimetal completion for fish: save it as ~/.config/fish/completions/bimetal.fish
function __bimetal_complete
	set -l words (commandline -opc) (commandline -ct)
	bimetal __complete -- $words[2..-1] 2>/dev/null
end
complete -c bimetal -a '(__bimetal_complete)'
`,
} as const;

export type Shell = keyof typeof scripts;
export const shells = Object.keys(scripts) as Shell[];

export function completionScript(shell: Shell): string {
	return scripts[shell];
}
