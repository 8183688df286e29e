import { type Command, Option } from 'commander';
import type { EnrolOptions, ReleaseOptions } from '../commands/bmc.ts';
import type { RepairOptions } from '../commands/repair.ts';
import { commandName } from '../context.ts';
import { collect, withConnection, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

/** What is done to BMCs: at the console of the proxy's host, but for the repair, which goes through the proxy. */
export function addBmcCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/bmc.ts');
	program.commandsGroup("At the console of the proxy's host:");
	const bmc = program
		.command('bmc')
		.description('Take BMCs over, mend them, and give them back')
		.helpCommand(false);

	const enrol = bmc
		.command('enrol')
		.summary("Take a BMC over: only the site's proxy gets in from then on")
		.description(
			"Pins the BMC's certificate, gives its account a password that only the proxy knows, shuts SSH, IPMI, other " +
				'accounts, sessions and log-in methods, reads back that they are shut, and adds the BMC to the site file. ' +
				'Cut off anywhere, the same command goes on; run again, it shuts what was opened meanwhile.',
		)
		.argument('<name>', "the BMC's name in the site")
		.requiredOption('--url <url>', 'where it is, for instance https://10.0.0.11')
		.option('--username <name>', 'its account for the proxy', 'root')
		.option('--password-file <file>', "its first line is the account's present password (default: asked)")
		.option('--fingerprint <hex>', 'SHA-256 of its certificate (default: shown and asked)')
		.option('--site <file>', 'site file to add it to (default: the block is printed, state goes here)')
		.option('--rack <name>', 'its rack: its policies over shared quantities are decided one at a time')
		.option('--keep-account <name>', 'another account that stays as it is (repeatable)', collect)
		.addOption(
			new Option('--accounts <how>', 'what becomes of the others')
				.choices(['disable', 'delete'])
				.default('disable'),
		)
		.option('--dry-run', 'log in and say what would be shut, change nothing')
		.action(run(async (name: string, options: EnrolOptions) => (await load()).enrol(context, name, options)));
	withExamples(withJson(enrol), [
		`${bimetal} bmc enrol node9 --url https://10.0.0.19 --password-file as-delivered --site site.yaml --rack rack2`,
		`${bimetal} bmc enrol node9 --url https://10.0.0.19 --site site.yaml --dry-run`,
	]).addHelpText('after', '\nThe running proxy takes the BMC up when it is started again.');

	const repair = bmc
		.command('repair')
		.summary('Shut again what was opened at an enrolled BMC')
		.description(
			'Looks which ways into the BMC stand open beside the proxy, ends sessions that are not its own, and asks for ' +
				'every other change as a request of yours, which other parties may have to approve.',
		)
		.argument('<name>', "the BMC's name")
		.action(
			run(async (name: string, options: RepairOptions) => {
				const commands = await import('../commands/repair.ts');
				return commands.repair(context, name, options);
			}),
		);
	withExamples(withConnection(repair), [`${bimetal} bmcs`, `${bimetal} bmc repair node1 --as hso`]);

	const describe = bmc
		.command('describe')
		.summary('Print what BMCs say of their servers, for a rack file of hil')
		.description(
			'Reads through the proxy what each BMC says of its server (processors, memory, TPM, network interfaces), as far as ' +
				"you may see it, and prints it as the nodes of a rack file: add each NIC's switch and port, then 'hil register' it.",
		)
		.argument('[name...]', 'BMCs of the site (default: all)')
		.action(
			run(async (names: string[], options: RepairOptions) => {
				const commands = await import('../commands/bmc-describe.ts');
				return commands.describeBmcs(context, names, options);
			}),
		);
	withExamples(withConnection(describe), [
		`${bimetal} bmc describe --as hso > rack.yaml`,
		`${bimetal} bmc describe node9 --as hso --json`,
	]);

	const release = bmc
		.command('release')
		.summary('Give a BMC back, or undo an enrolment')
		.description(
			"Opens what enrolling shut, sets the account's password and takes the BMC out of the site file. Also undoes an " +
				'enrolment that did not end. Cut off anywhere, the same command goes on.',
		)
		.argument('<name>', "the BMC's name in the site")
		.requiredOption(
			'--password-file <file>',
			"its first line becomes the account's password; one is generated there when there is no such file",
		)
		.option('--site <file>', 'site file that it is in')
		.action(
			run(async (name: string, options: ReleaseOptions) => (await load()).release(context, name, options)),
		);
	withExamples(withJson(release), [
		`${bimetal} bmc release node9 --password-file node9.password --site site.yaml`,
	]);
}
