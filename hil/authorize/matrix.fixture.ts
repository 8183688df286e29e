import { actor, type Bench, codeOf, createBench, root } from '../core/bench.fixture.ts';
import { makeChange } from '../core/changes.ts';
import { connectNetwork } from '../core/connections.ts';
import { createHeadnode } from '../core/headnodes.ts';
import { createNetwork, grantAccess, revokeAccess } from '../core/networks.ts';
import { connectNode } from '../core/projects.ts';
import { revertPort } from '../core/switches.ts';
import type { ChangeStep } from '../model/change.ts';
import type { Actor } from './actor.ts';
import { authorize } from './decide.ts';
import type { Arguments } from './facts.ts';
import { type ActionName, type Rule, rules } from './table.ts';

/** Who tries: of every kind one. */
export const actors: readonly Actor[] = [
	root,
	actor('member of red', 'red'),
	actor('member of blue', 'blue'),
	actor('member of none'),
	actor('member of a project that is gone', 'green'),
];

/** What each rule is tried on. Networks: red's own (blue has access), and the administrators'. */
interface Ids {
	readonly red: string;
	readonly free: string;
	/** Changes of red's node, and of red's and blue's. */
	readonly change: string;
	readonly both: string;
}

function situations(ids: Ids): Readonly<Record<Rule, Readonly<Record<string, Arguments>>>> {
	const networks = {
		"red's network, blue has access": { network: 'rednet' },
		'public network': { network: 'open' },
		"administrators' network for blue": { network: 'bluenet' },
		"administrators' network for nobody": { network: 'nobodys' },
		'no such network': { network: 'none' },
	};
	const nodes = { "red's node": { node: 'n1' }, 'free node': { node: 'n2' }, 'no such node': { node: 'n9' } };
	const naming = (project: string, of: Readonly<Record<string, Arguments>>) =>
		Object.entries(of).map(([name, args]) => [`${name}; ${project}`, { ...args, project }] as const);
	const pairs = Object.fromEntries([...naming('red', networks), ...naming('blue', networks)]);
	return {
		any: { '': {} },
		admin: { '': {} },
		'own-projects': {
			'what is theirs': {},
			'project red': { project: 'red' },
			'no such project': { project: 'none' },
		},
		project: { 'project red': { project: 'red' }, 'no such project': { project: 'none' } },
		node: nodes,
		'node-visible': nodes,
		'network-new': { 'owned by red': { owner: 'red' }, "administrators'": { owner: 'admin' } },
		'network-owner': networks,
		'network-visible': networks,
		'network-leave': pairs,
		'network-attachments': { ...networks, ...pairs },
		action: {
			"red's action": { id: ids.red },
			'on a free node': { id: ids.free },
			'no such action': { id: 'x' },
		},
		change: {
			"red's node": { id: ids.change },
			"red's and blue's nodes": { id: ids.both },
			'no such change': { id: 'x' },
		},
		headnode: { "red's headnode": { headnode: 'h1' }, 'no such headnode': { headnode: 'h9' } },
	};
}

export async function furnished(): Promise<{ bench: Bench; ids: Ids }> {
	const bench = await createBench();
	await bench.furnish({ projects: ['red', 'blue'], nodes: ['n1', 'n2', 'n3'] });
	await bench.do('project.connect-node', connectNode, { project: 'red', node: 'n1' });
	await bench.do('project.connect-node', connectNode, { project: 'blue', node: 'n3' });
	const make = (network: string, owner: string, access: string) =>
		bench.do('network.create', createNetwork, {
			network,
			owner,
			access,
			net_id: owner === 'admin' ? next() : '',
		});
	let vlan = 200;
	const next = () => String(vlan++);
	await make('rednet', 'red', 'red');
	await bench.do('network.grant', grantAccess, { network: 'rednet', project: 'blue' });
	await make('open', 'admin', '');
	await make('bluenet', 'admin', 'blue');
	await make('nobodys', 'admin', 'red');
	await bench.do('network.revoke', revokeAccess, { network: 'nobodys', project: 'red' });
	await bench.do('headnode.create', createHeadnode, { headnode: 'h1', project: 'red', base_img: 'debian' });
	const wanted = { node: 'n1', nic: 'eth0', network: 'rednet' };
	const red = await bench.do('node.connect-network', connectNetwork, wanted);
	const free = await bench.do('port.revert', revertPort, { switch: 's1', port: 'p1' });
	const onOpen = (node: string): ChangeStep => ({
		do: 'connect_network',
		node,
		nic: 'eth0',
		network: 'open',
	});
	const change = async (...steps: ChangeStep[]): Promise<string> =>
		(await bench.do('change.make', makeChange, { steps })).id ?? '';
	const onlyRed = await change({ ...onOpen('n1'), channel: 'vlan/200' } as ChangeStep);
	const off: ChangeStep = { do: 'detach_network', node: 'n1', nic: 'eth0', network: 'open' };
	const both = await change(off, onOpen('n3'));
	return { bench, ids: { red: red.id, free: free.id, change: onlyRed, both } };
}

const cells: Readonly<Record<string, string>> = {
	ok: 'yes',
	AuthorizationError: '-',
	NotFoundError: 'not found',
};

/** Every action on everything that it can be tried on, and what becomes of it by who tries. */
export async function decisions(
	{ bench, ids }: Awaited<ReturnType<typeof furnished>>,
	by: readonly Actor[],
): Promise<{ action: ActionName; situation: string; outcomes: string[] }[]> {
	const rows: { action: ActionName; situation: string; outcomes: string[] }[] = [];
	for (const [action, rule] of Object.entries(rules) as [ActionName, Rule][]) {
		for (const [situation, args] of Object.entries(situations(ids)[rule])) {
			const outcomes: string[] = [];
			for (const who of by) {
				const code = await codeOf(bench.store.read(tx => authorize(tx, who, action, args)));
				outcomes.push(cells[code] ?? `fault: ${code}`);
			}
			rows.push({ action, situation, outcomes });
		}
	}
	return rows;
}
