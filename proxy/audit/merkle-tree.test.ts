import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {
	addLeaf,
	consistencyProof,
	edgeAt,
	emptyEdge,
	emptyRoot,
	hashLeaf,
	inclusionProof,
	rootOf,
	type TreeEdge,
	type TreeHash,
} from './merkle-tree.ts';
import { verifyConsistency, verifyInclusion } from './merkle-verify.ts';

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();

/** MTH(D[n]) of RFC 6962 §2.1, word for word. */
function naiveRoot(data: readonly Uint8Array[]): Buffer {
	if (data.length === 0) return sha256();
	if (data.length === 1) return sha256(Buffer.of(0), data[0] as Uint8Array);
	const k = split(data.length);
	return sha256(Buffer.of(1), naiveRoot(data.slice(0, k)), naiveRoot(data.slice(k)));
}

/** PATH(m, D[n]) of RFC 6962 §2.1.1, word for word. */
function naivePath(m: number, data: readonly Uint8Array[]): Buffer[] {
	if (data.length === 1) return [];
	const k = split(data.length);
	return m < k
		? [...naivePath(m, data.slice(0, k)), naiveRoot(data.slice(k))]
		: [...naivePath(m - k, data.slice(k)), naiveRoot(data.slice(0, k))];
}

/** SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2, word for word. */
function naiveSubproof(m: number, data: readonly Uint8Array[], whole: boolean): Buffer[] {
	if (m === data.length) return whole ? [] : [naiveRoot(data)];
	const k = split(data.length);
	return m <= k
		? [...naiveSubproof(m, data.slice(0, k), whole), naiveRoot(data.slice(k))]
		: [...naiveSubproof(m - k, data.slice(k), false), naiveRoot(data.slice(0, k))];
}

const split = (n: number) => 2 ** (Math.ceil(Math.log2(n)) - 1);

function grow(data: readonly Uint8Array[]) {
	const nodes = new Map<string, TreeHash>();
	let edge: TreeEdge = emptyEdge;
	for (const [index, leaf] of data.entries()) {
		const added = addLeaf(edge, hashLeaf(leaf));
		for (const [level, node] of added.completed.entries()) {
			nodes.set(`${level}:${Math.floor(index / 2 ** level)}`, node);
		}
		edge = added.edge;
	}
	const read = (level: number, index: number): TreeHash => {
		const node = nodes.get(`${level}:${index}`);
		if (!node) throw new Error(`no node ${level}:${index}`);
		return node;
	};
	return { edge, read };
}

const someData = (minLength: number) =>
	fc.array(fc.uint8Array({ maxLength: 3 }), { minLength, maxLength: 70 });
const hex = (hash: Uint8Array) => Buffer.from(hash).toString('hex');

