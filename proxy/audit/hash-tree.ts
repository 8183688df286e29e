import { join } from 'node:path';
import type { Head } from './chain.ts';
import type { Checkpoint } from './checkpoint.ts';
import { auditCorrupt } from './errors.ts';
import { listLogFiles } from './log-files.ts';
import { addLeaf, edgeAt, emptyEdge, hashLeaf, type ReadNode, rootOf, type TreeEdge } from './merkle-tree.ts';
import { nodeCount, openNodeFile } from './node-file.ts';
import { walk } from './walk.ts';

/** The leaf of a record is its hash in the chain, which is bound to the whole record and to all before it. */
export const leafOf = (hash: string): Uint8Array => hashLeaf(Buffer.from(hash, 'hex'));

export const nodesName = 'tree.nodes';

/** The Merkle tree (RFC 6962 §2.1) over a log's records, with all its nodes at hand. */
export interface HashTree {
	edge(): TreeEdge;
	/** `hash` is the next record's, as its line has it. */
	add(hash: string): void;
	readonly read: ReadNode;
	/** Nodes of what was added are on disk when it resolves. */
	flush(): Promise<void>;
	close(): Promise<void>;
}

/**
 * The tree of the log in `folder`, which ends with `head`. Nodes that the last checkpoint vouches for are kept, the
 * others are made anew from the records; without a checkpoint, all.
 *
 * @throws BimetalError AuditCorrupt when the records are not those that the checkpoint was signed for. It looks at
 *   those in the newest files, and through the nodes at all; verifyAudit looks at every record.
 */
export async function openHashTree(
	folder: string,
	head: Head,
	signed: Checkpoint | undefined,
): Promise<HashTree> {
	const nodes = await openNodeFile(join(folder, nodesName));
	try {
		const kept = signed && (await holdsTree(nodes, signed)) ? signed.size : 0;
		await nodes.cut(nodeCount(kept));
		let edge = await readRecords(folder, head, signed, kept, nodes);
		await nodes.flush();
		return {
			edge: () => edge,
			add(hash) {
				const added = addLeaf(edge, leafOf(hash));
				nodes.append(added.completed);
				edge = added.edge;
			},
			read: nodes.read,
			flush: nodes.flush,
			close: nodes.close,
		};
	} catch (error) {
		await nodes.close();
		throw error;
	}
}

type Nodes = Awaited<ReturnType<typeof openNodeFile>>;

async function holdsTree(nodes: Nodes, { size, root }: Checkpoint): Promise<boolean> {
	if (nodes.count() < nodeCount(size)) return false;
	return sameHash(rootOf(await edgeAt(nodes.read, size)), root);
}

/** Adds the records after the first `kept`, and checks those before them in the same file against the checkpoint. */
async function readRecords(
	folder: string,
	head: Head,
	signed: Checkpoint | undefined,
	kept: number,
	nodes: Nodes,
): Promise<TreeEdge> {
	const files = await listLogFiles(folder);
	const newest = files.at(-1)?.path ?? folder;
	if (signed && head.seq < signed.size) {
		const reason = `the log ends with record ${head.seq}, but ${signed.size} records were signed`;
		throw auditCorrupt(newest, 0, reason);
	}
	const start = Math.max(
		0,
		files.findLastIndex(file => file.first <= kept + 1),
	);
	const before = (files[start]?.first ?? 1) - 1;
	let edge = before === 0 ? emptyEdge : await edgeAt(nodes.read, before);
	for await (const step of walk(files.slice(start), start === 0)) {
		if (step.kind === 'torn') break;
		if (step.kind === 'damage') throw auditCorrupt(step.file, step.line, step.reason);
		const added = addLeaf(edge, leafOf(step.sealed.hash));
		edge = added.edge;
		if (edge.size > kept) {
			nodes.append(added.completed);
			// A tree that is made anew from many records does not fit in memory.
			if (edge.size % 10_000 === 0) await nodes.flush();
		}
		if (edge.size === signed?.size && !sameHash(rootOf(edge), signed.root)) {
			const reason = `the first ${edge.size} records are not those that were signed; audit verify tells which`;
			throw auditCorrupt(step.file, step.line, reason);
		}
	}
	return edge;
}

export const sameHash = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
