import { Argument, type Command } from 'commander';
import { readVersion } from '../../common/version.ts';
import { commandName } from '../context.ts';
import { addAttestCommands } from './attest-commands.ts';
import { addAuditCommands } from './audit-commands.ts';
import { addHilCommands } from './hil-commands.ts';
import { addMarketService } from './market-service-commands.ts';
import { withExamples, withJson } from './options.ts';
import { addPolicyCommands } from './policy-commands.ts';
import type { Registration } from './registration.ts';

export async function addServiceCommands(
	program: Command,
	registration: Registration,
	argv: readonly string[],
): Promise<void> {
	const { context, run } = registration;
	const bimetal = commandName(context);
	program.commandsGroup('Start:');

	// The rest of a site is loaded only for who asks for it: other commands' help stays quick.
	if (argv.includes('up')) (await import('../up.ts')).upCommand(program, registration);
	else
		program.command('up').description('Start a whole site on this machine: a rack, its PDU, the proxy, hil');

	const proxy = program
		.command('proxy')
		.description('Start the proxy alone')
		.requiredOption('-c, --config <file>', 'site file')
		.action(
			run(async (options: { config: string }) => {
				const service = await import('../../proxy/main.ts');
				await service.main(options);
				return 0;
			}),
		);
	withExamples(proxy, [`${bimetal} proxy -c site.yaml`]);

	addHilCommands(program, registration);

	const provisioner = program
		.command('provisioner')
		.description('Start the provisioner alone')
		.requiredOption('-c, --config <file>', 'site file')
		.action(
			run(async (options: { config: string }) => {
				const service = await import('../../provisioner/main.ts');
				await service.main(options);
				return 0;
			}),
		);
	withExamples(provisioner, [`${bimetal} provisioner -c provisioner.yaml`]);

	addMarketService(program, registration);

	addAttestCommands(program, registration);
}

/** What needs neither a proxy nor a log-in. */
export function addOfflineCommands(program: Command, registration: Registration): void {
	const { context, run } = registration;
	const bimetal = commandName(context);
	program.commandsGroup('Offline:');

	addPolicyCommands(program, registration);

	addAuditCommands(program, registration);

	const completion = program
		.command('completion')
		.description('Print the completion script of a shell')
		.addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']))
		.action(
			run(async (shell: 'bash' | 'zsh' | 'fish') => {
				const commands = await import('../commands/completion.ts');
				context.stdout.write(commands.completionScript(shell));
				return 0;
			}),
		);
	withExamples(completion, [
		`source <(${bimetal} completion bash)`,
		`${bimetal} completion zsh > ~/.zfunc/_bimetal`,
		`${bimetal} completion fish > ~/.config/fish/completions/bimetal.fish`,
	]);
	program
		.command('__complete', { hidden: true })
		.argument('[words...]')
		.action(
			run(async (words: string[]) => {
				const commands = await import('../commands/completion.ts');
				return commands.complete(context, program, words);
			}),
		);

	const version = program
		.command('version')
		.description("Print bimetal's version")
		.action(
			run(async ({ json }: { json?: boolean }) => {
				const bimetal = readVersion();
				const text = json ? JSON.stringify({ bimetal, node: process.versions.node }) : bimetal;
				context.stdout.write(`${text}\n`);
				return 0;
			}),
		);
	withExamples(withJson(version), [`${bimetal} version --json`]);
}
