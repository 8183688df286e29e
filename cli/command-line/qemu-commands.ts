import type { Command } from 'commander';
import type { OpenbmcOptions } from '../commands/qemu-openbmc.ts';
import { commandName } from '../context.ts';
import { collect, portNumber, withExamples, withJson } from './options.ts';
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

	const openbmc = qemu
		.command('openbmc')
		.summary('Boot an OpenBMC flash image on an Aspeed board, with the proxy in front of it')
		.description(
			'Boots a copy of an OpenBMC flash image (….static.mtd) on an Aspeed board, its Redfish on a port of this machine, ' +
				'and waits until that answers. With --proxy the board is enrolled at once: a random password, its certificate ' +
				'pinned, other doors shut. Ctrl-C ends it, and nothing is left.',
		)
		.requiredOption('--image <file>', 'the flash image; it is only read')
		.option('--machine <name>', "QEMU's name of the board (default: found out from the image)")
		.option('--sha256 <hex>', 'the image must have this SHA-256 (IMAGE.sha256 beside it counts as well)')
		.option(
			'--port <here:board>',
			'port here for one of the board, for instance 2222:22, 2623:623/udp; 2443 alone is Redfish (repeatable)',
			collect,
		)
		.option('--timeout <time>', 'how long Redfish may take to answer', '10m')
		.option('--console', "show the board's console as well")
		.option('--console-log <file>', 'where its console is written to (default: gone when it ends)')
		.option('--proxy', 'enrol the board and put the proxy in front of it')
		.option('--proxy-port <n>', "the proxy's main port; 0 takes a free one", portNumber, 8443)
		.option('--policies <folder>', 'authorization table and policies (default: those that are shipped)')
		.action(
			run(async (options: OpenbmcOptions) => {
				const commands = await import('../commands/qemu-openbmc.ts');
				return commands.openbmc(context, options);
			}),
		);
	withExamples(withJson(openbmc), [
		`${bimetal} qemu openbmc --image obmc-phosphor-image-romulus.static.mtd --proxy`,
		`${bimetal} qemu openbmc --image flash.mtd --machine ast2600-evb --port 2443 --port 2222:22 --console`,
	]);
}
