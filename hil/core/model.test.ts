// Whoever asks for whatever in whatever order: an independent small model says what must come of it, and what is
// recorded is looked at after each step.
import test from 'ava';
import fc from 'fast-check';
import type { ActionName } from '../authorize/table.ts';
import { actions } from '../model/action.ts';
import { attachments, networks, vlans } from '../model/network.ts';
import { nodes } from '../model/node.ts';
import type { Verb } from '../perform.ts';
import { completeAction, failAction, planAction } from './actions.ts';
import { actor, type Bench, codeOf, createBench, root } from './bench.fixture.ts';
import { connectNetwork, detachNetwork } from './connections.ts';
import { createNetwork, deleteNetwork, grantAccess, revokeAccess } from './networks.ts';
import { connectNode, createProject, deleteProject, detachNode } from './projects.ts';
import { revertPort } from './switches.ts';

const teams = ['red', 'blue'];
const machines = ['n1', 'n2'];
const wires = ['w1', 'w2', 'w3'];
const people = [
	root,
	actor('alice', 'red'),
	actor('bob', 'blue'),
	actor('carol', 'red', 'blue'),
	actor('mallory'),
];

interface Wire {
	owner: string;
	/** Everybody, or these. */
	access: 'all' | Set<string>;
	vlan: number | undefined;
}
interface Pending {
	id: string;
	node: string;
	/** `revert`, a network to come, or a network to go. */
	what: 'revert' | `+${string}` | `-${string}`;
	channel: string;
}
/** What is so, as one would keep it on paper. */
class Paper {
	projects = new Set(teams);
	owner = new Map<string, string>();
	wires = new Map<string, Wire>();
	/** By node: network by channel, where the number of a VLAN is `tag`. */
	on = new Map<string, Map<string, string>>(machines.map(node => [node, new Map()]));
	pending: Pending[] = [];

	/** What is on a node once all that is pending for it is done. */
	expected(node: string): Map<string, string> {
		const on = new Map(this.on.get(node));
		for (const each of this.pending) if (each.node === node) settle(on, each);
		return on;
	}
	isBusy = (node: string) => this.pending.some(each => each.node === node);
	uses = (wire: string) => [
		...machines.filter(node => [...(this.on.get(node)?.values() ?? [])].includes(wire)),
		...this.pending.filter(({ what }) => what === `+${wire}`).map(({ node }) => node),
	];
	vlans = () => [...this.wires.values()].map(({ vlan }) => vlan);
	mayUse = (wire: string, team: string) => {
		const access = this.wires.get(wire)?.access;
		return access === 'all' || access?.has(team) === true;
	};
}

function settle(on: Map<string, string>, { what, channel }: Pending): void {
	if (what === 'revert') on.clear();
	else if (what.startsWith('+')) on.set(channel, what.slice(1));
	else on.delete(channel);
}

interface Step {
	readonly text: string;
	/** What must come of it: `ok` or a code. The paper is changed as if it came so. */
	readonly expect: (paper: Paper) => string;
	readonly run: (bench: Bench, paper: Paper) => Promise<unknown>;
}
const step = <A extends object>(
	who: number,
	action: ActionName,
	verb: Verb<A, unknown>,
	args: A,
	expect: (paper: Paper, may: (project: string | undefined) => boolean) => string,
): Step => {
	const person = people[who] as (typeof people)[number];
	const may = (project: string | undefined) =>
		person === root || (project !== undefined && person.projects.has(project));
	return {
		text: `${person.name}: ${action} ${JSON.stringify(args)}`,
		expect: paper => expect(paper, may),
		run: bench => bench.do(action, verb, args, person),
	};
};
const refused = 'AuthorizationError';

const aWho = fc.nat(people.length - 1);
const aTeam = fc.constantFrom(...teams);
const aMachine = fc.constantFrom(...machines);
const aWire = fc.constantFrom(...wires);

