import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { openStore } from '../common/store/open-store.ts';
import type { Transaction } from '../common/store/store.ts';
import * as nodes from '../hil/core/nodes.ts';
import * as switches from '../hil/core/switches.ts';
import type { World } from '../hil/core/world.ts';
import { startHil } from '../hil/hil.fixture.ts';
import { createMockSwitches } from '../hil/switches/mock.ts';
import { openVswitchType } from '../hil/switches/open-vswitch/driver.ts';
import { startTestVswitch } from '../hil/switches/open-vswitch/open-vswitch.fixture.ts';

/** Which switch the nodes that move are on. */
export type Place = 'Open vSwitch' | 'mock';

/** hil with so many nodes; `n0`, `n1` … are in the ports of the switch that counts, 48 of them. */
export interface Site {
	readonly size: number;
	call(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }>;
	/** The untagged VLAN of a node's port, asked of the switch itself. */
	vlanOf(node: number): Promise<number | undefined>;
	close(): Promise<void>;
}

/** Ports of a switch: what one in a rack has. */
const perSwitch = 48;
/** Callers at once. */
export const many = 8;
const projects = ['red', 'blue'];

/** Opens a site with a durable store. All nodes beyond the first 48 are recorded on other switches, which nobody asks. */
export async function openSite(size: number, place: Place): Promise<Site> {
	const ends: (() => unknown)[] = [];
	const close = async () => {
		for (const end of ends.splice(0).reverse()) await end();
	};
	try {
		const folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-hil-'));
		ends.push(() => rm(folder, { recursive: true }));
		const store = await openStore({ engine: 'sqlite', file: join(folder, 'hil.db') });
		ends.push(() => store.close());
		const vswitch = place === 'mock' ? undefined : await startTestVswitch();
		if (vswitch) {
			ends.push(() => vswitch.close());
			await vswitch.addPorts('br0-off', ...Array.from({ length: perSwitch }, (_, index) => `n${index}`));
		}
		const real = vswitch && { type: openVswitchType({ ca: undefined }), settings: vswitch.settings };
		const hil = await startHil(
			{ teardown: end => void ends.push(end) },
			{ store, pool: [10, 11], types: real ? [real.type] : [] },
		);
		const mock = createMockSwitches().type;
		const world: World = {
			actor: { name: 'bench', isAdmin: true, projects: new Set() },
			now: 0,
			newId: randomUUID,
			switchKinds: new Map([mock, ...(real ? [real.type] : [])].map(type => [type.type, type])),
			seal: text => text,
			images: [],
			maintenance: undefined,
			obmUrls: [],
		};
		const record = async (tx: Transaction, index: number): Promise<void> => {
			const node = `n${index}`;
			const label = `s${Math.floor(index / perSwitch)}`;
			const isReal = real && index < perSwitch;
			if (index % perSwitch === 0) {
				const settings = isReal ? real.settings : { hostname: label, username: 'u', password: 'p' };
				const type = isReal ? real.type.type : mock.type;
				await switches.registerSwitch(tx, { switch: label, type, ...settings }, world);
			}
			const port = isReal ? node : `gi1/0/${index}`;
			const metadata = { ram: 64 + (index % 8) * 64, rack: `r${index % 100}` };
			await nodes.registerNode(
				tx,
				{ node, obmd: { uri: `https://proxy.example/bmc/${node}` }, metadata },
				world,
			);
			await nodes.registerNic(tx, { node, nic: 'eth0', macaddr: '' });
			await switches.registerPort(tx, { switch: label, port }, world);
			await switches.connectNic(tx, { switch: label, port, node, nic: 'eth0' });
		};
		for (let from = 0; from < size; from += 1000) {
			await store.transact(async tx => {
				for (let index = from; index < Math.min(size, from + 1000); index++) await record(tx, index);
			});
		}
		const agent = new Agent({ connections: many });
		ends.push(() => agent.destroy());
		const authorization = `Basic ${Buffer.from('root:root').toString('base64')}`;
		const call: Site['call'] = async (method, path, body) => {
			const answer = await request(`${hil.url}${path.startsWith('/') ? path : `/v0/${path}`}`, {
				method: method as 'GET',
				headers: { authorization },
				body: body ? JSON.stringify(body) : null,
				dispatcher: agent,
			});
			const text = await answer.body.text();
			if (answer.statusCode > 299) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
			return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) };
		};
		for (const project of projects) {
			await call('PUT', `project/${project}`);
			await call('PUT', `network/${project}net`, { owner: project, access: project, net_id: '' });
		}
		return {
			size,
			call,
			async vlanOf(node) {
				if (!vswitch) return hil.mocks.at('s0').ports.get(`gi1/0/${node}`)?.native ?? undefined;
				const where = [['name', '==', `n${node}`]];
				const [found] = await vswitch
					.daemons()
					.ovsdb.transact([{ op: 'select', table: 'Port', where, columns: ['tag'] }]);
				const { rows } = found as { rows: [{ tag: unknown }] };
				assert(rows[0]);
				return typeof rows[0].tag === 'number' ? rows[0].tag : undefined;
			},
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}
