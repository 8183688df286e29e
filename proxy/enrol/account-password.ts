import { z } from 'zod';
import type { Change } from './doors.ts';
import { enrolErrors } from './errors.ts';
import type { BmcLogin, OpenBmc } from './open-bmc.ts';

const accounts = '/redfish/v1/AccountService/Accounts';
const collection = z.object({ Members: z.array(z.object({ '@odata.id': z.string() })).max(1000) });

/** Where an account stands: by its UserName, or by the name that OpenBMC gives it when it may not be looked for. */
async function accountPath(login: BmcLogin, username: string): Promise<string> {
	const { json } = await login.look(accounts);
	const parsed = collection.safeParse(json);
	for (const { '@odata.id': path } of parsed.data?.Members ?? []) {
		if (!path.startsWith(`${accounts}/`)) continue;
		const member = await login.look(path);
		if ((member.json as { UserName?: unknown } | undefined)?.UserName === username) return path;
	}
	return `${accounts}/${encodeURIComponent(username)}`;
}

/** Longest password that the BMC says it takes; 20 when it does not say. */
export async function longestPassword(login: BmcLogin): Promise<number> {
	const { json } = await login.look('/redfish/v1/AccountService');
	const longest = (json as { MaxPasswordLength?: unknown } | undefined)?.MaxPasswordLength;
	return typeof longest === 'number' && longest >= 8 ? longest : 20;
}

/** The first of the passwords that the BMC takes, with its session. */
export async function firstThatFits(
	bmc: OpenBmc,
	username: string,
	passwords: readonly string[],
): Promise<{ login: BmcLogin; password: string } | undefined> {
	for (const password of new Set(passwords)) {
		const login = await bmc.logIn(username, password);
		if (login) return { login, password };
	}
	return undefined;
}

/**
 * Sets the account's password, and logs in with it, for only that shows that it was set. The BMC ends sessions
 * under the old one. @throws BimetalError BmcRefuses when the old password certainly still stands, else
 * BmcLoginRefused; and what sending throws, when either may stand
 */
export async function changePassword(
	bmc: OpenBmc,
	login: BmcLogin,
	username: string,
	change: { readonly from: string; readonly to: string },
): Promise<BmcLogin> {
	const path = await accountPath(login, username);
	const request: Change = { method: 'PATCH', path, body: { Password: change.to } };
	const status = await login.send(request);
	const changed = await bmc.logIn(username, change.to);
	if (changed) return changed;
	const old = await bmc.logIn(username, change.from);
	if (!old) throw enrolErrors.BmcLoginRefused(`${username}'s password was changed, and is not what was set`);
	await old.logOut();
	throw enrolErrors.BmcRefuses(`it refuses the new password of ${username} with status ${status}`);
}
