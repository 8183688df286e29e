import { z } from 'zod';
import { readConfig } from '../../common/config/read-config.ts';
import type { AuthenticatorDeps } from '../../common/identity/asked-authenticator.ts';
import { passwordHash, verifyPassword } from '../../common/identity/passwords.ts';
import type { Actor } from '../authorize/actor.ts';
import { hilName } from '../model/names.ts';

const accountsFile = z.strictObject({
	accounts: z
		.array(
			z.strictObject({
				name: z.string().regex(/^[\w.@-]{1,64}$/, 'expected a name: letters, digits, . _ @ -'),
				/** As `bimetal operator hash` prints it. */
				password: passwordHash,
				admin: z.boolean().default(false),
				projects: z.array(hilName).default([]),
			}),
		)
		.min(1)
		.refine(
			accounts => new Set(accounts.map(({ name }) => name)).size === accounts.length,
			'two of them have the same name',
		),
});
type Account = z.output<typeof accountsFile>['accounts'][number];

/**
 * Users of one's own, for who trusts no hil with them: a tenant who runs a verifier.
 * @throws ConfigError
 */
export const readAccounts = (file: string): readonly Account[] =>
	readConfig({ file, schema: accountsFile }).accounts;

/** Of a name that there is not: to be compared with all the same, so that time does not tell. */
const noHash = `scrypt$16384$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Compares passwords one after another: each takes memory and a core, and anybody may try. */
export function askAccounts(accounts: readonly Account[]): AuthenticatorDeps<Actor>['ask'] {
	let last: Promise<unknown> = Promise.resolve();
	return ({ authorization = '' }) => {
		const [, encoded = ''] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? [];
		const [, name = '', password = ''] =
			/^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
		const account = accounts.find(one => one.name === name);
		const answer = last.then(async () => {
			const isRight = await verifyPassword(password, account?.password ?? noHash);
			if (!account || !isRight) return undefined;
			return { name, isAdmin: account.admin, projects: new Set(account.projects) };
		});
		last = answer.catch(() => undefined);
		return answer;
	};
}
