import type { CliContext } from '../context.ts';
import { type HilOptions, withHil } from '../hil/hil-connection.ts';
import { painter, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';
import { choosePassword, type PasswordOptions } from './log-in-means.ts';

/** `bimetal hil user list` */
export const listUsers = (context: CliContext, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client }) => {
		const users = await client.administration.users();
		if (options.json) printJson(context, { users });
		else
			await printTable(
				context,
				['USER', 'RIGHTS', 'PROJECTS'],
				Object.entries(users)
					.sort(([a], [b]) => (a < b ? -1 : 1))
					.map(([name, { is_admin, projects }]) => [
						visible(name),
						is_admin ? painter(context)('yellow', 'administrator') : 'member',
						visible(projects.join(', ')) || '-',
					]),
			);
		return 0;
	});

export interface CreateUserOptions extends HilOptions {
	readonly admin?: boolean;
	readonly project?: readonly string[];
	/** Of the new user; the caller's own comes with the connection. */
	readonly newPasswordFile?: string;
	readonly newPasswordStdin?: boolean;
}

/** `bimetal hil user create USER` */
export const createUser = (context: CliContext, name: string, options: CreateUserOptions): Promise<number> =>
	withHil(context, options, async ({ client, url }) => {
		const { administration: hil } = client;
		const means: PasswordOptions = {
			user: name,
			...(options.newPasswordFile !== undefined && { passwordFile: options.newPasswordFile }),
			...(options.newPasswordStdin && { passwordStdin: true }),
		};
		await hil.createUser(name, await choosePassword(context, url, means), options.admin ?? false);
		for (const project of options.project ?? []) await hil.join(name, project);
		const of = options.project ?? [];
		if (options.json) printJson(context, { user: name, isAdmin: options.admin ?? false, projects: of });
		else
			printLine(
				context,
				`${visible(name)} can log in${of.length > 0 ? `, and is in ${visible(of.join(', '))}` : ''}.`,
			);
		return 0;
	});
