// hil's workers with the drivers over HTTPS, against switches that lose requests and answers, refuse, and pretend: at no moment
// does a port carry a VLAN of a project that its node does not belong to.
import test from 'ava';
import fc from 'fast-check';
import type { PortState } from '../core/actions.ts';
import { createNetwork, deleteNetwork } from '../core/networks.ts';
import { connectNode, createProject, detachNode } from '../core/projects.ts';
import { actions } from '../model/action.ts';
import { networks } from '../model/network.ts';
import { nodes } from '../model/node.ts';
import { createNetworkBench, type NetworkBench, portOf } from '../network/network.fixture.ts';
import { createBrocade } from './brocade/driver.ts';
import { startVdx } from './brocade/simulator.fixture.ts';
import { createDellOs10 } from './dell-os10/driver.ts';
import { startOs10 } from './dell-os10/simulator.fixture.ts';
import type { SwitchType } from './driver.ts';
import { createMockSwitches } from './mock.ts';
import { createNexus } from './nexus/driver.ts';
import { startNexus } from './nexus/simulator.fixture.ts';
import { createHttps } from './transport/https.ts';
import { account, type Fault, type HttpsSimulator } from './transport/https-simulator.fixture.ts';

interface Device {
	readonly simulator: HttpsSimulator & {
		readonly history: { readonly port: string; readonly state: PortState }[];
	};
	readonly type: SwitchType;
	readonly own: Readonly<Record<string, unknown>>;
	/** Where nodes 1 and 2 are. */
	readonly ports: readonly [string, string];
	carries(port: string): PortState;
}

const trust = ({ ca }: HttpsSimulator) => createHttps({ ca, knownHosts: undefined }, { quiet: 0 });
const devices: Readonly<Record<string, () => Promise<Device>>> = {
	async nexus() {
		const simulator = await startNexus();
		const { carries } = simulator;
		const ports = ['Ethernet1/1', 'Ethernet1/2'] as const;
		return { simulator, carries, ports, type: createNexus(trust(simulator)), own: { dummy_vlan: 999 } };
	},
	async 'dell-os10'() {
		const simulator = await startOs10();
		const { carries } = simulator;
		const ports = ['ethernet1/1/1', 'ethernet1/1/2'] as const;
		return { simulator, carries, ports, type: createDellOs10(trust(simulator)), own: {} };
	},
	async brocade() {
		const simulator = await startVdx();
		const { carries } = simulator.model;
		const own = { interface_type: 'TenGigabitEthernet' };
		return { simulator, carries, ports: ['1/0/1', '1/0/2'], type: createBrocade(trust(simulator)), own };
	},
};

/** The switch of the bench, whose ports have the mock's names. */
function renamed({ type, own, ports, simulator }: Device): SwitchType {
	const mock = createMockSwitches().type;
	const nameOf = (port: string): string => ports[port === portOf(1) ? 0 : 1];
	return {
		...mock,
		capabilities: type.capabilities,
		open() {
			const driver = type.open({ hostname: simulator.host, ...account, ...own });
			return {
				...driver,
				readPort: (port, signal) => driver.readPort(nameOf(port), signal),
				setPort: (port, wanted, signal) => driver.setPort(nameOf(port), wanted, signal),
			};
		},
	};
}

type Trouble = 'cut before' | 'cut after' | 'refuses' | 'pretends' | undefined;
type Step =
	| { readonly do: 'take' | 'leave'; readonly node: string; readonly project: string }
	| {
			readonly do: 'connect' | 'detach';
			readonly node: string;
			readonly network: string;
			readonly isTagged: boolean;
	  }
	| { readonly do: 'remake'; readonly network: string; readonly project: string }
	/** From the request of this number on, once or until further notice. */
	| { readonly do: 'trouble'; readonly trouble: Trouble; readonly at: number; readonly isOnce: boolean }
	| { readonly do: 'pass' | 'crash' };

const aNode = fc.constantFrom('n1', 'n2');
const aProject = fc.constantFrom('red', 'blue');
const aNetwork = fc.constantFrom('a', 'b');
const aStep: fc.Arbitrary<Step> = fc.oneof(
	{
		weight: 3,
		arbitrary: fc.record({ do: fc.constantFrom('take', 'leave'), node: aNode, project: aProject }),
	},
	{
		weight: 6,
		arbitrary: fc.record({
			do: fc.constantFrom('connect', 'detach'),
			node: aNode,
			network: aNetwork,
			isTagged: fc.boolean(),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('remake'), network: aNetwork, project: aProject }) },
	{
		weight: 3,
		arbitrary: fc.record({
			do: fc.constant('trouble'),
			trouble: fc.constantFrom<Trouble[]>('cut before', 'cut after', 'refuses', 'pretends', undefined),
			at: fc.nat({ max: 6 }),
			isOnce: fc.boolean(),
		}),
	},
	{ weight: 2, arbitrary: fc.constant({ do: 'pass' as const }) },
	{ weight: 1, arbitrary: fc.constant({ do: 'crash' as const }) },
) as fc.Arbitrary<Step>;

