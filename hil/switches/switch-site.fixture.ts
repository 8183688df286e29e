import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { silentLogger } from '../../common/log/logger.ts';
import { openHil } from '../open-hil.ts';
import { readHilSite } from '../site.ts';

/** A running hil of a site of its own, and its administrator's calls. */
export interface SwitchSite {
	call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
	/** Asks for something that takes time, and waits for its end. */
	change(method: string, path: string, body: unknown): Promise<Record<string, unknown>>;
	/** Registers a switch with a port of a node `n1`, in a project `red` with a network `inner` of VLAN 100. */
	register(settings: Readonly<Record<string, string>>, port: string): Promise<void>;
	close(): Promise<void>;
}

/** By what the site knows its switches, as the texts of its files. */
export interface SiteTrust {
	readonly ca?: string;
	readonly knownHosts?: string;
}

/** A folder with the files of a site; gone with the test. */
export async function makeSiteFolder(t: ExecutionContext, { ca, knownHosts }: SiteTrust): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'hil-switches-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(join(folder, 'admin.password'), 'administrator\n');
	await chmod(join(folder, 'admin.password'), 0o600);
	if (ca !== undefined) await writeFile(join(folder, 'switches-ca.pem'), ca);
	if (knownHosts !== undefined) await writeFile(join(folder, 'known_hosts'), knownHosts);
	const known = [ca && 'ca: switches-ca.pem', knownHosts && 'knownHosts: known_hosts'].filter(Boolean);
	await writeFile(
		join(folder, 'hil.yaml'),
		`
store: { file: state/hil.db }
listen: { port: 0 }
vlans: 100-102
switches: { ${known.join(', ')} }
admin: { username: root, password: admin.password }
`,
	);
	return folder;
}

export async function startSwitchSite(t: ExecutionContext, folder: string): Promise<SwitchSite> {
	const hil = await openHil(readHilSite(join(folder, 'hil.yaml')), { logger: silentLogger });
	t.teardown(() => hil.close());
	const authorization = `Basic ${Buffer.from('root:administrator').toString('base64')}`;
	const call: SwitchSite['call'] = async (method, path, body) => {
		const answer = await fetch(`${hil.url}${path}`, {
			method,
			headers: { authorization },
			...(body !== undefined && { body: JSON.stringify(body) }),
		});
		const text = await answer.text();
		if (answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
		return text === '' ? {} : JSON.parse(text);
	};
	return {
		call,
		async change(method, path, body) {
			const { status_id: id } = await call(method, path, body);
			return call('GET', `/v1/action/${id}?wait=20000`);
		},
		async register(settings, port) {
			await call('PUT', '/v0/switch/tor', settings);
			await call('PUT', `/v0/switch/tor/port/${port}`);
			await call('PUT', '/v0/project/red');
			await call('PUT', '/v0/node/n1', { obmd: { uri: 'https://proxy/bmc/n1', admin_token: '' } });
			await call('PUT', '/v0/node/n1/nic/eth0', { macaddr: '02:00:00:00:00:01' });
			await call('POST', `/v0/switch/tor/port/${port}/connect_nic`, { node: 'n1', nic: 'eth0' });
			await call('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' });
			await call('POST', '/v0/project/red/connect_node', { node: 'n1' });
		},
		close: () => hil.close(),
	};
}