// Leaves of one to eight entries; the roots were worked out in the shell, for instance the second:
// { printf '\x01'; printf '\x00' | sha256sum | xxd -r -p; printf '\x00\x00' | sha256sum | xxd -r -p; } | sha256sum
const vectors = [
	['', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
	['00', 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
	['10', 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'],
	['2021', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'],
	['3031', '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4'],
	['40414243', '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef'],
	['5051525354555657', 'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c'],
	['606162636465666768696a6b6c6d6e6f', '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328'],
] as const;

test('roots of the vectors', t => {
	t.is(hex(emptyRoot), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
	let edge = emptyEdge;
	for (const [leaf, root] of vectors) {
		edge = addLeaf(edge, hashLeaf(Buffer.from(leaf, 'hex'))).edge;
		t.is(hex(rootOf(edge)), root);
	}
});

test('roots and edges are those of the definition, at every size', async t => {
	await fc.assert(
		fc.asyncProperty(someData(0), async data => {
			const { edge, read } = grow(data);
			t.is(hex(rootOf(edge)), hex(naiveRoot(data)));
			for (let size = 0; size <= data.length; size++) {
				t.is(hex(rootOf(await edgeAt(read, size))), hex(naiveRoot(data.slice(0, size))));
			}
			t.deepEqual(await edgeAt(read, data.length), edge);
		}),
		{ numRuns: 30 },
	);
});

test('proofs are those of the definition, and verify', async t => {
	await fc.assert(
		fc.asyncProperty(someData(1), fc.nat(), fc.nat(), async (data, one, other) => {
			const { read } = grow(data);
			const size = 1 + (one % data.length);
			const [first, root] = [data.slice(0, size), naiveRoot(data.slice(0, size))];
			const index = other % size;
			const path = await inclusionProof(read, index, size);
			t.deepEqual(path.map(hex), naivePath(index, first).map(hex));
			const leaf = hashLeaf(data[index] as Uint8Array);
			t.true(verifyInclusion({ leaf, index, size, path, root }));

			const older = 1 + (other % size);
			const proof = await consistencyProof(read, older, size);
			t.deepEqual(proof.map(hex), naiveSubproof(older, first, true).map(hex));
			const olderRoot = naiveRoot(data.slice(0, older));
			t.true(verifyConsistency({ older, newer: size, olderRoot, newerRoot: root, proof }));
		}),
		{ numRuns: 300 },
	);
});

test('a proof serves for nothing else', async t => {
	const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
	await fc.assert(
		fc.asyncProperty(someData(2), fc.nat(), fc.nat(), bytes, async (some, one, other, stranger) => {
			// All different: equal subtrees do have equal proofs.
			const data = some.map((leaf, index) => Buffer.from([index, ...leaf]));
			const { read } = grow(data);
			const size = data.length;
			const root = naiveRoot(data);
			const index = one % size;
			const path = await inclusionProof(read, index, size);
			const claim = { leaf: hashLeaf(data[index] as Uint8Array), index, size, path, root };
			t.false(verifyInclusion({ ...claim, leaf: stranger }));
			t.false(verifyInclusion({ ...claim, root: stranger }));
			t.false(verifyInclusion({ ...claim, path: [...path, stranger] }));
			t.false(verifyInclusion({ ...claim, path: path.slice(1) }));
			t.false(verifyInclusion({ ...claim, path: path.with(other % path.length, stranger) }));
			t.false(verifyInclusion({ ...claim, index: size }));
			t.false(verifyInclusion({ ...claim, index: -1 }));
			const elsewhere = (index + 1 + (other % (size - 1))) % size;
			t.false(verifyInclusion({ ...claim, index: elsewhere }));

			const older = 1 + (other % (size - 1));
			const proof = await consistencyProof(read, older, size);
			const olderRoot = naiveRoot(data.slice(0, older));
			const both = { older, newer: size, olderRoot, newerRoot: root, proof };
			t.false(verifyConsistency({ ...both, olderRoot: stranger }));
			t.false(verifyConsistency({ ...both, newerRoot: stranger }));
			t.false(verifyConsistency({ ...both, proof: [...proof, stranger] }));
			t.false(verifyConsistency({ ...both, proof: proof.slice(1) }));
			t.false(verifyConsistency({ ...both, proof: proof.with(one % proof.length, stranger) }));
			t.false(verifyConsistency({ ...both, newer: older, older: size }));
		}),
		{ numRuns: 100 },
	);
});

test('nothing is a beginning of every tree; what is no range is refused', async t => {
	const { read } = grow([Buffer.of(1), Buffer.of(2)]);
	const newerRoot = naiveRoot([Buffer.of(1), Buffer.of(2)]);
	t.true(verifyConsistency({ older: 0, newer: 2, olderRoot: emptyRoot, newerRoot, proof: [] }));
	t.false(verifyConsistency({ older: 0, newer: 2, olderRoot: newerRoot, newerRoot, proof: [] }));
	t.false(verifyConsistency({ older: 1.5, newer: 2, olderRoot: newerRoot, newerRoot, proof: [] }));
	await t.throwsAsync(inclusionProof(read, 2, 2), { instanceOf: RangeError });
	await t.throwsAsync(consistencyProof(read, 0, 2), { instanceOf: RangeError });
	await t.throwsAsync(consistencyProof(read, 3, 2), { instanceOf: RangeError });
});

test('numbers beyond 32 bits are followed', t => {
	// A tree of 2^40 equal leaves has one hash at each level.
	const levels = [hashLeaf(Buffer.of())];
	for (let level = 1; level <= 40; level++) {
		const below = levels[level - 1] as TreeHash;
		levels.push(sha256(Buffer.of(1), below, below));
	}
	const root = levels[40] as TreeHash;
	const claim = {
		leaf: levels[0] as TreeHash,
		index: 2 ** 35 + 5,
		size: 2 ** 40,
		path: levels.slice(0, 40),
		root,
	};
	t.true(verifyInclusion(claim));
	t.false(verifyInclusion({ ...claim, index: 2 ** 40 + 5 }));
});
