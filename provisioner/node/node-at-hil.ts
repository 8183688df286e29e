import { type Clock, pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ChangeStep, FoundNodes, HilClient, Managed } from '../../hil/client.ts';
import { provisionerErrors } from '../errors.ts';

export interface NodeAtHilDeps {
	readonly hil: HilClient;
	readonly clock: Clock;
}

/** A NIC that a node can boot by. */
export interface BootNic {
	readonly label: string;
	/** Lower case, with colons. */
	readonly mac: string;
	/** The network that it carries untagged, if any. */
	readonly network: string | null;
}

/** What the provisioner has hil do to a node. Each can be asked again, and ends up the same. */
export interface NodeAtHil {
	/** The project that a node belongs to, and the NIC of that name, or its first one that has an address. */
	look(
		node: string,
		nic: string | undefined,
	): Promise<{ readonly project: string | null; readonly nic: BootNic }>;
	/** Null also for one that hil does not know any more. */
	projectOf(node: string): Promise<string | null>;
	/** The projects of all nodes that hil knows. */
	owners(): Promise<ReadonlyMap<string, string | null>>;
	/** Names of free nodes that fit hil's query, not all of them. */
	findFree(where: string): Promise<readonly string[]>;
	/** False when somebody else was faster. */
	take(project: string, node: string): Promise<boolean>;
	/** Out of the project at once: for a node that nothing was done to. */
	giveBack(project: string, node: string): Promise<void>;
	/** Begins to let a node leave its project the safe way; the departure's id. */
	release(project: string, node: string): Promise<string>;
	departure(id: string): Promise<{ readonly status: string; readonly error: string | null }>;
	/** hil's properties of a node. */
	propertiesOf(node: string): Promise<Readonly<Record<string, unknown>>>;
	/** Resolves when the switch shows it. */
	attach(node: string, nic: string, network: string): Promise<void>;
	detach(node: string, nic: string, network: string): Promise<void>;
	/** Whether a project may put a NIC on a network. */
	admits(project: string, network: string): Promise<boolean>;
	/** Every network that its NICs are on, in the order in which a switch lets go of them. */
	attachments(node: string): Promise<readonly NicNetwork[]>;
	/** Off all networks, or onto these again; resolves when the switches show it. */
	detachAll(node: string): Promise<void>;
	attachAll(node: string, networks: readonly NicNetwork[]): Promise<void>;
	/** When it leaves its project by itself (ISO 8601), if it does. */
	leaseOf(project: string, node: string): Promise<string | null>;
	/** From a project to another in one step: it is nobody's in between, and managed by nobody. Its lease stays. */
	handOver(node: string, over: { from: string; to: string; lease: string | null }): Promise<void>;
	/** Boots it anew from the network; resolves when its BMC has taken it, also after another party's approval. */
	bootFromNetwork(node: string, waiting: Waiting): Promise<void>;
	/** Resolves when its BMC says that it is off, and that it boots from nothing in particular. */
	turnOff(node: string, waiting: Waiting): Promise<void>;
}

/** A network that a NIC carries, on a channel of hil's. */
export interface NicNetwork {
	readonly nic: string;
	readonly network: string;
	readonly channel: string;
}

/** How what takes long is ended, and who is told when it waits for another party; null: no more. */
export interface Waiting {
	readonly signal: AbortSignal;
	note(what: string | null): Promise<void>;
}

const isNative = ({ channel }: NicNetwork): boolean => channel === 'vlan/native';

/** Milliseconds between two looks at what others do, and for a machine to be off after it was told. */
const look = 2000;
const patience = 120_000;

