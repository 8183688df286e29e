import type { TargetSession, TargetSpec } from '../target/targets.ts';
import type { BootEntry, BootEvent, BootNetwork } from './boot-network.ts';

/** A provisioning network in memory, with its targets: for tests of what is built on one. */
export interface MemoryNetwork extends BootNetwork {
	readonly entries: Map<string, BootEntry>;
	readonly served: Map<string, TargetSpec>;
	/** Thrown by the next calls that change something, one each. */
	readonly faults: Error[];
	/** Who is logged in, by target. */
	readonly loggedIn: Map<string, TargetSession[]>;
	/** Tells of a node that boots. */
	tell(event: BootEvent): void;
}

export function createMemoryNetwork(network: string): MemoryNetwork {
	const entries = new Map<string, BootEntry>();
	const served = new Map<string, TargetSpec>();
	const loggedIn = new Map<string, TargetSession[]>();
	const faults: Error[] = [];
	const listeners = new Set<(event: BootEvent) => void>();
	const seen = new Map<string, number>();
	const fail = (): void => {
		const fault = faults.shift();
		if (fault) throw fault;
	};
	return {
		network,
		authority: `authority of ${network}`,
		entries,
		served,
		loggedIn,
		faults,
		addressOf: async mac => `10.0.0.${Number.parseInt(mac.slice(-2), 16)}`,
		async set(entry) {
			fail();
			entries.set(entry.mac, entry);
		},
		async remove(mac) {
			fail();
			entries.delete(mac);
		},
		onEvent(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		lastSeen: (mac, kind) => seen.get(`${mac} ${kind}`),
		tell(event) {
			seen.set(`${event.mac} ${event.kind}`, event.at);
			for (const listener of listeners) listener(event);
		},
		targets: {
			portals: ['10.0.0.254:3260'],
			async serve(spec) {
				fail();
				served.set(spec.iqn, spec);
			},
			async drop(iqn) {
				fail();
				served.delete(iqn);
				loggedIn.delete(iqn);
			},
			sessions: async iqn => loggedIn.get(iqn) ?? [],
			admit: async () => undefined,
			halt: () => undefined,
			resume: () => undefined,
			check: () => undefined,
			close: async () => undefined,
		},
		check: () => undefined,
		close: async () => undefined,
	};
}
