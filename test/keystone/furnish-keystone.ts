import { Agent, request } from 'undici';
import { z } from 'zod';
import type { KeystoneAccount } from '../../hil/authenticate/keystone/account.ts';
import type { KeystoneApi } from './keystone-api.ts';
import type { RealKeystone } from './start-keystone.ts';

/** What a Keystone has besides its administrator. */
export interface FurnishedKeystone {
	/**
	 * Keystone's own. `red` is a project of Default, `otherRed` one of the same name of the domain `other`; alice is a member
	 * of both, carol has the role admin in the first, and hil is the user of hil's own account.
	 */
	readonly ids: Readonly<Record<'red' | 'otherRed' | 'other' | 'alice' | 'carol' | 'hil' | 'member', string>>;
	readonly account: KeystoneAccount;
}

/** @param password of all users that are made */
export async function furnishKeystone(api: KeystoneApi, password: string): Promise<FurnishedKeystone> {
	const domain_id = 'default';
	const other = await api.make('domain', { name: 'Other' });
	const red = await api.make('project', { name: 'red', domain_id });
	const otherRed = await api.make('project', { name: 'red', domain_id: other });
	const service = await api.make('project', { name: 'service', domain_id });
	const user = (name: string) => api.make('user', { name, password, domain_id });
	const [alice, carol, hil] = [await user('alice'), await user('carol'), await user('hil')];
	const [member, admin] = [await api.find('role', 'member'), await api.find('role', 'admin')];
	await api.grant(red, alice, member);
	await api.grant(otherRed, alice, member);
	await api.grant(red, carol, admin);
	await api.grant(service, hil, await api.make('role', { name: 'service' }));
	return {
		ids: { red, otherRed, other, alice, carol, hil, member },
		account: { user: 'hil', domain: 'Default', project: 'service', projectDomain: 'Default', password },
	};
}

const made = z.looseObject({ application_credential: z.looseObject({ id: z.string() }) });

/** Made by the user whose token it is, which an administrator cannot do for them. The credential's id. */
export async function makeApplicationCredential(
	{ url, ca }: Pick<RealKeystone, 'url' | 'ca'>,
	of: {
		readonly token: string;
		readonly user: string;
		readonly name: string;
		readonly secret: string;
		readonly access_rules?: readonly object[];
	},
): Promise<string> {
	const { token, user, ...credential } = of;
	const agent = new Agent({ connect: { ca } });
	try {
		const answer = await request(`${url}/users/${user}/application_credentials`, {
			method: 'POST',
			headers: { 'x-auth-token': token, 'content-type': 'application/json' },
			body: JSON.stringify({ application_credential: credential }),
			dispatcher: agent,
			signal: AbortSignal.timeout(30_000),
		});
		return made.parse(await answer.body.json()).application_credential.id;
	} finally {
		await agent.destroy();
	}
}
