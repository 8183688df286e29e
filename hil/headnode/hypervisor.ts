import type { HeadnodeMachine } from '../core/headnodes.ts';
import { hilErrors } from '../errors.ts';

/** What runs headnodes: virtual machines beside the nodes, on their networks. */
export interface Hypervisor {
	/** Makes the machine if it is not there, and starts it if it does not run. */
	start(machine: HeadnodeMachine): Promise<void>;
	/** Ends it at once, without asking it. */
	stop(machine: HeadnodeMachine): Promise<void>;
	/** Ends it and deletes its disk; no fault when it was never there. */
	remove(machine: HeadnodeMachine): Promise<void>;
	/** The port of its screen, when it has one. */
	vncPort(machine: HeadnodeMachine): Promise<number | null>;
}

/**
 * For sites without one, as all are so far: headnodes can be planned, not run. A tenant takes a node of its own for what
 * HIL had headnodes for.
 */
export function createNoHypervisor(): Hypervisor {
	return {
		async start({ headnode }) {
			throw hilErrors.IllegalStateError(
				`Headnode ${headnode.label} cannot run: this site has no hypervisor. Use a node of the project instead.`,
			);
		},
		stop: async () => undefined,
		remove: async () => undefined,
		vncPort: async () => null,
	};
}
