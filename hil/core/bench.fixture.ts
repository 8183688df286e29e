import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import type { Store } from '../../common/store/store.ts';
import type { Actor } from '../authorize/actor.ts';
import type { ActionName } from '../authorize/table.ts';
import { nativelessTrunk, type SwitchKind } from '../model/switch-kind.ts';
import { look, perform, type ReadVerb, type Verb } from '../perform.ts';
import { completeAction } from './actions.ts';
import { connectNetwork, detachNetwork } from './connections.ts';
import { createNetwork } from './networks.ts';
import { registerNic, registerNode } from './nodes.ts';
import { connectNode, createProject } from './projects.ts';
import { connectNic, registerPort, registerSwitch } from './switches.ts';
import { setVlanPool } from './vlans.ts';
import type { World } from './world.ts';

export const actor = (name: string, ...projects: readonly string[]): Actor => ({
	name,
	isAdmin: name === 'root',
	projects: new Set(projects),
});
export const root = actor('root');

const kind = (type: string, capabilities: readonly string[]): SwitchKind => ({
	type,
	capabilities,
	settings: z.strictObject({ host: z.string(), password: z.string() }),
	secrets: ['password'],
	isPortName: name => /^p\d+(\/\d+)?$/.test(name),
	portNames: 'p1, p2 and so on',
});
export const plainSwitch = 'urn:test:plain';
export const nativeFirstSwitch = 'urn:test:native-first';

export interface Bench {
	readonly store: Store;
	world(who?: Actor): World;
	/** Carries a verb out as somebody; administrators when nobody is named. */
	do<A extends object, R>(action: ActionName, verb: Verb<A, R>, args: A, who?: Actor): Promise<R>;
	see<A extends object, R>(action: ActionName, verb: ReadVerb<A, R>, args: A, who?: Actor): Promise<R>;
	/** Runs what is outside the interface. */
	inside<R>(work: Parameters<Store['transact']>[0]): Promise<R>;
	/** Projects, and nodes with a NIC `eth0` each in a port of its own on switch `s1`. */
	furnish(options: { projects: readonly string[]; nodes: readonly string[]; type?: string }): Promise<void>;
}

export async function createBench(
	options: { pool?: readonly number[]; maintenance?: string; marksUncleaned?: boolean; store?: Store } = {},
): Promise<Bench> {
	const { pool = [100, 101, 102], maintenance, marksUncleaned, store = createMemoryStore() } = options;
	await store.transact(tx => setVlanPool(tx, new Set(pool)));
	const world = (who: Actor = root): World => ({
		actor: who,
		now: 1000,
		newId: randomUUID,
		switchKinds: new Map([
			[plainSwitch, kind(plainSwitch, [nativelessTrunk])],
			[nativeFirstSwitch, kind(nativeFirstSwitch, [])],
		]),
		seal: text => `sealed:${Buffer.from(text).toString('base64')}`,
		images: ['debian'],
		maintenance,
		marksUncleaned,
		obmUrls: ['https://proxy.example'],
	});
	const bench: Bench = {
		store,
		world,
		do: (action, verb, args, who) => perform(store, action, verb, args, world(who)),
		see: (action, verb, args, who) => look(store, action, verb, args, world(who)),
		inside: work => store.transact(work) as Promise<never>,
		async furnish({ projects, nodes, type = plainSwitch }) {
			for (const project of projects) await bench.do('project.create', createProject, { project });
			const settings = { host: 'h', password: 'secret' };
			await bench.do('switch.register', registerSwitch, { switch: 's1', type, ...settings });
			for (const [index, node] of nodes.entries()) {
				const place = { switch: 's1', port: `p${index}` };
				const obmd = { uri: `https://proxy.example/bmc/${node}` };
				await bench.do('node.register', registerNode, { node, obmd });
				await bench.do('node.register-nic', registerNic, { node, nic: 'eth0', macaddr: '02:00:00:00:00:01' });
				await bench.do('port.register', registerPort, place);
				await bench.do('port.connect-nic', connectNic, { ...place, node, nic: 'eth0' });
			}
		},
	};
	return bench;
}

/** The error's code, or `ok`. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
	promise.then(
		() => 'ok',
		(error: { code?: string; message: string }) => error.code ?? error.message,
	);

export const alice = actor('alice', 'red');
export const bob = actor('bob', 'blue');
export const eth0 = (of: string) => ({ node: of, nic: 'eth0' });

/** Projects red (alice) and blue (bob); node n1 is red's, n2 is free; red has a network `rednet`. */
export async function withNetworks(options: Parameters<typeof createBench>[0] & { type?: string } = {}) {
	const bench = await createBench(options);
	const { type } = options;
	await bench.furnish({ projects: ['red', 'blue'], nodes: ['n1', 'n2'], ...(type && { type }) });
	await bench.do('project.connect-node', connectNode, { project: 'red', node: 'n1' }, alice);
	const red = { network: 'rednet', owner: 'red', access: 'red', net_id: '' };
	await bench.do('network.create', createNetwork, red, alice);
	const attach = (network: string, channel?: string) =>
		bench.do('node.connect-network', connectNetwork, { ...eth0('n1'), network, channel }, alice);
	const detach = (network: string) =>
		bench.do('node.detach-network', detachNetwork, { ...eth0('n1'), network }, alice);
	const done = (id: string) => bench.inside(tx => completeAction(tx, id, 2000));
	const admins = (network: string, access: string, net_id = '') =>
		bench.do('network.create', createNetwork, { network, owner: 'admin', access, net_id });
	return { bench, attach, detach, done, admins };
}
