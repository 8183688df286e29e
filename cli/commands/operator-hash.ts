import { hashPassword } from '../../common/identity/passwords.ts';
import { readPasswordFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { askSecret } from '../prompt.ts';

export interface OperatorHashOptions {
	/** File whose first line is the password; asked for when absent. */
	readonly passwordFile?: string;
	readonly json?: boolean;
}

/** `bimetal operator hash`: what the operators file of a site has in place of a password. */
export async function hashOperatorPassword(
	context: CliContext,
	{ passwordFile, json }: OperatorHashOptions,
): Promise<number> {
	const password = await hashPassword(
		passwordFile === undefined ? await askTwice(context) : await readPasswordFile(context, passwordFile),
	);
	if (json) printJson(context, { password });
	else printLine(context, `password: ${password}`);
	return 0;
}

async function askTwice(context: CliContext): Promise<string> {
	const password = await askSecret(context, 'Password of the operator: ');
	if (password === '' || (await askSecret(context, 'Again: ')) !== password) {
		throw usageError(
			'the passwords differ, or are empty',
			`${commandName(context)} operator hash --password-file FILE`,
		);
	}
	return password;
}