const steps: fc.Arbitrary<Step>[] = [
	fc.tuple(aWho, aTeam, aMachine).map(([who, project, node]) =>
		step(who, 'project.connect-node', connectNode, { project, node }, (paper, may) => {
			if (!may(project)) return refused;
			if (!paper.projects.has(project)) return 'NotFoundError';
			if (paper.owner.has(node)) return 'BlockedError';
			paper.owner.set(node, project);
			return 'ok';
		}),
	),
	fc.tuple(aWho, aTeam, aMachine).map(([who, project, node]) =>
		step(who, 'project.detach-node', detachNode, { project, node }, (paper, may) => {
			if (!may(project)) return refused;
			if (!paper.projects.has(project) || paper.owner.get(node) !== project) return 'NotFoundError';
			if (paper.on.get(node)?.size || paper.isBusy(node)) return 'BlockedError';
			paper.owner.delete(node);
			return 'ok';
		}),
	),
	fc.tuple(aWho, aTeam).map(([who, project]) =>
		step(who, 'project.delete', deleteProject, { project }, (paper, may) => {
			if (!may(undefined)) return refused;
			if (!paper.projects.has(project)) return 'NotFoundError';
			const inUse =
				[...paper.owner.values()].includes(project) ||
				[...paper.wires.values()].some(
					({ owner, access }) => owner === project || (access !== 'all' && access.has(project)),
				);
			if (inUse) return 'BlockedError';
			paper.projects.delete(project);
			return 'ok';
		}),
	),
	fc.tuple(aWho, aTeam).map(([who, project]) =>
		step(who, 'project.create', createProject, { project }, (paper, may) => {
			if (!may(undefined)) return refused;
			if (paper.projects.has(project)) return 'DuplicateError';
			paper.projects.add(project);
			return 'ok';
		}),
	),
	fc
		.record({
			who: aWho,
			network: aWire,
			owner: fc.constantFrom('admin', ...teams),
			access: fc.constantFrom('', ...teams),
			net_id: fc.constantFrom('', '', '10', '11', '4094', '4095', '0'),
		})
		.map(({ who, ...args }) =>
			step(who, 'network.create', createNetwork, args, (paper, may) => {
				const { network, owner, access, net_id } = args;
				if (!may(owner === 'admin' ? undefined : owner)) return refused;
				if (paper.wires.has(network)) return 'DuplicateError';
				const named = owner === 'admin' ? access : owner;
				if (named !== '' && !paper.projects.has(named)) return 'NotFoundError';
				if (owner !== 'admin' && (access !== owner || net_id !== '')) return 'BadArgumentError';
				const taken = paper.vlans();
				if (net_id === '4095' || net_id === '0') return 'BadArgumentError';
				if (net_id !== '' && taken.includes(Number(net_id))) return 'BlockedError';
				const vlan = net_id === '' ? [10, 11].find(each => !taken.includes(each)) : Number(net_id);
				if (vlan === undefined) return 'AllocationError';
				paper.wires.set(network, { owner, access: access === '' ? 'all' : new Set([access]), vlan });
				return 'ok';
			}),
		),
	fc.tuple(aWho, aWire).map(([who, network]) =>
		step(who, 'network.delete', deleteNetwork, { network }, (paper, may) => {
			const wire = paper.wires.get(network);
			if (!wire) return 'NotFoundError';
			if (!may(wire.owner === 'admin' ? undefined : wire.owner)) return refused;
			if (paper.uses(network).length > 0) return 'BlockedError';
			paper.wires.delete(network);
			return 'ok';
		}),
	),
	fc.tuple(aWho, aWire, aTeam).map(([who, network, project]) =>
		step(who, 'network.grant', grantAccess, { network, project }, (paper, may) => {
			const wire = paper.wires.get(network);
			if (!wire) return 'NotFoundError';
			if (!may(wire.owner === 'admin' ? undefined : wire.owner)) return refused;
			if (!paper.projects.has(project)) return 'NotFoundError';
			if (wire.access === 'all' || wire.access.has(project)) return 'DuplicateError';
			wire.access.add(project);
			return 'ok';
		}),
	),
	fc.tuple(aWho, aWire, aTeam).map(([who, network, project]) =>
		step(who, 'network.revoke', revokeAccess, { network, project }, (paper, may) => {
			const wire = paper.wires.get(network);
			if (!wire) return 'NotFoundError';
			const leaving = wire.access === 'all' || wire.access.has(project);
			if (!may(wire.owner === 'admin' ? undefined : wire.owner) && !(leaving && may(project))) return refused;
			if (!paper.projects.has(project) || wire.access === 'all' || !wire.access.has(project)) {
				return 'NotFoundError';
			}
			if (wire.owner === project) return 'BlockedError';
			if (paper.uses(network).some(node => paper.owner.get(node) === project)) return 'BlockedError';
			wire.access.delete(project);
			return 'ok';
		}),
	),
	fc
		.tuple(aWho, aMachine, aWire, fc.constantFrom('native', 'tag', 'wrong'), fc.boolean())
		.map(([who, node, network, channel, behind]) => connecting(who, node, network, channel, behind)),
	fc
		.tuple(aWho, aMachine, aWire, fc.boolean())
		.map(([who, node, network, behind]) => detaching(who, node, network, behind)),
	fc.tuple(aWho, aMachine).map(([who, node]) => reverting(who, node)),
	fc.tuple(fc.nat(3), fc.boolean()).map(([index, isDone]) => settling(index, isDone)),
];

