import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { silentLogger } from '../../common/log/logger.ts';
import type { PortState } from '../../hil/core/actions.ts';
import { openHil } from '../../hil/open-hil.ts';
import { readHilSite } from '../../hil/site.ts';
import { fileSwitchType, readSwitchFile } from './file-switch.fixture.ts';
import { writeHilSite } from './hil-site.ts';
import { type Caller, createCaller, password } from './moved-node.ts';

export const nothing: PortState = { native: null, tagged: [] };
/** Of the networks: the airlock's, and that of project red. */
export const vlans = { airlocknet: 100, rednet: 101 };

/** hil with an airlock and project red, and a switch that tells what it carries at each change. */
export interface PassageHil {
	readonly url: string;
	/** Everything in it is gone with the test; `hil.password` is root's. */
	readonly folder: string;
	readonly root: Caller;
	readonly seen: readonly { readonly port: string; readonly state: PortState; readonly at: number }[];
	carried(port: string): PortState;
	/** Makes a free node of that name, in the port of that name. */
	node(name: string): Promise<void>;
}

export async function startPassageHil(t: ExecutionContext): Promise<PassageHil> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-passage-'));
	t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
	const { config } = await writeHilSite(folder);
	const switchFile = path.join(folder, 'switch.json');
	const seen: { port: string; state: PortState; at: number }[] = [];
	const hil = await openHil(readHilSite(config), {
		logger: silentLogger,
		through({ store, types }) {
			const type = fileSwitchType(switchFile, () => undefined);
			const watched = {
				...type,
				open: (...args: Parameters<typeof type.open>) => {
					const driver = type.open(...args);
					return {
						...driver,
						async setPort(...set: Parameters<typeof driver.setPort>) {
							await driver.setPort(...set);
							seen.push({ port: set[0], state: set[1], at: performance.now() });
						},
					};
				},
			};
			return { store, types: new Map([...types, [type.type, watched]]) };
		},
	});
	t.teardown(() => hil.close());
	const root = createCaller(hil.url);
	await root.ok('PUT', '/v0/switch/s', { type: 'urn:test:file' });
	for (const project of ['airlock', 'rejected', 'red']) await root.ok('PUT', `/v0/project/${project}`);
	for (const owner of ['airlock', 'red'])
		await root.ok('PUT', `/v0/network/${owner}net`, { owner, access: owner, net_id: '' });
	await writeFile(path.join(folder, 'hil.password'), `${password}\n`, { mode: 0o600 });
	return {
		...{ url: hil.url, folder, root, seen },
		carried: port => readSwitchFile(switchFile)[port] ?? nothing,
		async node(name) {
			const port = `/v0/switch/s/port/${name}`;
			await root.ok('PUT', `/v0/node/${name}`, { obmd: { uri: 'https://p/bmc/n', admin_token: '' } });
			await root.ok('PUT', `/v0/node/${name}/nic/eth0`, { macaddr: '' });
			await root.ok('PUT', port);
			await root.ok('POST', `${port}/connect_nic`, { node: name, nic: 'eth0' });
		},
	};
}

/** Of what a port has carried: the airlock's comes before the tenant's, and never after it; between them there is nothing. */
export function isOneAfterTheOther(natives: readonly (number | null)[]): boolean {
	const first = natives.indexOf(vlans.rednet);
	return first < 0 || (natives.lastIndexOf(vlans.airlocknet) < first && natives[first - 1] === null);
}
