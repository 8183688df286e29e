// Whatever is asked for, whatever the switch does, and whenever the process ends: looked at on the switch itself, no node is
// ever on a network of a project that it does not belong to, and one that is free is on none.
import test from 'ava';
import fc from 'fast-check';
import type { PortState } from '../core/actions.ts';
import { recordedPort } from '../core/drift.ts';
import { createNetwork, deleteNetwork } from '../core/networks.ts';
import { connectNode, createProject, detachNode } from '../core/projects.ts';
import { actions } from '../model/action.ts';
import { networks } from '../model/network.ts';
import { nodes } from '../model/node.ts';
import { isSameState } from '../switches/driver.ts';
import type { MockTrouble } from '../switches/mock.ts';
import type { DriftChecks } from './drift-watch.ts';
import { createNetworkBench, type NetworkBench, portOf } from './network.fixture.ts';

type Step =
	| { readonly do: 'take' | 'leave'; readonly node: string; readonly project: string }
	| { readonly do: 'connect' | 'detach'; readonly node: string; readonly network: string }
	| { readonly do: 'remake'; readonly network: string; readonly project: string }
	| { readonly do: 'trouble'; readonly trouble: MockTrouble | undefined }
	| { readonly do: 'pass'; readonly ms: number }
	| { readonly do: 'by-hand'; readonly port: number; readonly state: PortState }
	| { readonly do: 'crash' };

