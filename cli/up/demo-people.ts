import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../common/clock.ts';
import { openAuthority } from '../../common/identity/authority-store.ts';
import { generatePassword, hashPassword } from '../../common/identity/passwords.ts';
import type { Identity } from '../../common/identity/site-ca.ts';
import { makeFolderDurably, writeFileDurably } from '../../common/store/durable-file.ts';

/** An operator of the site that `bimetal up` makes, with the password that it generated. */
export interface DemoOperator {
	readonly name: string;
	readonly party: string;
	readonly password: string;
	/** Holds the password, for the command line's profile. */
	readonly passwordFile: string;
}

export const demoParties = {
	HSO: 'Hosting site operator: the building, its power and its network',
	CP: 'Cloud provider: what runs on the servers',
} as const;

const demoOperators = [
	{ name: 'hso-operator', party: 'HSO' },
	{ name: 'cp-operator', party: 'CP' },
] as const;

/** Who there is at a site to try things: its authority, the parties' roots, and an operator of each. */
export interface DemoPeople {
	readonly authority: Identity;
	/** Path of the site authority's certificate, for clients. */
	readonly caFile: string;
	readonly operators: readonly DemoOperator[];
}

/** Opens what is kept of them in a site's folder, which is shut to others, making what is not there yet. */
export async function openPeople(folder: string, clock: Clock): Promise<DemoPeople> {
	await makeFolderDurably(folder);
	await chmod(folder, 0o700);
	const caFolder = join(folder, 'ca');
	const title = 'Bimetal demo site';
	const authority = await openAuthority({ folder: caFolder, name: 'site', title, clock });
	await Promise.all(
		Object.keys(demoParties).map(party =>
			openAuthority({ folder: join(folder, 'parties'), name: party, title: `${party} root`, clock }),
		),
	);
	const operators = await Promise.all(
		demoOperators.map(async operator => ({
			...operator,
			password: await openSecret(folder, operator.name),
			passwordFile: secretPath(folder, operator.name),
		})),
	);
	await openAccounts(folder, operators);
	return { authority, caFile: join(caFolder, 'site.crt.pem'), operators };
}

/** Where `openSecret` keeps it. */
export const secretPath = (folder: string, name: string): string => join(folder, 'secrets', name);

/** A password that is made once; a file of its own. */
export async function openSecret(folder: string, name: string): Promise<string> {
	const path = secretPath(folder, name);
	try {
		return (await readFile(path, 'utf8')).trim();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
	}
	await makeFolderDurably(join(folder, 'secrets'));
	const password = generatePassword();
	await writeFileDurably(path, `${password}\n`, 0o600);
	return password;
}

/** operators.yaml is the site's to edit: it is made once and then left alone. */
async function openAccounts(folder: string, operators: readonly DemoOperator[]): Promise<void> {
	const path = join(folder, 'operators.yaml');
	try {
		await readFile(path);
		return;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
	}
	const accounts = await Promise.all(
		operators.map(async ({ name, party, password }) => ({
			name,
			party,
			password: await hashPassword(password),
		})),
	);
	await writeFileDurably(path, stringify({ operators: accounts }), 0o600);
}
