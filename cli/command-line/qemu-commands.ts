import type { Command } from 'commander';
import type { BootOptions, BuildOptions } from '../commands/qemu-firmware.ts';
import type { OpenbmcOptions } from '../commands/qemu-openbmc.ts';
import { commandName } from '../context.ts';
import { collect, portNumber, withExamples, withJson } from './options.ts';
import { addQemuRackCommands } from './qemu-rack-commands.ts';
import type { Registration } from './registration.ts';

/** Emulated hardware: whole boards and machines in QEMU. Each part's code is in commands/qemu-<part>.ts. */
export function addQemuCommands(program: Command, registration: Registration): void {
	const { context, run } = registration;
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

	addFirmwareCommands(qemu, registration);
	addQemuRackCommands(qemu, registration);
}

function addFirmwareCommands(qemu: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const commands = () => import('../commands/qemu-firmware.ts');
	const firmware = qemu
		.command('firmware')
		.description("Run the proxy on an emulated BMC (AST2600), in front of that board's own Redfish service")
		.helpCommand(false);

	const build = firmware
		.command('build')
		.summary("Make the board's firmware of Debian's packages and this version's code")
		.description(
			"Fetches Debian's packages for ARM (verified, kept below ~/.cache/bimetal), bundles the proxy and the Redfish " +
				'service for Node 20 and packs both. What was made of the very same before is taken. The firmware holds no secret.',
		)
		.option('--flash <file>', "write the board's whole flash (64 MiB) too, to boot with -drive if=mtd")
		.action(run(async (options: BuildOptions) => (await commands()).buildFirmware(context, options)));
	withExamples(withJson(build), [
		`${bimetal} qemu firmware build`,
		`${bimetal} qemu firmware build --flash board.static.mtd`,
	]);

	const boot = firmware
		.command('boot')
		.summary('Switch such a board on, and wait until its proxy answers')
		.description(
			"Builds the firmware where it is missing, makes the board's card at the first time (certificates, operators, " +
				'policies; it keeps the store and the audit log from one start to the next) and prints how to reach the proxy. ' +
				'Ctrl-C switches it off in order.',
		)
		.option('--state <folder>', "where the board's card and its site are kept", '.bimetal/board')
		.option('--port <n>', "port here for the proxy's own service; 0 takes a free one", portNumber, 8443)
		.option('--redfish-port <n>', 'port here for Redfish through the proxy; 0: a free one', portNumber, 8444)
		.option('--flash', 'begin in its flash, as a real board does, instead of in a kernel given by QEMU')
		.option('--console', "show the board's console as well")
		.action(run(async (options: BootOptions) => (await commands()).bootFirmware(context, options)));
	withExamples(withJson(boot), [
		`${bimetal} qemu firmware boot`,
		`${bimetal} qemu firmware boot --state /tmp/board --port 0 --redfish-port 0 --json`,
	]);

	const measure = firmware
		.command('measure')
		.summary('Measure the proxy on such a board')
		.description(
			'Boots a board that goes with the command, has it ask its own Redfish service with and without the proxy, on its own ' +
				'loopback so that no door is opened for it, and prints times, memory, requests a second and sizes.',
		)
		.action(run(async (options: { json?: boolean }) => (await commands()).measureFirmware(context, options)));
	withExamples(withJson(measure), [`${bimetal} qemu firmware measure --json`]);

	const layer = qemu
		.command('layer')
		.summary('Write the Yocto layer that puts the proxy on an OpenBMC image')
		.description(
			'Writes the layer meta-bimetal with the proxy, bundled for Node 20, into a new folder: for bitbake-layers add-layer. ' +
				'docs/deploying-on-openbmc.md tells what it does to an image.',
		)
		.requiredOption('--out <folder>', 'where to; it must not be there yet')
		.action(
			run(async (options: { out: string; json?: boolean }) => {
				const commands = await import('../commands/qemu-layer.ts');
				return commands.layer(context, options);
			}),
		);
	withExamples(withJson(layer), [`${bimetal} qemu layer --out meta-bimetal`]);
}