/** Steps that journal an action: the paper learns its id. */
function queued(inner: Step, note: (paper: Paper, id: string) => void): Step {
	return {
		...inner,
		run: async (bench, paper) => note(paper, ((await inner.run(bench, paper)) as { id: string }).id),
	};
}

function connecting(who: number, node: string, network: string, on: string, behind: boolean): Step {
	let channel = '';
	const args = {
		node,
		nic: 'eth0',
		network,
		behind,
		get channel() {
			return channel;
		},
	};
	const inner = step(who, 'node.connect-network', connectNetwork, args, (paper, may) => {
		const wire = paper.wires.get(network);
		channel = on === 'native' ? 'vlan/native' : on === 'tag' ? `vlan/${wire?.vlan}` : 'vlan/999';
		const owner = paper.owner.get(node);
		if (!may(owner)) return refused;
		if (owner === undefined) return 'ProjectMismatchError';
		if (!wire) return 'NotFoundError';
		if (!behind && paper.isBusy(node)) return 'BlockedError';
		if (!paper.mayUse(network, owner)) return 'ProjectMismatchError';
		const attached = paper.expected(node);
		if ([...attached.values()].includes(network) || attached.has(channel)) return 'BlockedError';
		return on === 'wrong' ? 'BadArgumentError' : 'ok';
	});
	return queued(inner, (paper, id) => paper.pending.push({ id, node, what: `+${network}`, channel }));
}

function detaching(who: number, node: string, network: string, behind: boolean): Step {
	const inner = step(
		who,
		'node.detach-network',
		detachNetwork,
		{ node, nic: 'eth0', network, behind },
		(paper, may) => {
			const owner = paper.owner.get(node);
			if (!may(owner)) return refused;
			if (owner === undefined) return 'ProjectMismatchError';
			if (!paper.wires.has(network)) return 'NotFoundError';
			if (!behind && paper.isBusy(node)) return 'BlockedError';
			return [...paper.expected(node).values()].includes(network) ? 'ok' : 'BadArgumentError';
		},
	);
	return queued(inner, (paper, id) => {
		const [channel = ''] = [...paper.expected(node)].find(([, each]) => each === network) ?? [];
		paper.pending.push({ id, node, what: `-${network}`, channel });
	});
}

function reverting(who: number, node: string): Step {
	const port = `p${machines.indexOf(node)}`;
	const inner = step(who, 'port.revert', revertPort, { switch: 's1', port }, (paper, may) =>
		!may(undefined) ? refused : paper.isBusy(node) ? 'BlockedError' : 'ok',
	);
	return queued(inner, (paper, id) => paper.pending.push({ id, node, what: 'revert', channel: '' }));
}

/** The worker of the switch comes to an end with one of the pending actions. */
const settling = (index: number, isDone: boolean): Step => ({
	text: `pending action ${index} ${isDone ? 'is done' : 'fails'}`,
	expect: () => 'ok',
	async run(bench, paper) {
		// The worker takes what is pending for a NIC in its order.
		const first = machines[index % machines.length];
		const at = paper.pending.findIndex(({ node }) => node === first);
		const [action] = at < 0 ? [] : paper.pending.splice(at, 1);
		if (!action) return;
		const attached = paper.on.get(action.node) ?? new Map<string, string>();
		const isObstructed =
			action.what.startsWith('+') &&
			(attached.has(action.channel) || [...attached.values()].includes(action.what.slice(1)));
		const { kind } = await bench.store.read(tx => planAction(tx, action.id));
		if (kind !== (isObstructed ? 'lost' : 'change'))
			throw new Error(`${action.what} on ${action.node}: ${kind}`);
		const isSettled = isDone && !isObstructed;
		await bench.inside(tx =>
			isSettled ? completeAction(tx, action.id, 1) : failAction(tx, action.id, 'no', 1),
		);
		if (isSettled) settle(attached, action);
	},
});

