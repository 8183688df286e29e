import type { Command } from 'commander';
import { commandName } from '../context.ts';
import { withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

/** Emulated hardware: whole boards and machines in QEMU. Each part's code is in commands/qemu-<part>.ts. */
export function addQemuCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	program.commandsGroup('Emulated hardware:');
	const qemu = program
		.command('qemu')
		.description('Boot emulated boards and servers in QEMU, to try everything without hardware')
		.helpCommand(false);

	const parts = qemu
		.command('parts')
		.summary('Say what of it can run on this machine')
		.description(
			'Looks for the programs that emulated hardware needs, tries whether KVM really runs a machine, and says what to ' +
				'install where something is missing.',
		)
		.action(
			run(async (options: { json?: boolean }) => {
				const commands = await import('../commands/qemu-parts.ts');
				return commands.showParts(context, options);
			}),
		);
	withExamples(withJson(parts), [`${bimetal} qemu parts`]);
}
