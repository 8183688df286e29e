import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../common/clock.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { type Bmc, startBmc } from '../../qemu/bmc/bmc.ts';
import type { Console } from './console.ts';
import { hostConsole } from './console.ts';
import type { EnrolRequest } from './enrol.ts';
import { durableDisk } from './enrolment-file.ts';
import { openBmc } from './open-bmc.ts';

export const oldPassword = 'Delivered-with1';
export const siteText = `# The site of the tests.
site: test # its name
bmcs:
  # The first one.
  other: { url: "https://192.0.2.1", password: secrets/other }
`;

let identity: Promise<{ cert: string; key: string; fingerprint: string }> | undefined;
/** One certificate for every BMC of the tests: it takes longest to make. */
export function bmcIdentity(): Promise<{ cert: string; key: string; fingerprint: string }> {
	identity ??= (async () => {
		const authority = await createAuthority({ name: 'somebody', clock: systemClock });
		const issued = await issueServerCertificate({
			authority,
			names: ['bmc'],
			addresses: ['192.0.2.9'], // not where it stands: as with real ones
			clock: systemClock,
		});
		const { fingerprint256 } = new X509Certificate(issued.certificatePem);
		return {
			cert: issued.certificatePem,
			key: issued.keyPem,
			fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
		};
	})();
	return identity;
}

export interface Bench {
	readonly bmc: Bmc;
	readonly folder: string;
	readonly console: Console;
	readonly lines: string[];
	readonly wanted: EnrolRequest;
	/** Whether the BMC takes this password of root now. */
	works(password: string): Promise<boolean>;
	/** What the BMC shows to its administrator. */
	show(resource: string, password?: string): Promise<Record<string, unknown>>;
	site(): Promise<string>;
	/** The password that stands in the proxy's file. */
	kept(): Promise<string>;
	end(): Promise<void>;
}

/** A BMC as delivered, in this process, and an empty site to enrol it in. */
export async function startBench(t: ExecutionContext, changes: Partial<Console> = {}): Promise<Bench> {
	const { cert, key, fingerprint } = await bmcIdentity();
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-enrol-'));
	const bmc = await startBmc({
		name: 'node1',
		tls: { cert, key },
		accounts: [
			{ name: 'root', password: oldPassword, role: 'Administrator' },
			{ name: 'oper1', password: 'Operators-own1', role: 'Operator' },
			{ name: 'backup', password: 'Backups-own1', role: 'Administrator' },
		],
		failedLoginDelayMs: 0,
	});
	let ended: Promise<void> | undefined;
	const end = () => {
		ended ??= bmc.close().then(() => rm(folder, { recursive: true }));
		return ended;
	};
	t.teardown(end);
	await mkdir(path.join(folder, 'secrets'));
	const siteFile = path.join(folder, 'site.yaml');
	await writeFile(siteFile, siteText);
	const lines: string[] = [];
	const open = () => openBmc({ name: 'node1', url: bmc.url, fingerprint });
	const kept = async () => (await readFile(path.join(folder, 'secrets/bmc-node1'), 'utf8')).trim();
	return {
		bmc,
		folder,
		lines,
		console: {
			folder,
			siteFile,
			...hostConsole,
			disk: durableDisk,
			random: randomBytes,
			clock: systemClock,
			by: 'tester',
			report: line => lines.push(line),
			...changes,
		},
		wanted: {
			name: 'node1',
			url: bmc.url,
			username: 'root',
			password: oldPassword,
			rack: 'rack7',
			keep: ['backup'],
			accounts: 'disable',
			trust: async shown => shown === fingerprint,
		},
		async works(password) {
			const at = open();
			const login = await at.logIn('root', password);
			await login?.logOut();
			await at.close();
			return login !== undefined;
		},
		async show(resource, password) {
			const at = open();
			const login = await at.logIn('root', password ?? (await kept()));
			const { json } = (await login?.look(`/redfish/v1/${resource}`)) ?? {};
			await login?.logOut();
			await at.close();
			return json as Record<string, unknown>;
		},
		site: () => readFile(siteFile, 'utf8'),
		kept,
		end,
	};
}

export const modeOf = async (file: string): Promise<string> => ((await stat(file)).mode & 0o777).toString(8);