interface Recorded {
	readonly owners: Record<string, string | null>;
	readonly attached: Record<string, Record<string, string>>;
	readonly pending: string[];
}

/** What must hold of the records alone. */
async function assertSound(bench: Bench): Promise<Recorded> {
	return bench.store.read(async tx => {
		const all = {
			nodes: (await tx.list(nodes)).map(({ document }) => document),
			networks: new Map((await tx.list(networks)).map(({ id, document }) => [id, document])),
			attachments: (await tx.list(attachments)).map(({ document }) => document),
			vlans: (await tx.list(vlans)).map(({ document }) => document),
			pending: await tx.list(actions, { where: { index: 'status', equals: 'PENDING' } }),
		};
		const project = new Map(all.nodes.map(({ label, project: of }) => [label, of]));
		const numbers = [...all.networks.values()].map(({ vlan }) => vlan);
		if (new Set(numbers).size !== numbers.length) throw new Error(`a VLAN twice: ${numbers}`);
		if (numbers.some(vlan => vlan < 1 || vlan > 4094)) throw new Error(`no VLAN: ${numbers}`);
		for (const { network, vlan } of all.vlans) {
			if (network !== null && all.networks.get(network)?.vlan !== vlan)
				throw new Error(`VLAN ${vlan} is lost`);
		}
		for (const each of all.attachments) {
			const wire = all.networks.get(each.network);
			if (!wire) throw new Error(`${each.node} is on ${each.network}, which is gone`);
			if (project.get(each.node) !== each.project) throw new Error(`${each.node} left while attached`);
			if (wire.access !== null && !wire.access.includes(each.project)) {
				throw new Error(`${each.project} is on ${each.network} without access`);
			}
		}
		const orders = all.pending.map(({ document }) => document.order);
		if (new Set(orders).size !== orders.length) throw new Error('two actions in one place');
		const attached: Record<string, Record<string, string>> = {};
		for (const { node, channel, network } of all.attachments) {
			attached[node] = { ...attached[node], [channel]: network };
		}
		return {
			owners: Object.fromEntries(project),
			attached,
			pending: all.pending.map(({ id }) => id).sort(),
		};
	});
}

test('random verbs by random people come out as on paper, and leave the records sound', async t => {
	const seen = new Map<string, number>();
	await fc.assert(
		fc.asyncProperty(fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 80 }), async script => {
			const bench = await createBench({ pool: [10, 11] });
			await bench.furnish({ projects: teams, nodes: machines });
			const paper = new Paper();
			for (const { text, expect, run } of script) {
				const expected = expect(paper);
				const outcome = await codeOf(run(bench, paper));
				if (outcome !== expected) throw new Error(`${text}: ${outcome}, not ${expected}`);
				seen.set(expected, (seen.get(expected) ?? 0) + 1);
				const recorded = await assertSound(bench);
				const open = await bench.store.read(tx =>
					tx.list(networks, { where: { index: 'visibility', equals: 'public' } }),
				);
				for (const { id } of open) {
					if (paper.wires.get(id)?.access !== 'all') throw new Error(`${text}: ${id} became public`);
				}
				for (const node of machines) {
					if (recorded.owners[node] !== (paper.owner.get(node) ?? null)) throw new Error(`${text}: ${node}`);
					const attached = Object.fromEntries(paper.on.get(node) ?? []);
					if (!isSame(recorded.attached[node] ?? {}, attached)) {
						throw new Error(`${text}: ${node} is on ${JSON.stringify(recorded.attached[node])}`);
					}
				}
				if (!isSame(recorded.pending, paper.pending.map(({ id }) => id).sort())) {
					throw new Error(`${text}: other actions are pending`);
				}
			}
		}),
		{ numRuns: 300 },
	);
	// A generator that reaches nothing would prove nothing.
	for (const code of [
		'ok',
		refused,
		'BlockedError',
		'ProjectMismatchError',
		'NotFoundError',
		'BadArgumentError',
	]) {
		t.true((seen.get(code) ?? 0) > 50, `${code}: ${seen.get(code)}`);
	}
});

const isSame = (a: object, b: object): boolean => {
	const sorted = (of: object) =>
		Array.isArray(of) ? of : Object.entries(of).sort(([one], [other]) => (one < other ? -1 : 1));
	return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
};
