import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import type { Store } from '../../common/store/store.ts';
import { root } from '../core/bench.fixture.ts';
import { connectNetwork, detachNetwork } from '../core/connections.ts';
import { createNetwork } from '../core/networks.ts';
import { registerNic, registerNode } from '../core/nodes.ts';
import { connectNode, createProject } from '../core/projects.ts';
import { connectNic, registerPort, registerSwitch, revertPort } from '../core/switches.ts';
import { setVlanPool } from '../core/vlans.ts';
import type { World } from '../core/world.ts';
import { type Action, actions } from '../model/action.ts';
import { attachments } from '../model/network.ts';
import { nodes as recordedNodes } from '../model/node.ts';
import type { Verb } from '../perform.ts';
import type { SwitchType } from '../switches/driver.ts';
import { createMockSwitches, type MockSwitches } from '../switches/mock.ts';
import type { DriftChecks } from './drift-watch.ts';
import { createWorkers, type Workers } from './workers.ts';

export const portOf = (node: number): string => `gi1/0/${node}`;

export interface NetworkBench {
	readonly store: Store;
	readonly clock: FakeClock;
	readonly mocks: MockSwitches;
	readonly workers: Workers;
	do<A, R>(verb: Verb<A, R>, args: A): Promise<R>;
	/** Asks for a network on a node's NIC and wakes the worker; the action's id. */
	connect(node: string, network: string, channel?: string): Promise<string>;
	detach(node: string, network: string): Promise<string>;
	revert(switchLabel: string, port: string): Promise<string>;
	action(id: string): Promise<Action>;
	/** `network on channel` of each attachment of a node. */
	attached(node: string): Promise<string[]>;
	/** Lets all timers that fall due within `ms` do their work, in steps, and waits for it. */
	pass(ms: number): Promise<void>;
}

/** Project `red` with `nodes` nodes, n1 on port gi1/0/1 and so on, networks `a` (VLAN 10) and `b` (VLAN 11). */
export async function createNetworkBench(
	options: {
		nodes?: number;
		store?: Store;
		mocks?: MockSwitches;
		type?: SwitchType;
		switches?: number;
		checks?: DriftChecks;
		registry?: Registry;
		/** Between 0 and 1. */
		random?: () => number;
	} = {},
): Promise<NetworkBench> {
	const { nodes = 2, store = createMemoryStore(), mocks = createMockSwitches() } = options;
	const { type = mocks.type, switches = 1 } = options;
	const clock = new FakeClock();
	const types = new Map([[type.type, type]]);
	const world: World = {
		actor: root,
		now: 1,
		newId: randomUUID,
		switchKinds: types,
		seal: text => text,
		images: [],
		maintenance: undefined,
		obmUrls: [],
	};
	const workers = createWorkers({
		store,
		types,
		unseal: text => text,
		clock,
		random: options.random ?? (() => 0.5),
		logger: silentLogger,
		timeout: 1000,
		checks: options.checks,
		registry: options.registry,
	});
	const perform: NetworkBench['do'] = (verb, args) => store.transact(tx => verb(tx, args, world));
	const queue = async <A>(verb: Verb<A, { id: string; switch: string }>, args: A): Promise<string> => {
		const queued = await perform(verb, args);
		workers.wake(queued.switch);
		return queued.id;
	};
	const bench: NetworkBench = {
		store,
		clock,
		mocks,
		workers,
		do: perform,
		connect: (node, network, channel) => queue(connectNetwork, { node, nic: 'eth0', network, channel }),
		detach: (node, network) => queue(detachNetwork, { node, nic: 'eth0', network }),
		revert: (label, port) => queue(revertPort, { switch: label, port }),
		async action(id) {
			const found = await store.read(tx => tx.get(actions, id));
			if (!found) throw new Error(`no action ${id}`);
			return found;
		},
		async attached(node) {
			const found = await store.read(tx => tx.list(attachments, { where: { index: 'node', equals: node } }));
			return found.map(({ document: { network, channel } }) => `${network} on ${channel}`);
		},
		async pass(ms) {
			for (let passed = 0; passed < ms; passed += 50) {
				clock.advance(50);
				await workers.idle();
			}
		},
	};
	if ((await store.read(tx => tx.count(recordedNodes))) > 0) return bench;
	await store.transact(tx => setVlanPool(tx, new Set([10, 11])));
	await perform(createProject, { project: 'red' });
	for (const network of ['a', 'b']) {
		await perform(createNetwork, { network, owner: 'red', access: 'red', net_id: '' });
	}
	for (let index = 1; index <= switches; index++) {
		const settings = { hostname: `s${index}`, username: 'u', password: 'p' };
		await perform(registerSwitch, { switch: `s${index}`, type: type.type, ...settings });
	}
	for (let index = 1; index <= nodes; index++) {
		const node = `n${index}`;
		const place = { switch: `s${((index - 1) % switches) + 1}`, port: portOf(index) };
		await perform(registerNode, { node, obmd: { uri: 'https://proxy.example/bmc/n' } });
		await perform(registerNic, { node, nic: 'eth0', macaddr: '' });
		await perform(registerPort, place);
		await perform(connectNic, { ...place, node, nic: 'eth0' });
		await perform(connectNode, { project: 'red', node });
	}
	return bench;
}
