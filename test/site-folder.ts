import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { systemClock } from '../common/clock.ts';
import { generatePassword, hashPassword } from '../common/identity/passwords.ts';
import { createAuthority, type Identity, issueServerCertificate } from '../common/identity/site-ca.ts';

/** One certificate authority and one certificate for everything that a test runs on 127.0.0.1. */
export interface TestTls {
	/** PEM of the authority. */
	readonly ca: string;
	readonly server: Identity;
}

export async function createTestTls({
	addresses = ['127.0.0.1'],
}: {
	readonly addresses?: readonly string[];
} = {}): Promise<TestTls> {
	const authority = await createAuthority({ name: 'test', clock: systemClock });
	const server = await issueServerCertificate({
		authority,
		names: ['localhost'],
		addresses: [...addresses],
		clock: systemClock,
	});
	return { ca: authority.certificatePem, server };
}

export interface SiteFolderOptions {
	readonly tls: TestTls;
	/** HSO and CP when absent. */
	readonly parties?: readonly string[];
	/** The name of a party's operator; `<party>-operator` when absent. */
	readonly operators?: Readonly<Record<string, string>>;
	/**
	 * By name; `password` is that of the BMC's root account, `ca` a file with the authority of its certificate, where that
	 * is not the test's. Those with a `host` have no port of their own.
	 */
	readonly bmcs: Readonly<
		Record<
			string,
			{ readonly url: string; readonly password: string; readonly host?: string; readonly ca?: string }
		>
	>;
	/** A folder, or files by their path in it: `operations.yaml`, `hso/power.yaml`. */
	readonly policies: string | Readonly<Record<string, string>>;
	readonly external?: Readonly<Record<string, unknown>>;
	readonly limits?: Readonly<Record<string, unknown>>;
	readonly approvals?: Readonly<Record<string, unknown>>;
	readonly consoles?: Readonly<Record<string, unknown>>;
	readonly log?: { readonly level: string };
	readonly processes?: number;
	readonly coalesce?: boolean;
}

export interface SiteFolder {
	/** Path of site.yaml. */
	readonly config: string;
	readonly policies: string;
	readonly operators: readonly { readonly name: string; readonly party: string; readonly password: string }[];
}

/** Writes what `bimetal proxy -c site.yaml` needs: an operator for each party, all ports free. */
export async function writeSiteFolder(folder: string, options: SiteFolderOptions): Promise<SiteFolder> {
	const write = async (name: string, text: string, mode = 0o600) => {
		const file = path.join(folder, name);
		await mkdir(path.dirname(file), { recursive: true });
		await writeFile(file, text, { mode });
		return file;
	};
	const parties = options.parties ?? ['HSO', 'CP'];
	const operators = parties.map(party => ({
		name: options.operators?.[party] ?? `${party.toLowerCase()}-operator`,
		party,
		password: generatePassword(),
	}));
	await write('ca.pem', options.tls.ca);
	await write('proxy.crt.pem', options.tls.server.certificatePem);
	await write('proxy.key.pem', options.tls.server.keyPem);
	await write(
		'operators.yaml',
		stringify({
			operators: await Promise.all(
				operators.map(async ({ name, party, password }) => ({
					name,
					party,
					password: await hashPassword(password),
				})),
			),
		}),
	);
	for (const [name, { password }] of Object.entries(options.bmcs)) await write(`${name}.password`, password);
	let policies = path.join(folder, 'policies');
	if (typeof options.policies === 'string') policies = options.policies;
	else {
		for (const [name, text] of Object.entries(options.policies))
			await write(path.join('policies', name), text);
		for (const { party } of operators)
			await mkdir(path.join(policies, party.toLowerCase()), { recursive: true });
	}
	const config = await write(
		'site.yaml',
		stringify({
			site: 'test',
			store: { file: 'store.sqlite' },
			audit: { folder: 'audit' },
			listen: { port: 0 },
			tls: { certificate: 'proxy.crt.pem', key: 'proxy.key.pem' },
			parties: Object.fromEntries(parties.map(party => [party, {}])),
			operators: 'operators.yaml',
			policies,
			bmcs: Object.fromEntries(
				Object.entries(options.bmcs).map(([name, { url, host, ca = 'ca.pem' }]) => [
					name,
					{ url, ca, password: `${name}.password`, ...(host ? { host } : { listen: { port: 0 } }) },
				]),
			),
			...(options.external && { external: options.external }),
			...(options.limits && { limits: options.limits }),
			...(options.approvals && { approvals: options.approvals }),
			...(options.consoles && { consoles: options.consoles }),
			...(options.log && { log: options.log }),
			...(options.processes !== undefined && { processes: options.processes }),
			...(options.coalesce !== undefined && { coalesce: options.coalesce }),
		}),
	);
	return { config, policies, operators };
}
