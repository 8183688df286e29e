import { type Command, InvalidArgumentError, Option } from 'commander';

/** `--json`, on every command. */
export function withJson(command: Command): Command {
	return command.option('--json', 'print one JSON document on stdout');
}

/** Which proxy, and as whom; the same on every command that talks to one. */
export function withConnection(command: Command): Command {
	return withJson(command)
		.addOption(
			connectionOption('--as, --profile <name>', 'act as the operator of this profile', 'BIMETAL_PROFILE'),
		)

		.addOption(connectionOption('--url <url>', 'the proxy, when there is no profile', 'BIMETAL_URL'))
		.addOption(connectionOption('--user <name>', 'operator', 'BIMETAL_USER'))
		.addOption(
			connectionOption('--password-file <file>', 'its first line is the password', 'BIMETAL_PASSWORD_FILE'),
		)
		.addOption(connectionOption('--ca <file>', "certificate of the site's CA (PEM)", 'BIMETAL_CA'))
		.addOption(
			connectionOption(
				'--certificate <file>',
				'client certificate (PEM) to log in with',
				'BIMETAL_CERTIFICATE',
			),
		)
		.addOption(connectionOption('--key <file>', 'its key (PEM)', 'BIMETAL_KEY'));
}

function connectionOption(
	flags: string,
	description: string,
	variable: string,
	group = 'Proxy and operator:',
): Option {
	return new Option(flags, `${description} (or ${variable})`).helpGroup(group);
}

/** Which hil, and as whom; the same on every command that talks to one. */
export function withHilConnection(command: Command): Command {
	const add = (flags: string, description: string, variable: string) =>
		command.addOption(connectionOption(flags, description, `BIMETAL_HIL_${variable}`, 'hil and user:'));
	withJson(command);
	add('--as, --profile <name>', 'act as the user of this profile', 'PROFILE');
	add('--url <url>', 'hil, when there is no profile', 'URL');
	add('--user <name>', 'user', 'USER');
	add('--password-file <file>', 'its first line is the password', 'PASSWORD_FILE');
	add('--certificate <file>', 'client certificate (PEM) to log in with', 'CERTIFICATE');
	add('--key <file>', 'its key (PEM)', 'KEY');
	add('--token-file <file>', 'its first line is a Keystone token', 'TOKEN_FILE');
	return add('--ca <file>', "certificate of the site's CA (PEM)", 'CA');
}

/** Which market, and as which user of hil; `about` says what a project is for, where there is one to say. */
export const withMarket = (command: Command, about?: string): Command =>
	withHilConnection(about === undefined ? command : command.option('--project <name>', about)).addOption(
		new Option('--market <url>', 'the market (or BIMETAL_MARKET_URL)').helpGroup('hil and user:'),
	);

/** Commands that only hold others. */
export const group = (parent: Command, name: string, description: string): Command =>
	parent.command(name).description(description).helpCommand(false);

/** Lines to paste under a command's help. */
export function withExamples(command: Command, lines: readonly string[]): Command {
	return command.addHelpText('after', `\nExamples:\n${lines.map(line => `  ${line}`).join('\n')}`);
}

/** A repeatable option's values, in order. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
	return [...(previous ?? []), value];
}

export function positiveInteger(value: string): number {
	const number = Number(value);
	if (!/^\d{1,6}$/.test(value) || number < 1)
		throw new InvalidArgumentError('It is a whole number from 1 on.');
	return number;
}

export function portNumber(text: string): number {
	const port = Number(text);
	if (!/^\d{1,5}$/.test(text) || port > 65535) throw new InvalidArgumentError('expected a port, 0 to 65535');
	return port;
}
