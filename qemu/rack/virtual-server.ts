import type { Accelerator } from '../machine/accelerator.ts';
import { createServer, type Server } from '../server/server.ts';
import type { NodePlan } from './rack-plan.ts';

/** Steps back for the BMCs, which answer from one process for all servers. */
const NICENESS = 5;

/** A node of the plan as a virtual machine, with what the rack has made for it. */
export function virtualServer(parts: {
	readonly node: NodePlan;
	readonly folder: string;
	readonly run: string;
	/** Its qcow2 disk. */
	readonly disk: string | undefined;
	/** One for each NIC; none where the rack has no switch. */
	readonly taps: readonly string[];
	/** The switch's network namespace. */
	readonly network: string | undefined;
	readonly accelerator: Accelerator;
	readonly consoleFile: string;
	/** Folder of the authority that signs the TPMs' endorsement keys. */
	readonly tpmAuthority: string;
}): Server {
	const { node, taps } = parts;
	return createServer({
		folder: parts.folder,
		run: parts.run,
		memoryMiB: node.memoryMiB,
		cpus: node.cpus,
		firmware: node.firmware,
		nics: node.nics.map(({ mac }, index) => ({ mac, tap: taps[index] })),
		disks: parts.disk === undefined ? [] : [{ file: parts.disk, format: 'qcow2' }],
		tpm: node.hasTpm ? { authority: parts.tpmAuthority } : undefined,
		consoleFile: parts.consoleFile,
		accelerator: parts.accelerator,
		watts: node.watts,
		network: parts.network,
		niceness: NICENESS,
	});
}
