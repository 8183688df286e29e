import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { generatePassword } from '../../common/identity/passwords.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createHilClient, type HilClient } from '../../hil/client.ts';
import { openHil } from '../../hil/open-hil.ts';
import { readHilSite } from '../../hil/site.ts';
import { startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import { type Ask, createAsk } from '../proxy/ask.ts';
import { createTestTls, type SiteFolder, type SiteFolderOptions, writeSiteFolder } from '../site-folder.ts';

/** A proxy in front of BMCs and hil behind it, each as its site file has it, in this process. */
export interface HilSite {
	/** Where there is a file of each name: `ca.pem`, `<name>.password`. */
	readonly folder: string;
	readonly hil: {
		readonly url: string;
		/** As the administrator: what the call answers; throws when it is refused. */
		root(method: string, path: string, body?: object): Promise<unknown>;
		readonly client: HilClient;
		/** Has a node with one NIC, eth0, plugged into a port of the switch `tor`. */
		register(of: { readonly node: string; readonly port: string; readonly mac: string }): Promise<void>;
		/** Has the user, with the password of the file, and the project, and the one in the other. */
		join(user: string, project: string): Promise<void>;
	};
	readonly proxy: {
		readonly url: string;
		/** A BMC's own address. */
		readonly bmcs: Readonly<Record<string, string>>;
		as(party: string, ...args: Parameters<Ask> extends [unknown, ...infer R] ? R : never): ReturnType<Ask>;
	};
	readonly operators: SiteFolder['operators'];
}

export interface HilSiteOptions
	extends Pick<SiteFolderOptions, 'parties' | 'operators' | 'bmcs' | 'policies' | 'limits'> {
	/** hil's users besides its administrator `root`: each has a file `<name>.password`. */
	readonly users?: readonly string[];
	/** External sources of the proxy, for hil at an address. */
	readonly external?: (hil: string) => Readonly<Record<string, unknown>>;
}

/** The cloud provider manages its nodes by itself: policies for that. */
export const byProviderAlone = stringify([
	{
		type: 'Operation',
		operation: 'Power and boot $system',
		description: 'Reset a system, set what it boots from',
		match: 'POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset',
		p2c: 'CP',
	},
	{
		type: 'Provisioning',
		operation: 'Set the boot device of $system',
		description: 'Set what a system boots from',
		match: 'PATCH /redfish/v1/Systems/{system}',
		properties: ['Boot.BootSourceOverrideEnabled', 'Boot.BootSourceOverrideTarget'],
		p2c: 'CP',
	},
	{ type: 'Data', operation: 'Read', description: 'Read', match: 'GET /redfish/v1/**', p2c: 'CP or HSO' },
	{
		type: 'Operation',
		operation: 'Log in and out',
		description: 'Open and end sessions',
		match: [
			'POST /redfish/v1/SessionService/Sessions',
			'DELETE /redfish/v1/SessionService/Sessions/{session}',
		],
		p2c: 'CP or HSO',
		handledBy: 'proxy',
	},
]);

/**
 * An address of this machine's that no other test process has: hil must be found by the proxy that it needs itself, and so
 * cannot take just any port.
 */
const ownAddress = ['127', (process.pid >> 16) + 1, (process.pid >> 8) & 255, process.pid & 255].join('.');

export async function startHilSite(t: ExecutionContext, options: HilSiteOptions): Promise<HilSite> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bm-hil-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const secret = async (name: string): Promise<string> => {
		const password = generatePassword();
		await writeFile(path.join(folder, `${name}.password`), password, { mode: 0o600 });
		return password;
	};
	const root = await secret('root');
	for (const user of options.users ?? []) await secret(user);
	const tls = await createTestTls({ addresses: ['127.0.0.1', ownAddress] });
	const hilUrl = `https://${ownAddress}:5000`;
	const { users: _, external, ...rest } = options;
	const site = await writeSiteFolder(folder, { ...rest, tls, external: external?.(hilUrl) ?? {} });
	for (const { name, password } of site.operators)
		await writeFile(path.join(folder, `${name}.password`), password, { mode: 0o600 });
	const proxy = await startProxy(readSite(site.config), { logger: silentLogger });
	t.teardown(() => proxy.close());

	const config = path.join(folder, 'hil.yaml');
	const account = site.operators.find(({ party }) => party === 'CP');
	if (!account) throw new Error('hil acts for CP, and there is none');
	const { url } = proxy;
	await writeFile(
		config,
		stringify({
			store: { file: 'hil/hil.db' },
			listen: { host: ownAddress, port: 5000 },
			tls: { certificate: 'proxy.crt.pem', key: 'proxy.key.pem' },
			vlans: '100-199',
			admin: { username: 'root', password: 'root.password' },
			obm: [{ proxy: url, ca: 'ca.pem', username: account.name, password: `${account.name}.password` }],
		}),
	);
	await mkdir(path.join(folder, 'hil'));
	const hil = await openHil(readHilSite(config), { logger: silentLogger });
	t.teardown(() => hil.close());
	const toHil = createAsk(hilUrl, tls.ca);
	t.teardown(() => toHil.close());
	const client = createHilClient({ url: hilUrl, username: 'root', password: root, ca: tls.ca });
	t.teardown(() => client.close());
	const call: HilSite['hil']['root'] = async (method, target, body) => {
		const answer = await toHil.ask({ name: 'root', password: root }, method, target, { body });
		if (answer.status > 299) throw new Error(`${method} ${target}: ${answer.whole}`);
		return answer.json;
	};
	const toProxy = createAsk(url, tls.ca);
	t.teardown(() => toProxy.close());
	return {
		folder,
		operators: site.operators,
		hil: {
			url: hilUrl,
			client,
			root: call,
			async register({ node, port, mac }) {
				await call('PUT', `/v0/node/${node}`, { obmd: { uri: `${url}/bmc/${node}`, admin_token: '' } });
				await call('PUT', `/v0/node/${node}/nic/eth0`, { macaddr: mac });
				await call('PUT', `/v0/switch/tor/port/${port}`);
				await call('POST', `/v0/switch/tor/port/${port}/connect_nic`, { node, nic: 'eth0' });
			},
			async join(user, project) {
				const password = await readFile(path.join(folder, `${user}.password`), 'utf8');
				await call('PUT', `/v0/project/${project}`);
				await call('PUT', `/v0/auth/basic/user/${user}`, { password });
				await call('POST', `/v0/auth/basic/user/${user}/add_project`, { project });
			},
		},
		proxy: {
			url,
			bmcs: proxy.bmcs,
			as(party, ...args) {
				const operator = site.operators.find(each => each.party === party);
				if (!operator) throw new Error(`nobody of ${party}`);
				return toProxy.ask(operator, ...args);
			},
		},
	};
}

/** `<name>.netrc` for curl, beside each `<name>.password`. */
export async function writeNetrc(folder: string, names: readonly string[]): Promise<void> {
	for (const name of names) {
		const password = await readFile(path.join(folder, `${name}.password`), 'utf8');
		const line = `default login ${name} password ${password}\n`;
		await writeFile(path.join(folder, `${name}.netrc`), line, { mode: 0o600 });
	}
}
