import type { Command } from 'commander';
import type { ConsoleOptions, DownOptions, RackOptions, UpOptions } from '../commands/qemu-rack.ts';
import { commandName } from '../context.ts';
import { withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

const stateHelp =
	'where disks, TPMs, settings and credentials are kept (default: ~/.local/share/bimetal/rack-NAME)';

/** A rack of virtual servers, in the background. */
export function addQemuRackCommands(qemu: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/qemu-rack.ts');
	const rack = qemu
		.command('rack')
		.description('Run a rack of virtual servers with their BMCs, a PDU and a switch')
		.helpCommand(false);
	const onWhich = (command: Command): Command =>
		withJson(command)
			.option('--rack <name>', 'which rack, when there are several')
			.option('--state <folder>', 'its state folder, when it was given to `up`');

	const up = rack
		.command('up')
		.summary('Start a rack from its file, in the background')
		.description(
			'Checks the file and starts the rack in the background: BMCs, PDU, switch, and then all servers, a few at a time. ' +
				'Waits until all have booted. Once more it finds the same rack, and switches on what is off.',
		)
		.argument('<file>', 'rack.yaml')
		.option('--state <folder>', stateHelp)
		.option('--off', 'leave the servers off')
		.action(run(async (file: string, options: UpOptions) => (await load()).rackUp(context, file, options)));
	withExamples(withJson(up), [
		`${bimetal} qemu rack up examples/rack/rack.yaml`,
		`${bimetal} qemu rack up rack.yaml --off --state /srv/rack1`,
	]);

	const status = rack
		.command('status')
		.summary('Show its servers: power, BMC, memory, watts')
		.description(
			'Shows the rack that is up: power, BMC, memory and watts of each server, and where everything is.',
		)
		.action(run(async (options: RackOptions) => (await load()).rackStatus(context, options)));
	withExamples(onWhich(status), [`${bimetal} qemu rack status --json`]);

	const console = rack
		.command('console')
		.summary("Type on a server's serial console")
		.description(
			"Shows the last lines of a server's serial console and types on it. Ctrl-] leaves it, and so does ~. at the start " +
				'of a line. Whoever else has it open sees the same.',
		)
		.argument('<node>', 'the server')
		.option('--rack <name>', 'which rack, when there are several')
		.option('--state <folder>', 'its state folder, when it was given to `up`')
		.action(
			run(async (node: string, options: ConsoleOptions) =>
				(await load()).rackConsole(context, node, options),
			),
		);
	withExamples(console, [`${bimetal} qemu rack console node1`]);

	const vlan = rack
		.command('vlan')
		.summary('Say which VLANs a port of the switch carries')
		.description(
			'Has a port of the switch carry these VLANs and no others, at once. Ports are named NODE.0, NODE.1, … as its NICs. ' +
				'The next start has again what the file says.',
		)
		.argument('<port>', 'the port')
		.argument('<vlans>', '10; 10,20t (20 with its tag); none, and nothing passes')
		.action(
			run(async (port: string, vlans: string, options: RackOptions) =>
				(await load()).rackVlan(context, port, vlans, options),
			),
		);
	withExamples(onWhich(vlan), [
		`${bimetal} qemu rack vlan node1.0 10`,
		`${bimetal} qemu rack vlan node1.0 10,20t`,
		`${bimetal} qemu rack vlan node1.0 none`,
	]);

	const down = rack
		.command('down')
		.summary('End it, or what is left of it')
		.description(
			'Asks the servers to shut down, cuts the power of those that do not, and ends everything; also what is left of a ' +
				'rack that was killed. Disks, TPMs, settings and credentials stay for the next start.',
		)
		.option('--timeout <time>', 'how long servers may take to shut down; 0s cuts the power at once', '20s')
		.option('--wipe', 'delete the state folder as well')
		.action(run(async (options: DownOptions) => (await load()).rackDown(context, options)));
	withExamples(onWhich(down), [`${bimetal} qemu rack down`, `${bimetal} qemu rack down --rack rack1 --wipe`]);
}
