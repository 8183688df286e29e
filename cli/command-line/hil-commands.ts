import { type Command, Option } from 'commander';
import type { HilAdministration } from '../../hil/client.ts';
import type { HilLoginOptions } from '../commands/hil-login.ts';
import type { CreateUserOptions } from '../commands/hil-users.ts';
import { commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import type { HilOptions } from '../hil/hil-connection.ts';
import { collect, group, withExamples, withHilConnection, withJson } from './options.ts';
import type { Registration } from './registration.ts';

/** The service itself, who one is there, and what administrators record. */
export function addHilCommands(program: Command, registration: Registration): void {
	const { context, run } = registration;
	const bimetal = commandName(context);
	const hil = program
		.command('hil')
		.summary('Start the allocation of servers alone; log in to it, register a rack')
		.description(
			'Starts the allocation of nodes and networks by its site file. The commands below talk to one that runs, as do ' +
				'node, network, project and switch.',
		)
		.option('-c, --config <file>', 'site file of hil')
		.helpCommand(false)
		.action(
			run(async ({ config }: { config?: string }) => {
				if (config === undefined)
					throw usageError('which site?', `${bimetal} hil -c hil.yaml, or ${bimetal} hil --help`);
				const service = await import('../../hil/main.ts');
				await service.main({ config });
				return 0;
			}),
		);
	withExamples(hil, [
		`${bimetal} hil -c hil.yaml`,
		`${bimetal} hil login https://127.0.0.1:5000 --user admin`,
	]);
	addLogin(hil, registration);
	addRecords(hil, registration);
	addUsers(group(hil, 'user', 'Users of hil, for administrators'), registration);
}

function addLogin(hil: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-login.ts');
	const login = hil
		.command('login')
		.summary('Keep who you are at a hil')
		.description(
			'Sees that the password is right and keeps URL, user and trust in a profile (mode 0600), with the URLs of the ' +
				'services that go by the same users; another log-in to the same hil leaves those. hil has no sessions: a ' +
				'password that was typed is kept in a file beside the profile; one from --password-file stays where it is.',
		)
		.argument('<url>', 'for instance https://127.0.0.1:5000')
		.option('--user <name>', 'user, with a password')
		.option('--provisioner <url>', 'the provisioner of this site: images and disks')
		.option('--attest <url>', 'its registrar and verifier: what nodes have booted')
		.option('--market <url>', 'its market: offers, bids, leases')
		.option('--as, --profile <name>', "name to keep it under (default: 'default')")
		.option('--password-stdin', 'read the password from standard input')
		.option('--password-file <file>', 'its first line is the password; read at every call')
		.option('--certificate <file>', 'log in with this client certificate (PEM)')
		.option('--key <file>', 'its key (PEM)')
		.option('--token-file <file>', 'its first line is a Keystone token; read at every call')
		.option('--ca <file>', "trust this certificate of the site's CA (PEM)")
		.addOption(
			new Option(
				'--trust <sha256>',
				"trust the server's certificate if this is its SHA-256 fingerprint",
			).conflicts('ca'),
		)
		.action(
			run(async (url: string, options: HilLoginOptions) => (await load()).hilLogin(context, url, options)),
		);
	withExamples(withJson(login), [
		`${bimetal} hil login https://127.0.0.1:5000 --user alice --ca site-ca.pem`,
		`${bimetal} hil login https://127.0.0.1:5000 --user root --as admin --password-file root.password`,
		`${bimetal} hil login https://hil.example:5000 --user alice --attest https://attest.example:5002`,
		`${bimetal} hil login https://hil.example:5000 --certificate alice.pem --key alice.key --ca site-ca.pem`,
	]);

	const logout = hil
		.command('logout')
		.description('Forget the profile, and the password that was kept with it')
		.option('--as, --profile <name>', 'profile to log out of')
		.action(run(async (options: HilOptions) => (await load()).hilLogout(context, options)));
	withExamples(withJson(logout), [`${bimetal} hil logout --as admin`]);

	const whoami = hil
		.command('whoami')
		.description('Show which user you are, and of which projects')
		.action(run(async (options: HilOptions) => (await load()).hilWhoami(context, options)));
	withExamples(withHilConnection(whoami), [`${bimetal} hil whoami --as red`]);
}

function addRecords(hil: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const register = hil
		.command('register')
		.summary('Record what a rack file names')
		.description(
			'Records the switches, ports, nodes, NICs, projects, users and networks of a file that are not recorded yet. ' +
				'Nothing is taken away; where something is recorded otherwise, nothing is changed and it says what. Can be repeated.',
		)
		.argument('<file>', 'YAML; docs/hil.md has an example')
		.option('--dry-run', 'say what would be recorded, record nothing')
		.action(
			run(async (file: string, options: HilOptions & { dryRun?: boolean }) =>
				(await import('../commands/hil-register.ts')).registerRack(context, file, options),
			),
		);
	withExamples(withHilConnection(register), [
		`${bimetal} hil register rack.yaml --dry-run --as admin`,
		`${bimetal} hil register rack.yaml --as admin`,
	]);

	const forget = group(hil, 'forget', 'Delete a record that nothing needs any more');
	const node = ['<node>', 'the node'] as const;
	const device = ['<switch>', 'the switch'] as const;
	const port = ['<port>', 'as the switch calls it'] as const;
	/** A command that records one thing, of its arguments, and says so. */
	const records = (
		parent: Command,
		name: string,
		what: {
			readonly description: string;
			readonly args: readonly (readonly [name: string, description: string])[];
			readonly example: string;
			readonly act: (administration: HilAdministration, first: string, second: string) => Promise<void>;
			readonly answer: (first: string, second: string) => Readonly<Record<string, unknown>>;
			readonly text: (first: string, second: string) => string;
		},
	): void => {
		const command = parent.command(name).description(what.description);
		for (const [argument, description] of what.args) command.argument(argument, description);
		command.action(
			run(async (...given: unknown[]) => {
				const [first = '', second = ''] = given.slice(0, what.args.length) as string[];
				const { tellHil } = await import('../commands/hil-projects.ts');
				return tellHil(
					context,
					given[what.args.length] as HilOptions,
					c => what.act(c.administration, first, second),
					what.answer(first, second),
					what.text(first, second),
				);
			}),
		);
		withExamples(withHilConnection(command), [`${bimetal} hil ${what.example} --as admin`]);
	};
	records(forget, 'node', {
		description: 'Forget a free node, with its properties',
		args: [node],
		example: 'forget node node9',
		act: (to, name) => to.deleteNode(name),
		answer: name => ({ forgotten: { node: name } }),
		text: name => `${name} is forgotten.`,
	});
	records(forget, 'nic', {
		description: 'Forget a NIC that is in no port',
		args: [node, ['<nic>', 'its NIC']],
		example: 'forget nic node9 eth0',
		act: (to, of, name) => to.deleteNic(of, name),
		answer: (of, name) => ({ forgotten: { node: of, nic: name } }),
		text: (of, name) => `${of}/${name} is forgotten.`,
	});
	records(forget, 'port', {
		description: 'Forget a port that is empty',
		args: [device, port],
		example: 'forget port tor gi1/0/9',
		act: (to, of, name) => to.deletePort(of, name),
		answer: (of, name) => ({ forgotten: { switch: of, port: name } }),
		text: (of, name) => `${name} of ${of} is forgotten.`,
	});
	records(forget, 'switch', {
		description: 'Forget a switch without ports, and its secrets',
		args: [device],
		example: 'forget switch tor',
		act: (to, name) => to.deleteSwitch(name),
		answer: name => ({ forgotten: { switch: name } }),
		text: name => `${name} is forgotten.`,
	});
	records(hil, 'unplug', {
		description: 'Record that a port is empty',
		args: [device, port],
		example: 'unplug tor gi1/0/9',
		act: (to, of, name) => to.unplug(of, name),
		answer: (of, name) => ({ unplugged: { switch: of, port: name } }),
		text: (of, name) => `${name} of ${of} is empty.`,
	});
}

function addUsers(user: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const load = () => import('../commands/hil-users.ts');
	const tell = async () => (await import('../commands/hil-projects.ts')).tellHil;
	const list = user
		.command('list')
		.description('List the users, their rights and projects')
		.action(run(async (options: HilOptions) => (await load()).listUsers(context, options)));
	withExamples(withHilConnection(list), [`${bimetal} hil user list --as admin`]);

	const create = user
		.command('create')
		.summary('Let somebody log in')
		.description(
			'Makes a user. The password is asked for, or read from a file or standard input; it is never an argument.',
		)
		.argument('<user>', 'the new name')
		.option('--new-password-file <file>', "its first line is the new user's password")
		.option('--new-password-stdin', "read the new user's password from standard input")
		.option('--project <name>', 'a project to be in (repeatable)', collect)
		.option('--admin', 'an administrator')
		.action(
			run(async (name: string, options: CreateUserOptions) =>
				(await load()).createUser(context, name, options),
			),
		);
	withExamples(withHilConnection(create), [
		`${bimetal} hil user create alice --project red --as admin`,
		`${bimetal} hil user create bob --new-password-file bob.password --as admin`,
	]);

	const remove = user
		.command('delete')
		.description('Let somebody log in no more')
		.argument('<user>', 'the user')
		.action(
			run(async (name: string, options: HilOptions) =>
				(await tell())(
					context,
					options,
					c => c.administration.deleteUser(name),
					{ deleted: name },
					`${name} cannot log in any more.`,
				),
			),
		);
	withExamples(withHilConnection(remove), [`${bimetal} hil user delete bob --as admin`]);
}
