import { type Command, Option } from 'commander';
import type { ConsoleOptions } from '../commands/console.ts';
import type { OperatorHashOptions } from '../commands/operator-hash.ts';
import type { ApproveOptions, RequestsOptions } from '../commands/requests.ts';
import type { OperatorKeygenOptions, SigningOptions } from '../commands/signing.ts';
import type { ConnectionOptions } from '../connection.ts';
import { commandName } from '../context.ts';
import { positiveInteger, withConnection, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

type Options = ConnectionOptions & { json?: boolean };

const signingKey = [
	'--signing-key <file>',
	'sign with this key instead of the one kept with the profile',
] as const;
const passphrase = ['--passphrase-file <file>', "the key's passphrase is the first line of a file"] as const;

/** As the management API has them; kept here as well so that help needs no schemas. A test holds them together. */
export const requestStates = [
	'waiting',
	'approved',
	'executing',
	'executed',
	'denied',
	'withdrawn',
	'expired',
	'failed',
	'unknown',
];

export function addRequestCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/requests.ts');
	const loadSite = () => import('../commands/site.ts');
	program.commandsGroup('Two-person control:');

	const requests = program
		.command('requests')
		.description('List requests and what they wait for')
		.addOption(new Option('--state <state>', 'only those in this state').choices(requestStates))
		.option('--bmc <name>', 'only those for this BMC')
		.option('--limit <n>', 'at most so many', positiveInteger)
		.option('--after <id>', 'the page after this one')
		.action(run(async (options: RequestsOptions) => (await load()).listRequests(context, options)));
	withExamples(withConnection(requests), [
		`${bimetal} requests --state waiting`,
		`${bimetal} requests --bmc node1 --json | jq -r '.requests[].id'`,
	]);

	const request = program
		.command('request')
		.summary('Show exactly what a request would execute')
		.description('Show exactly what a request would execute, who asked, and what each policy says')
		.argument('<id>', 'request')
		.option('-o, --image <file>', "save the request's uploaded image there (- for stdout) and check its hash")
		.action(
			run(async (id: string, { image, ...options }: Options & { image?: string }) =>
				image === undefined
					? (await load()).showRequest(context, id, options)
					: (await import('../commands/request-image.ts')).saveImage(context, id, image, options),
			),
		);
	withExamples(withConnection(request), [
		`${bimetal} request 01K3Q8 --as cp`,
		`${bimetal} request 01K3Q8 --image obmc.static.mtd.tar --as cp`,
	]);

	const approve = program
		.command('approve')
		.summary('Approve a request for your party')
		.description(
			'Shows the request and, on a terminal, asks; then approves exactly what was shown. When yours is the last approval ' +
				'that it needs, the policies are checked again and it is executed.',
		)
		.argument('<id>', 'request')
		.option('--comment <text>', 'kept with the approval')
		.option('--digest <hex>', 'approve only if this is its digest')
		.option('-y, --yes', 'do not ask')
		.option(...signingKey)
		.option(...passphrase)
		.action(run(async (id: string, options: ApproveOptions) => (await load()).approve(context, id, options)));
	withExamples(withConnection(approve), [
		`${bimetal} approve 01K3Q8 --as cp`,
		`${bimetal} approve 01K3Q8 --yes --comment 'ticket 4711'`,
	]);

	const deny = program
		.command('deny')
		.description('Deny a request for your party; it will not be executed')
		.argument('<id>', 'request')
		.requiredOption('--reason <text>', 'told to whoever asked')
		.option(...signingKey)
		.option(...passphrase)
		.action(
			run(async (id: string, options: Options & SigningOptions & { reason?: string }) =>
				(await load()).deny(context, id, options),
			),
		);
	withExamples(withConnection(deny), [`${bimetal} deny 01K3Q8 --reason 'maintenance until noon'`]);

	const withdraw = program
		.command('withdraw')
		.description('Withdraw a request of your own')
		.argument('<id>', 'request')
		.option('--reason <text>', 'kept with it')
		.option(...signingKey)
		.option(...passphrase)
		.action(
			run(async (id: string, options: Options & SigningOptions & { reason?: string }) =>
				(await load()).withdraw(context, id, options),
			),
		);
	withExamples(withConnection(withdraw), [`${bimetal} withdraw 01K3Q8`]);

	const consoleCommand = program
		.command('console')
		.summary("Open a server's serial console, or watch or end one")
		.description(
			"Opens a server's serial console in this terminal. Where other parties have to agree, it says who, waits for them, " +
				'and opens once they have. At the start of a line ~. leaves it, ~? shows what else there is.',
		)
		.argument('[node]', 'BMC of the server')
		.option('--path <path>', "the console's path at the BMC", '/console0')
		.option('--list', 'list the sessions that your party has agreed to')
		.option('--all', 'with --list: also those that have ended')
		.option('--watch <id>', 'look on at a session, without typing; Ctrl-C leaves it')
		.option('--end <id>', 'end a session at once')
		.option('--reason <text>', 'with --end: shown to whoever has it open')
		.action(
			run(async (node: string | undefined, options: ConsoleOptions) =>
				(await import('../commands/console.ts')).console(context, node, options),
			),
		);
	withExamples(withConnection(consoleCommand), [
		`${bimetal} console node1 --as cp`,
		`${bimetal} console --list --as hso`,
		`${bimetal} console --watch c19a3f2e5d01b7c3e --as hso`,
		`${bimetal} console --end c19a3f2e5d01b7c3e --reason 'maintenance' --as hso`,
	]);

	const operator = program
		.command('operator')
		.description('Make accounts and keys of operators; let those of your party log in again')
		.helpCommand(false);
	const keygen = operator
		.command('keygen')
		.summary('Make a key to sign approvals with')
		.description(
			'Makes an Ed25519 key pair and keeps the private key beside the profile (mode 0600), where approve, deny and ' +
				'withdraw find it. The public key goes into the operators file of the site.',
		)
		.option('--as, --profile <name>', "profile that it is for (default: 'default')")
		.option('--encrypt', 'ask for a passphrase and encrypt the private key with it')
		.option('--passphrase-file <file>', 'encrypt it; the passphrase is the first line of a file')
		.action(
			run(async (options: OperatorKeygenOptions) =>
				(await import('../commands/signing.ts')).generateOperatorKey(context, options),
			),
		);
	withExamples(withJson(keygen), [`${bimetal} operator keygen --as cp --encrypt`]);
	const hash = operator
		.command('hash')
		.summary('Make the entry of a password for the operators file')
		.description(
			'Prints what stands in the operators file of a site (operators.yaml) in place of a password. Asks for the ' +
				'password when no file is given.',
		)
		.option('--password-file <file>', 'its first line is the password')
		.action(
			run(async (options: OperatorHashOptions) =>
				(await import('../commands/operator-hash.ts')).hashOperatorPassword(context, options),
			),
		);
	withExamples(withJson(hash), [`${bimetal} operator hash --password-file ironic-red.password`]);

	const lockouts = operator
		.command('lockouts')
		.summary('Show operators of your party who have to wait after wrong passwords')
		.description(
			'Shows which operators of your party have to wait after wrong passwords, from which address and until when. ' +
				'Log-ins from other addresses go on.',
		)
		.action(
			run(async (options: Options) =>
				(await import('../commands/lockouts.ts')).listLockouts(context, options),
			),
		);
	withExamples(withConnection(lockouts), [`${bimetal} operator lockouts --as cp`]);
	const unlock = operator
		.command('unlock')
		.summary('Let an operator of your party try again')
		.description('Lets an operator of your party log in again at once. It is recorded who did it.')
		.argument('<name>', 'operator')
		.option('--from <address>', 'at this address only, as operator lockouts shows it')
		.action(
			run(async (name: string, options: Options & { from?: string }) =>
				(await import('../commands/lockouts.ts')).unlock(context, name, options),
			),
		);
	withExamples(withConnection(unlock), [`${bimetal} operator unlock cp-operator --from 10.0.0.7`]);

	program.commandsGroup('The site:');
	const bmcs = program
		.command('bmcs')
		.description('List the BMCs behind the proxy')
		.action(run(async (options: Options) => (await loadSite()).listBmcs(context, options)));
	withExamples(withConnection(bmcs), [
		`${bimetal} bmcs`,
		`${bimetal} bmcs --json | jq -r '.bmcs[].prefixUrl'`,
	]);

	const policies = program
		.command('policies')
		.summary('Show who must authorize what')
		.description('Show the authorization table: which party must authorize what, and by which policies')
		.argument('[operation]', 'only operations of this name, in detail')
		.action(
			run(async (operation: string | undefined, options: Options) =>
				(await loadSite()).listPolicies(context, operation, options),
			),
		);
	withExamples(withConnection(policies), [`${bimetal} policies`, `${bimetal} policies reboot`]);
}
