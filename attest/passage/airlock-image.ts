import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { OperationView, ProvisionerClient } from '../../provisioner/client.ts';
import { isCode } from './node-at-hil.ts';

/** What a passage has at the provisioner: the operation that boots its node, and the disk that was cloned for it. */
export interface Booted {
	readonly operation: string | null;
	readonly disk: string | null;
}

interface OfPassage {
	readonly id: string;
	readonly node: string;
	readonly nic: string;
	/** The airlock's that it is on. */
	readonly network: string;
}

/** How the provisioner boots nodes into the airlock. Each call can be repeated. */
export interface AirlockImage {
	/** Begins, or finds what was begun. Throws BootFailed where that cannot be. */
	boot(of: OfPassage): Promise<Booted>;
	/** Null when the node has come to its disk, else what is being done. Throws BootFailed when that came to nothing. */
	stageOf(operation: string): Promise<string | null>;
	/** Nothing more is done to the node for this. */
	cancel(operation: string): Promise<void>;
	/** Removes the disk, which a node that has booted does not need any more; false: not yet. */
	tidy(node: string, booted: Booted): Promise<boolean>;
}

interface Settings {
	/** The airlock's. */
	readonly project: string;
	/** As the provisioner names it: `project/name`. */
	readonly image: string;
}

export function createAirlockImage(client: ProvisionerClient, settings: Settings): AirlockImage {
	const { project, image } = settings;
	const nameFor = (passage: string): string => `airlock-${passage.slice(0, 8)}`;
	const isOpen = ({ status }: OperationView): boolean => status === 'PENDING' || status === 'UNDOING';
	const absent = (fault: unknown): undefined => {
		if (!isCode(fault, 'NotThere')) throw fault;
	};

	/** The operation that works on a node of the airlock's, whoever has begun it. */
	async function under(node: string): Promise<OperationView | undefined> {
		const all = await client.operations();
		return all.find(one => one.node === node && one.project === project && isOpen(one));
	}

	/** What a process before this one has begun, and had no time to write down. */
	async function found(id: string, node: string): Promise<Booted | undefined> {
		const operation = await under(node);
		if (operation?.kind === 'node.provision') return { operation: operation.id, disk: operation.disk };
		const booting = await client.nodes.show(node).catch(absent);
		if (booting?.project !== project) return undefined;
		const disk = (await client.disks(project)).find(({ name }) => name === nameFor(id));
		if (disk) return { operation: null, disk: disk.id };
		// Of a passage before, which was not tidied up yet.
		await client.nodes.deprovision(node);
		throw new BimetalError('InUse', `node ${node} is being taken off an earlier disk`, { status: 503 });
	}

	return {
		async boot({ id, node, nic, network }) {
			try {
				const wanted = { project, image, disk: nameFor(id), nic, network };
				const { id: operation, disk } = await client.nodes.provision(node, wanted);
				return { operation, disk };
			} catch (fault) {
				if (!(fault instanceof BimetalError) || fault.status >= 500 || fault.status === 401) throw fault;
				const before = await found(id, node);
				if (before) return before;
				throw new BimetalError('BootFailed', fault.message, { status: 502, cause: fault });
			}
		},
		async stageOf(operation) {
			const { status, reason, error, stages, note } = await client.operation(operation);
			if (status === 'DONE') return null;
			if (status === 'PENDING') return note ?? error ?? `the provisioner: ${stages.at(-1)?.name ?? 'begins'}`;
			throw new BimetalError('BootFailed', reason ?? error ?? 'it came to nothing', { status: 502 });
		},
		async cancel(operation) {
			const now = await client.operation(operation).catch(absent);
			if (now?.status === 'PENDING') await client.cancel(operation);
		},
		async tidy(node, { operation, disk }) {
			const now = operation === null ? undefined : await client.operation(operation).catch(absent);
			if (now && isOpen(now)) return false;
			const kept = disk === null ? undefined : await client.disk(disk).catch(absent);
			if (!kept || kept.project !== project) return true;
			if (kept.node === null) {
				await client.deleteDisk(kept.id);
				return true;
			}
			// Where hil says that the node is somebody else's by now, it is not switched off by this.
			if (!(await under(node))) await client.nodes.deprovision(node).catch(absent);
			return false;
		},
	};
}