const aNode = fc.constantFrom('n1', 'n2');
const aProject = fc.constantFrom('red', 'blue');
const aNetwork = fc.constantFrom('a', 'b');
const troubles: readonly (MockTrouble | undefined)[] = [
	undefined,
	{ kind: 'away' },
	{ kind: 'half' },
	{ kind: 'deaf' },
	{ kind: 'lies' },
	{ kind: 'bug' },
	{ kind: 'refuses', reason: 'no' },
];
const aStep: fc.Arbitrary<Step> = fc.oneof(
	{
		weight: 3,
		arbitrary: fc.record({
			do: fc.constantFrom('take' as const, 'leave' as const),
			node: aNode,
			project: aProject,
		}),
	},
	{
		weight: 5,
		arbitrary: fc.record({
			do: fc.constantFrom('connect' as const, 'detach' as const),
			node: aNode,
			network: aNetwork,
		}),
	},
	{
		weight: 1,
		arbitrary: fc.record({ do: fc.constant('remake' as const), network: aNetwork, project: aProject }),
	},
	{
		weight: 2,
		arbitrary: fc.constantFrom(...troubles).map(trouble => ({ do: 'trouble' as const, trouble })),
	},
	{ weight: 2, arbitrary: fc.constantFrom(500, 5000).map(ms => ({ do: 'pass' as const, ms })) },
	{ weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
);

/** Refusals are part of the game; true when it was taken. */
const tried = (promise: Promise<unknown>): Promise<boolean> =>
	promise.then(
		() => true,
		(fault: { code?: string }) => {
			if (fault.code === undefined) throw fault;
			return false;
		},
	);

async function take(bench: NetworkBench, step: Step, checks?: DriftChecks): Promise<NetworkBench> {
	switch (step.do) {
		case 'take':
			await tried(bench.do(connectNode, step));
			break;
		case 'leave':
			await tried(bench.do(detachNode, step));
			break;
		case 'connect':
			await tried(bench.connect(step.node, step.network));
			break;
		case 'detach':
			await tried(bench.detach(step.node, step.network));
			break;
		case 'remake': {
			// The VLAN of what is deleted is given to whoever comes next.
			const { network, project } = step;
			if (!(await tried(bench.do(deleteNetwork, { network })))) break;
			await bench.do(createNetwork, { network, owner: project, access: project, net_id: '' });
			break;
		}
		case 'trouble':
			bench.mocks.at('s1').trouble = step.trouble;
			break;
		case 'pass':
			await bench.pass(step.ms);
			break;
		case 'by-hand':
			bench.mocks.at('s1').ports.set(portOf(step.port), step.state);
			break;
		case 'crash': {
			await bench.workers.close();
			const { store, mocks } = bench;
			const next = await createNetworkBench({ store, mocks, ...(checks && { checks }) });
			await next.workers.start();
			return next;
		}
		default:
			step satisfies never;
	}
	await bench.workers.idle();
	return bench;
}

/** Of each node, the VLANs that it is on and may not be on. */
async function strayVlans(bench: NetworkBench): Promise<string[]> {
	return bench.store.read(async tx => {
		const found: string[] = [];
		for (const [index, node] of ['n1', 'n2'].entries()) {
			const project = (await tx.get(nodes, node))?.project ?? null;
			const own = (await tx.list(networks)).filter(({ document }) => document.owner === project);
			const allowed = project === null ? [] : own.map(({ document }) => document.vlan);
			const state = bench.mocks.at('s1').ports.get(portOf(index + 1));
			const carried = [...(state?.tagged ?? []), ...(state && state.native !== null ? [state.native] : [])];
			for (const vlan of carried)
				if (!allowed.includes(vlan)) found.push(`${node} of ${project} is on ${vlan}`);
		}
		return found;
	});
}

/** Project red with both nodes and network `a`; project blue with network `b`. */
async function benchOfTwo(checks?: DriftChecks): Promise<NetworkBench> {
	const bench = await createNetworkBench({ ...(checks && { checks }) });
	await bench.do(createProject, { project: 'blue' });
	await bench.do(deleteNetwork, { network: 'b' });
	await bench.do(createNetwork, { network: 'b', owner: 'blue', access: 'blue', net_id: '' });
	return bench;
}

test('no node is ever on a network of others, through any faults and restarts', async t => {
	let attached = 0;
	await fc.assert(
		fc.asyncProperty(fc.array(aStep, { minLength: 10, maxLength: 60 }), async script => {
			let bench = await benchOfTwo();
			for (const step of script) {
				bench = await take(bench, step);
				const stray = await strayVlans(bench);
				if (stray.length > 0) throw new Error(`${JSON.stringify(step)}: ${stray.join(', ')}`);
				attached += (await bench.attached('n1')).length;
			}
			// Left alone with a switch that works, everything comes to an end.
			bench.mocks.at('s1').trouble = undefined;
			await bench.pass(61_000);
			const where = { index: 'status', equals: 'PENDING' };
			if ((await bench.store.read(tx => tx.count(actions, where))) > 0)
				throw new Error('something is still pending');
			await bench.workers.close();
		}),
		{ numRuns: 200 },
	);
	t.true(attached > 100, `${attached}: too few were ever attached for this to mean anything`);
});

const byHand: fc.Arbitrary<Step> = fc.record({
	do: fc.constant('by-hand' as const),
	port: fc.constantFrom(1, 2),
	state: fc.constantFrom<PortState>(
		{ native: null, tagged: [] },
		{ native: 10, tagged: [] },
		{ native: 11, tagged: [10] },
		{ native: null, tagged: [1, 99] },
	),
});

test('whoever changes ports by hand in between: looks that put right end with what is recorded', async t => {
	const checks: DriftChecks = { every: 30_000, repair: true };
	let meddled = 0;
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.oneof({ weight: 4, arbitrary: aStep }, { weight: 1, arbitrary: byHand }), {
				minLength: 10,
				maxLength: 40,
			}),
			async script => {
				let bench = await benchOfTwo(checks);
				await bench.workers.start();
				for (const step of script) {
					bench = await take(bench, step, checks);
					if (step.do === 'by-hand') meddled++;
				}
				bench.mocks.at('s1').trouble = undefined;
				// What is pending ends within a minute; then everything is looked at once more.
				await bench.pass(100_000);
				for (const port of [portOf(1), portOf(2)]) {
					const expected = await bench.store.read(tx => recordedPort(tx, { switch: 's1', port }));
					const carried = bench.mocks.at('s1').ports.get(port) ?? { native: null, tagged: [] };
					if (!expected || !isSameState(carried, expected.recorded))
						throw new Error(`${port}: ${JSON.stringify([carried, expected])}`);
				}
				const stray = await strayVlans(bench);
				if (stray.length > 0) throw new Error(stray.join(', '));
				await bench.workers.close();
			},
		),
		{ numRuns: 30 },
	);
	t.true(meddled > 30, `${meddled}: too little was changed by hand`);
});
