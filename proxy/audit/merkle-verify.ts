import { emptyRoot, hashNode, type TreeHash } from './merkle-tree.ts';

/** Whether `path` leads from the leaf at `index` (from 0) to the root of a tree of `size`: RFC 9162 §2.1.3.2. */
export function verifyInclusion(claim: {
	readonly leaf: TreeHash;
	readonly index: number;
	readonly size: number;
	readonly path: readonly TreeHash[];
	readonly root: TreeHash;
}): boolean {
	const { leaf, index, size, path, root } = claim;
	if (!isCount(index) || !isCount(size) || index >= size) return false;
	let node = index;
	let last = size - 1;
	let hash = leaf;
	for (const sibling of path) {
		if (last === 0) return false;
		if (node % 2 === 1 || node === last) {
			hash = hashNode(sibling, hash);
			// Levels at which the right edge has no node of its own.
			while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
		} else {
			hash = hashNode(hash, sibling);
		}
		[node, last] = [half(node), half(last)];
	}
	return last === 0 && equal(hash, root);
}

/** Whether the tree of `older` leaves is the beginning of the tree of `newer`: RFC 9162 §2.1.4.2. */
export function verifyConsistency(claim: {
	readonly older: number;
	readonly newer: number;
	readonly olderRoot: TreeHash;
	readonly newerRoot: TreeHash;
	readonly proof: readonly TreeHash[];
}): boolean {
	const { older, newer, olderRoot, newerRoot, proof } = claim;
	if (!isCount(older) || !isCount(newer) || older > newer) return false;
	if (older === newer) return proof.length === 0 && equal(olderRoot, newerRoot);
	// Every tree begins with nothing.
	if (older === 0) return proof.length === 0 && equal(olderRoot, emptyRoot);
	const path = Number.isInteger(Math.log2(older)) ? [olderRoot, ...proof] : proof;
	const [first, ...rest] = path;
	if (!first) return false;
	let node = older - 1;
	let last = newer - 1;
	while (node % 2 === 1) [node, last] = [half(node), half(last)];
	let olderHash = first;
	let newerHash = first;
	for (const sibling of rest) {
		if (last === 0) return false;
		if (node % 2 === 1 || node === last) {
			olderHash = hashNode(sibling, olderHash);
			newerHash = hashNode(sibling, newerHash);
			while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
		} else {
			newerHash = hashNode(newerHash, sibling);
		}
		[node, last] = [half(node), half(last)];
	}
	return last === 0 && equal(olderHash, olderRoot) && equal(newerHash, newerRoot);
}

/** Numbers of records go beyond 32 bits, where shifts would not follow. */
const half = (n: number): number => Math.floor(n / 2);

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

const equal = (one: TreeHash, other: TreeHash): boolean => Buffer.compare(one, other) === 0;
