import { auditNodesMissing } from './errors.ts';
import { openWritable, writeAt } from './log-files.ts';
import type { ReadNode, TreeHash } from './merkle-tree.ts';

const width = 32;

/** Nodes that are complete with `leaves` leaves: each leaf, and after it the parents that it completes. */
export function nodeCount(leaves: number): number {
	let ones = 0;
	for (let rest = leaves; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
	return 2 * leaves - ones;
}

/**
 * The nodes of a log's tree in the order in which they became complete, 32 bytes each, so that any proof takes a few
 * reads. All of it can be made anew from the records: it is never what anything is checked against.
 */
export interface NodeFile {
	/** How many nodes there are. */
	count(): number;
	/** Keeps them in memory until `flush`. */
	append(nodes: readonly TreeHash[]): void;
	readonly read: ReadNode;
	/** What was appended is on disk when it resolves. */
	flush(): Promise<void>;
	/** Forgets what comes after the first `count` nodes. */
	cut(count: number): Promise<void>;
	close(): Promise<void>;
}

export async function openNodeFile(path: string): Promise<NodeFile> {
	const file = await openWritable(path);
	let onDisk = Math.floor((await file.stat()).size / width);
	let pending: TreeHash[] = [];

	return {
		count: () => onDisk + pending.length,
		append(nodes) {
			pending.push(...nodes);
		},
		async read(level, index) {
			const at = nodeCount((index + 1) * 2 ** level - 1) + level;
			const waiting = pending[at - onDisk];
			if (waiting) return waiting;
			const node = Buffer.alloc(width);
			const { bytesRead } = await file.read(node, 0, width, at * width);
			if (bytesRead !== width) throw auditNodesMissing(path);
			return node;
		},
		async flush() {
			const nodes = pending.slice();
			if (nodes.length === 0) return;
			await writeAt(file, Buffer.concat(nodes), onDisk * width);
			await file.datasync();
			onDisk += nodes.length;
			// More may have come meanwhile.
			pending = pending.slice(nodes.length);
		},
		async cut(count) {
			pending = [];
			onDisk = count;
			await file.truncate(count * width);
		},
		close: () => file.close(),
	};
}
