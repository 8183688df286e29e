import { type Command, Option } from 'commander';
import type { LoginOptions } from '../commands/login.ts';
import type { ConnectionOptions } from '../connection.ts';
import { commandName } from '../context.ts';
import { withConnection, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

type Options = ConnectionOptions & { json?: boolean };

export function addSessionCommands(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	program.commandsGroup('Log in:');

	const login = program
		.command('login')
		.summary('Log in to a proxy and keep the session')
		.description(
			'Opens a session at a proxy and keeps its token in a profile (mode 0600). The password is asked for, or read from ' +
				'a file or from standard input; it is never an argument, and it is not kept.',
		)
		.argument('<url>', "the proxy's main port, for instance https://127.0.0.1:8443")
		.requiredOption('--user <name>', 'operator')
		.option('--as, --profile <name>', "name to keep it under (default: 'default')")
		.option('--password-stdin', 'read the password from standard input')
		.option('--password-file <file>', 'read it from the first line of a file')
		.option('--ca <file>', "trust this certificate of the site's CA (PEM)")
		.addOption(
			new Option(
				'--trust <sha256>',
				"trust the server's certificate if this is its SHA-256 fingerprint",
			).conflicts('ca'),
		)
		.action(
			run(async (url: string, options: LoginOptions) => {
				const commands = await import('../commands/login.ts');
				return commands.login(context, url, options);
			}),
		);
	withExamples(withJson(login), [
		`${bimetal} login https://127.0.0.1:8443 --user hso-operator --ca site-ca.pem`,
		`${bimetal} login https://127.0.0.1:8443 --user cp-operator --profile cp --password-file cp.password`,
	]);

	const logout = program
		.command('logout')
		.description('End the session and forget the profile')
		.option('--as, --profile <name>', 'profile to log out of')
		.action(
			run(async (options: Options) => {
				const commands = await import('../commands/login.ts');
				return commands.logout(context, options);
			}),
		);
	withExamples(withJson(logout), [`${bimetal} logout`, `${bimetal} logout --profile cp`]);

	const whoami = program
		.command('whoami')
		.description('Show which operator you are, and of which party')
		.action(
			run(async (options: Options) => {
				const commands = await import('../commands/login.ts');
				return commands.whoami(context, options);
			}),
		);
	withExamples(withConnection(whoami), [`${bimetal} whoami`, `${bimetal} whoami --as cp --json`]);
}
