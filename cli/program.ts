import { type Argument, Command } from 'commander';
import { readVersion } from '../common/version.ts';
import { addAllocationCommands } from './command-line/allocation-commands.ts';
import { addBmcCommands } from './command-line/bmc-commands.ts';
import { addGovernanceCommands } from './command-line/governance-commands.ts';
import { addImageCommands } from './command-line/image-commands.ts';
import { addLifeCommands } from './command-line/life-commands.ts';
import { addMarketCommands } from './command-line/market-commands.ts';
import { addNodeCommands } from './command-line/node-commands.ts';
import { addQemuCommands } from './command-line/qemu-commands.ts';
import { addRecoveryCommands } from './command-line/recovery-commands.ts';
import { addRedfishCommands } from './command-line/redfish-commands.ts';
import type { Registration } from './command-line/registration.ts';
import { addRequestCommands } from './command-line/request-commands.ts';
import { addOfflineCommands, addServiceCommands } from './command-line/service-commands.ts';
import { addSessionCommands } from './command-line/session-commands.ts';
import { type CliContext, commandName } from './context.ts';
import { exitCodesHelp } from './exit-codes.ts';
import { painter } from './output.ts';

/** All commands with their options and help; what they do is imported when one of them runs. */
export async function createProgram(
	context: CliContext,
	argv: readonly string[],
	exitWith: (code: number) => void,
): Promise<Command> {
	const bimetal = commandName(context);
	const paint = painter(context);
	const program = new Command('bimetal')
		.description('Two-person control of bare metal: ask, approve, and look at who may do what.')
		.usage('COMMAND [options]')
		.version(readVersion(), '-V, --version', 'show the version')
		.exitOverride()
		.configureOutput({
			writeOut: text => context.stdout.write(text),
			writeErr: text => context.stderr.write(text),
			getOutHelpWidth: () => Math.min(context.stdout.columns ?? 100, 110),
			getErrHelpWidth: () => Math.min(context.stderr.columns ?? 100, 110),
			getOutHasColors: () => paint('bold', '') !== '',
			getErrHasColors: () => painter(context, 'stderr')('bold', '') !== '',
			outputError: (text, write) => write(usageText(text, `${bimetal} ${wanted(program, argv)}--help`)),
		})
		.configureHelp({
			styleTitle: title => paint('bold', title),
			sortSubcommands: false,
			subcommandTerm: command =>
				[
					command.name(),
					...command.registeredArguments.map(argument =>
						argument.required ? `<${nameOf(argument)}>` : `[${nameOf(argument)}]`,
					),
				].join(' '),
		})
		.showSuggestionAfterError()
		.helpCommand('help [command]', "Show a command's help, or 'help exit-codes'")
		.helpOption('-h, --help', 'show help')
		.addHelpText(
			'after',
			`
Start here:
  ${bimetal} up                                       a whole site on this machine, to try things
  ${bimetal} login https://HOST:8443 --user NAME      log in to a proxy
  ${bimetal} get Systems/system --bmc node1           read
  ${bimetal} requests --state waiting                 what waits for whom
  ${bimetal} node list --free                         servers that a project can take

Every command takes --help. '${bimetal} help exit-codes' tells what exit codes mean.`,
		);
	const registration: Registration = {
		context,
		run:
			work =>
			async (...args) =>
				exitWith(await work(...args)),
	};
	await addServiceCommands(program, registration, argv);
	addSessionCommands(program, registration);
	addRedfishCommands(program, registration);
	addRequestCommands(program, registration);
	program.commandsGroup('Servers and their networks (hil):');
	addNodeCommands(program, registration);
	addAllocationCommands(program, registration);
	program.commandsGroup('Images, disks, and nodes that boot from them (provisioner):');
	addLifeCommands(program, registration);
	addImageCommands(program, registration);
	program.commandsGroup('Offers, bids and leases (market):');
	addMarketCommands(program, registration);
	addOfflineCommands(program, registration);
	addGovernanceCommands(program, registration);
	addBmcCommands(program, registration);
	addRecoveryCommands(program, registration);
	addQemuCommands(program, registration);
	program
		.command('exit-codes', { hidden: true })
		.description('what the exit codes mean')
		.action(() => void context.stdout.write(exitCodesHelp()));
	if (argv[0] === 'help' && argv[1] === 'exit-codes') {
		program.helpCommand(false);
		program
			.command('help', { hidden: true })
			.argument('<topic>')
			.action(() => void context.stdout.write(exitCodesHelp()));
	}
	return program;
}

const nameOf = (argument: Argument): string => `${argument.name()}${argument.variadic ? '...' : ''}`;

/** The words of the command line that name a command, the help of which tells what was wrong: `audit verify `. */
function wanted(program: Command, argv: readonly string[]): string {
	const [first, ...rest] = argv;
	const found = program.commands.find(command => command.name() === first);
	return found ? `${found.name()} ${wanted(found, rest)}` : '';
}

/** Commander's `error: …` in our form; a suggestion of its own becomes what to try. */
function usageText(text: string, help: string): string {
	const suggestion = /\(Did you mean (?:one of )?(.*)\?\)/s.exec(text)?.[1];
	const message = text
		.replace(/^error: /, '')
		.replace(/\n?\(Did you mean.*/s, '')
		.trim();
	return `bimetal: ${message}\n  try: ${suggestion ?? help}\n`;
}
