import { hash } from 'node:crypto';

/** SHA-256, 32 bytes. */
export type TreeHash = Uint8Array;

const leafPrefix = 0x00;
const nodePrefix = 0x01;
const nothing = new Uint8Array();

/** RFC 6962 §2.1: a leaf and a node never have the same hash, so that neither can pass for the other. */
export const hashLeaf = (data: Uint8Array): TreeHash => hashOf(leafPrefix, data);

export const hashNode = (left: TreeHash, right: TreeHash): TreeHash => hashOf(nodePrefix, left, right);

/** In one call: each record takes two of them, and a hash that is fed piece by piece costs three times as much. */
function hashOf(prefix: number, first: Uint8Array, second: Uint8Array = nothing): TreeHash {
	const bytes = Buffer.allocUnsafe(1 + first.length + second.length);
	bytes[0] = prefix;
	bytes.set(first, 1);
	bytes.set(second, 1 + first.length);
	return hash('sha256', bytes, 'buffer');
}

/** MTH({}) of RFC 6962 §2.1. */
export const emptyRoot: TreeHash = hash('sha256', nothing, 'buffer');

/** The right edge of a tree that grows at its end: the roots of its complete subtrees, the largest first. */
export interface TreeEdge {
	readonly size: number;
	readonly peaks: readonly TreeHash[];
}

export const emptyEdge: TreeEdge = Object.freeze({ size: 0, peaks: Object.freeze([]) });

/** The edge with one more leaf, and the nodes that it completed: the leaf, then its parents upwards. */
export function addLeaf(edge: TreeEdge, leaf: TreeHash): { edge: TreeEdge; completed: readonly TreeHash[] } {
	const peaks = edge.peaks.slice();
	const completed = [leaf];
	let node = leaf;
	// Each trailing one of the size in binary is a subtree as large as the one just completed.
	for (let rest = edge.size; rest % 2 === 1; rest = (rest - 1) / 2) {
		node = hashNode(peaks.pop() as TreeHash, node);
		completed.push(node);
	}
	peaks.push(node);
	return { edge: { size: edge.size + 1, peaks }, completed };
}

/** MTH(D[n]) of RFC 6962 §2.1. */
export function rootOf({ peaks }: TreeEdge): TreeHash {
	return peaks.length === 0 ? emptyRoot : peaks.reduceRight((right, left) => hashNode(left, right));
}

/** The root of the complete subtree over the leaves `index·2^level` up to, not including, `(index+1)·2^level`. */
export type ReadNode = (level: number, index: number) => TreeHash | Promise<TreeHash>;

/** The edge of the tree as it was with `size` leaves. */
export async function edgeAt(read: ReadNode, size: number): Promise<TreeEdge> {
	const peaks: TreeHash[] = [];
	let done = 0;
	for (let level = Math.floor(Math.log2(size || 1)); level >= 0; level--) {
		const width = 2 ** level;
		if (Math.floor(size / width) % 2 === 0) continue;
		peaks.push(await read(level, done / width));
		done += width;
	}
	return { size, peaks };
}

/** The largest power of two below `n`: where a tree of `n` leaves parts, RFC 6962 §2.1. */
function splitOf(n: number): number {
	let k = 1;
	while (k * 2 < n) k *= 2;
	return k;
}

/** MTH(D[from:to]) where `from` is a multiple of the range's width rounded up to a power of two. */
async function rangeHash(read: ReadNode, from: number, to: number): Promise<TreeHash> {
	const width = to - from;
	const level = Math.log2(width);
	if (Number.isInteger(level)) return read(level, from / width);
	const k = splitOf(width);
	return hashNode(await rangeHash(read, from, from + k), await rangeHash(read, from + k, to));
}

/**
 * PATH(m, D[n]) of RFC 6962 §2.1.1: what leads from leaf number `index` (from 0) to the root of the first `size`.
 *
 * @throws RangeError unless 0 ≤ index < size
 */
export async function inclusionProof(read: ReadNode, index: number, size: number): Promise<TreeHash[]> {
	if (!(index >= 0 && index < size)) throw new RangeError('the leaf is not in the tree');
	const path: TreeHash[] = [];
	for (let from = 0, to = size; to - from > 1; ) {
		const middle = from + splitOf(to - from);
		if (index < middle) {
			path.unshift(await rangeHash(read, middle, to));
			to = middle;
		} else {
			path.unshift(await rangeHash(read, from, middle));
			from = middle;
		}
	}
	return path;
}

/**
 * PROOF(m, D[n]) of RFC 6962 §2.1.2: that the tree of `older` leaves is the beginning of the tree of `newer`.
 *
 * @throws RangeError unless 0 < older ≤ newer
 */
export async function consistencyProof(read: ReadNode, older: number, newer: number): Promise<TreeHash[]> {
	if (!(older > 0 && older <= newer)) throw new RangeError('only a tree that was smaller is a beginning');
	const proof: TreeHash[] = [];
	let from = 0;
	let to = newer;
	while (older !== to) {
		const middle = from + splitOf(to - from);
		if (older <= middle) {
			proof.unshift(await rangeHash(read, middle, to));
			to = middle;
		} else {
			proof.unshift(await rangeHash(read, from, middle));
			from = middle;
		}
	}
	// The older tree's own root is known to whoever checks; a subtree of it is not.
	if (from > 0) proof.unshift(await rangeHash(read, from, to));
	return proof;
}
