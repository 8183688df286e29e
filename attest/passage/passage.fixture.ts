import type { Passage } from '../model/passage.ts';

/** A passage of node n1 into project red. */
export const somePassage = (of: Partial<Passage> = {}): Passage =>
	({
		...{ state: 'passing', stage: 'take', node: 'n1', project: 'red', attestation: 'verifier' },
		networks: [{ nic: 'eth0', network: 'rednet', channel: 'vlan/native' }],
		...{ policy: null, interval: null, lease: null, within: null, awaitsPayload: false, nic: 'eth0' },
		...{ origin: null, leaseEnd: null, askedAt: 1, askedBy: 'alice', admission: null, waits: null },
		...{
			operation: null,
			disk: null,
			airlock: null,
			trouble: null,
			attempts: 0,
			chores: [],
			history: [],
			revision: 0,
		},
		...of,
	}) as Passage;