export function createNodeAtHil({ hil, clock }: NodeAtHilDeps): NodeAtHil {
	/** Until what another party must agree to has been done. @throws Cancelled when it is not to be */
	async function approved(what: string, managed: Managed, { signal, note }: Waiting): Promise<void> {
		if (!managed.waiting) return;
		await note(managed.message);
		for (;;) {
			const { status } = await hil.queued(managed.id);
			if (status === 'DONE') return note(null);
			if (status === 'ERROR') throw provisionerErrors.Cancelled(`${what} was not approved.`);
			await pause(clock, look, signal);
		}
	}

	async function nativeOf(node: string, nic: string): Promise<string | null> {
		const { nics } = await hil.node(node);
		return nics.find(({ label }) => label === nic)?.networks['vlan/native'] ?? null;
	}

	async function take(...steps: readonly ChangeStep[]): Promise<void> {
		const { id } = await hil.change(steps);
		if (id !== null) await hil.changeDone(id);
	}

	async function attachments(node: string): Promise<readonly NicNetwork[]> {
		const { nics } = await hil.node(node);
		const found = nics.flatMap(({ label: nic, networks }) =>
			Object.entries(networks).map(([channel, network]) => ({ nic, network, channel })),
		);
		// The native network is the first on and the last off, for switches that ask for one.
		return found.sort((a, b) => Number(isNative(a)) - Number(isNative(b)));
	}

	return {
		async look(node, wanted) {
			const { project, nics } = await hil.node(node);
			const nic = nics.find(({ label, macaddr }) =>
				wanted === undefined ? macaddr !== '' : label === wanted,
			);
			const mac = nic?.macaddr.toLowerCase().replaceAll('-', ':') ?? '';
			if (!nic || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) {
				const which = wanted === undefined ? 'no NIC with an address' : `no NIC ${wanted} with an address`;
				throw provisionerErrors.NotThere(`Node ${node} has ${which} that hil knows.`);
			}
			return { project, nic: { label: nic.label, mac, network: nic.networks['vlan/native'] ?? null } };
		},
		async projectOf(node) {
			try {
				return (await hil.node(node)).project;
			} catch (fault) {
				if (fault instanceof BimetalError && fault.code === 'NotFoundError') return null;
				throw fault;
			}
		},
		async owners() {
			const found = new Map<string, string | null>();
			let after: string | null = '';
			do {
				const page: FoundNodes = await hil.searchNodes({ limit: 1000, ...(after !== '' && { after }) });
				for (const { name, project } of page.nodes) found.set(name, project);
				after = page.next;
			} while (after !== null);
			return found;
		},
		async findFree(where) {
			const { nodes } = await hil.searchNodes({ free: true, limit: 100, ...(where !== '' && { where }) });
			return nodes.map(({ name }) => name);
		},
		async take(project, node) {
			try {
				await hil.change([{ do: 'connect_node', project, node }]);
				return true;
			} catch (fault) {
				if (fault instanceof BimetalError && fault.code === 'BlockedError') return false;
				throw fault;
			}
		},
		async giveBack(project, node) {
			await hil.setObm(node, false);
			await hil.change([{ do: 'detach_node', project, node }]);
		},
		release: (project, node) => hil.release(project, node),
		departure: id => hil.departure(id),
		async propertiesOf(node) {
			const { metadata } = await hil.node(node);
			return Object.fromEntries(Object.entries(metadata).map(([label, text]) => [label, JSON.parse(text)]));
		},
		async attach(node, nic, network) {
			const is = await nativeOf(node, nic);
			if (is === network) return;
			if (is !== null) throw provisionerErrors.InUse(`NIC ${nic} of node ${node} is on network ${is}.`);
			await take({ do: 'connect_network', node, nic, network });
		},
		async detach(node, nic, network) {
			if ((await nativeOf(node, nic)) === network) await take({ do: 'detach_network', node, nic, network });
		},
		async admits(project, network) {
			// A project that there is not is told by hil.
			await hil.project(project);
			const { access } = await hil.network(network);
			return access === null || access.includes(project);
		},
		attachments,
		async detachAll(node) {
			const on = await attachments(node);
			if (on.length > 0)
				await take(...on.map(({ nic, network }) => ({ do: 'detach_network', node, nic, network })));
		},
		async attachAll(node, networks) {
			const on = new Set((await attachments(node)).map(each => JSON.stringify(each)));
			const off = [...networks].reverse().filter(each => !on.has(JSON.stringify(each)));
			if (off.length > 0) await take(...off.map(each => ({ do: 'connect_network', node, ...each })));
		},
		leaseOf: async (project, node) => (await hil.project(project)).leases[node] ?? null,
		async handOver(node, { from, to, lease }) {
			if ((await hil.node(node)).project !== to) {
				await hil.setObm(node, false);
				const steps = [
					{ do: 'detach_node', project: from, node },
					{ do: 'connect_node', project: to, node },
				];
				await take(...steps).catch(async fault => {
					// What a process before us has asked may have come to pass meanwhile.
					if ((await hil.node(node)).project !== to) throw fault;
				});
			}
			if (lease !== null) await hil.administration.setLease(node, lease);
		},
		async bootFromNetwork(node, waiting) {
			await hil.setObm(node, true);
			await approved('The boot device', await hil.setBootDevice(node, 'pxe'), waiting);
			const isOff = (await hil.powerStatus(node)) === 'off';
			await approved('The power-on', await hil.power(node, isOff ? 'on' : 'force-cycle'), waiting);
		},
		async turnOff(node, waiting) {
			await hil.setObm(node, true);
			if ((await hil.powerStatus(node)) !== 'off') {
				await approved('The power-off', await hil.power(node, 'off'), waiting);
			}
			for (const until = clock.elapsed() + patience; (await hil.powerStatus(node)) !== 'off'; ) {
				if (clock.elapsed() > until) throw provisionerErrors.HilAway(`Node ${node} does not go off.`);
				await pause(clock, look, waiting.signal);
			}
			await approved('The boot device', await hil.setBootDevice(node, 'none'), waiting);
		},
	};
}