/** Refusals of hil are part of the game. */
const tried = (promise: Promise<unknown>): Promise<boolean> =>
	promise.then(
		() => true,
		(fault: { code?: string }) => {
			if (fault.code === undefined) throw fault;
			return false;
		},
	);

function trouble({ simulator }: Device, step: Extract<Step, { do: 'trouble' }>): void {
	let count = 0;
	const says = (status: number, body = ''): Fault => ({ kind: 'pretends', response: { status, body } });
	simulator.fault = ({ body }) => {
		const at = count++;
		if (at < step.at || (step.isOnce && at > step.at)) return undefined;
		if (step.trouble === 'refuses') return says(400, '<x><error-message>no</error-message></x>');
		if (step.trouble !== 'pretends') return step.trouble && { kind: step.trouble };
		const calls = body.startsWith('[') ? (JSON.parse(body) as { readonly id: number }[]) : undefined;
		if (!calls) return says(204);
		return says(200, JSON.stringify(calls.map(({ id }) => ({ jsonrpc: '2.0', result: null, id }))));
	};
}

async function take(bench: NetworkBench, device: Device, step: Step): Promise<NetworkBench> {
	switch (step.do) {
		case 'take':
			await tried(bench.do(connectNode, step));
			break;
		case 'leave':
			await tried(bench.do(detachNode, step));
			break;
		case 'connect': {
			const found = await bench.store.read(tx => tx.get(networks, step.network));
			await tried(bench.connect(step.node, step.network, step.isTagged ? `vlan/${found?.vlan}` : undefined));
			break;
		}
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
			trouble(device, step);
			break;
		case 'pass':
			await bench.pass(2000);
			break;
		case 'crash': {
			await bench.workers.close();
			const next = await createNetworkBench({ store: bench.store, type: renamed(device) });
			await next.workers.start();
			await next.workers.idle();
			return next;
		}
		default:
			step satisfies never;
	}
	await bench.workers.idle();
	return bench;
}

/** The VLANs that each port may carry, by the projects of nodes and networks. */
async function allowedVlans(bench: NetworkBench, { ports }: Device): Promise<ReadonlyMap<string, number[]>> {
	return bench.store.read(async tx => {
		const allowed = new Map<string, number[]>();
		for (const [index, port] of ports.entries()) {
			const project = (await tx.get(nodes, `n${index + 1}`))?.project ?? null;
			const all = await tx.list(networks);
			const own = all.filter(({ document }) => project !== null && document.owner === project);
			allowed.set(
				port,
				own.map(({ document }) => document.vlan),
			);
		}
		return allowed;
	});
}

const vlansOf = ({ native, tagged }: PortState): number[] => [
	...(native === null ? [] : [native]),
	...tagged,
];

for (const [name, start] of Object.entries(devices)) {
	test(`${name}: no port ever carries a network of others, through any faults and restarts`, async t => {
		let connected = 0;
		await fc.assert(
			fc.asyncProperty(fc.array(aStep, { minLength: 10, maxLength: 30 }), async script => {
				const device = await start();
				const { history } = device.simulator;
				let bench = await createNetworkBench({ type: renamed(device) });
				try {
					await bench.do(createProject, { project: 'blue' });
					await bench.do(deleteNetwork, { network: 'b' });
					await bench.do(createNetwork, { network: 'b', owner: 'blue', access: 'blue', net_id: '' });
					let before = await allowedVlans(bench, device);
					for (const step of script) {
						bench = await take(bench, device, step);
						const after = await allowedVlans(bench, device);
						for (const { port, state } of history.splice(0)) {
							const stray = vlansOf(state).find(
								vlan =>
									before.get(port)?.includes(vlan) === false && after.get(port)?.includes(vlan) === false,
							);
							if (stray !== undefined) throw new Error(`${JSON.stringify(step)}: ${port} carries ${stray}`);
						}
						for (const port of device.ports) {
							const stray = vlansOf(device.carries(port)).find(vlan => !after.get(port)?.includes(vlan));
							if (stray !== undefined)
								throw new Error(`${JSON.stringify(step)}: ${port} is left with ${stray}`);
						}
						connected += (await bench.attached('n1')).length;
						before = after;
					}
					// Left alone with a switch that works, everything comes to an end.
					device.simulator.fault = undefined;
					await bench.pass(61_000);
					const where = { index: 'status', equals: 'PENDING' } as const;
					const pending = await bench.store.read(tx => tx.list(actions, { where }));
					if (pending.length > 0) throw new Error(`still pending: ${JSON.stringify(pending)}`);
				} finally {
					await bench.workers.close();
					await device.simulator.close();
				}
			}),
			{ numRuns: 15 },
		);
		t.true(connected > 5, `${connected}: too few were ever attached for this to mean anything`);
	});
}
