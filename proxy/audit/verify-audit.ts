import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { genesis, type Head } from './chain.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { checkpointsName, parseNotes, verifierName } from './checkpoint-file.ts';
import { leafOf, nodesName, sameHash } from './hash-tree.ts';
import { listLogFiles } from './log-files.ts';
import { addLeaf, emptyEdge, rootOf, type TreeEdge } from './merkle-tree.ts';
import { nodeCount } from './node-file.ts';
import { type NoteVerifier, parseVerifier } from './signed-note.ts';
import { walk } from './walk.ts';

/** What a log's checkpoints say, once every signature was checked. */
export interface Signatures {
	/** The key that signed, as one line. */
	readonly verifier: string;
	readonly checkpoints: number;
	/** Records that the last checkpoint covers. */
	readonly size: number;
	/** When it was signed, ISO 8601; null without one. */
	readonly time: string | null;
}

export type AuditVerdict =
	| { readonly ok: true; readonly records: number; readonly head: Head; readonly signed?: Signatures }
	| Flaw;

interface Flaw {
	readonly ok: false;
	readonly file: string;
	/** From 1; 0 where it is about the whole file. */
	readonly line: number;
	readonly reason: string;
}

/**
 * Walks the whole log and finds altered, removed, inserted and reordered records: by the chain, and where there are
 * checkpoints by the tree and their signatures, so that nobody without the log's key can hide a change by making the
 * chain anew. That records after the last checkpoint were removed shows only against `expect`: a head that an
 * earlier verification returned and that was kept elsewhere.
 *
 * @param options.key the key that must have signed; without it the one that stands in the folder is believed
 */
export async function verifyAudit(options: {
	folder: string;
	expect?: Head;
	key?: NoteVerifier;
}): Promise<AuditVerdict> {
	const { folder, expect } = options;
	const signed = await readSigned(folder, options.key);
	if ('ok' in signed) return signed;
	const { checkpoints, verifier } = signed;
	let next = 0;
	let edge: TreeEdge = emptyEdge;
	let head: Head = genesis;
	let at = { file: folder, line: 0 };
	/** What came since the last checkpoint that was right. */
	let since: { edge: TreeEdge; records: { file: string; line: number; hash: string }[] } = {
		edge,
		records: [],
	};
	for await (const step of walk(await listLogFiles(folder), true)) {
		const { file, line } = step;
		if (step.kind === 'torn') return { ok: false, file, line, reason: 'the last line is incomplete' };
		if (step.kind === 'damage') return { ok: false, file, line, reason: step.reason };
		at = { file, line };
		head = { seq: step.sealed.seq, hash: step.sealed.hash };
		if (head.seq === expect?.seq && head.hash !== expect.hash) {
			return { ok: false, file, line, reason: `record ${head.seq} is not the one that was there before` };
		}
		if (next >= checkpoints.length) continue;
		while (checkpoints[next]?.size === 0) next++;
		edge = addLeaf(edge, leafOf(head.hash)).edge;
		since.records.push({ file, line, hash: head.hash });
		for (let due = checkpoints[next]; due?.size === head.seq; due = checkpoints[++next]) {
			if (!sameHash(rootOf(edge), due.root)) return locate(folder, since, due);
			since = { edge, records: [] };
		}
	}
	const missing = checkpoints.slice(next).find(({ size }) => size > head.seq);
	if (missing) {
		const many = `${missing.size} records were signed (${checkpointsName}:${missing.line})`;
		return { ok: false, ...at, reason: `the log ends with record ${head.seq}, but ${many}` };
	}
	if (expect && head.seq < expect.seq) {
		const reason = `the log ends with record ${head.seq}, but record ${expect.seq} was there`;
		return { ok: false, ...at, reason };
	}
	const last = checkpoints.at(-1);
	return {
		ok: true,
		records: head.seq,
		head,
		...(verifier && {
			signed: {
				verifier: verifier.text,
				checkpoints: checkpoints.length,
				size: last?.size ?? 0,
				time: last?.time ?? null,
			},
		}),
	};
}

type Placed = Checkpoint & { readonly line: number };

async function readSigned(
	folder: string,
	given: NoteVerifier | undefined,
): Promise<Flaw | { checkpoints: readonly Placed[]; verifier: NoteVerifier | undefined }> {
	const file = join(folder, checkpointsName);
	const flaw = (line: number, reason: string): Flaw => ({ ok: false, file, line, reason });
	const [text, publicKey] = [await readIfThere(file), await readIfThere(join(folder, verifierName))];
	if (text === undefined && publicKey === undefined && !given)
		return { checkpoints: [], verifier: undefined };
	if (text === undefined) return flaw(0, 'there is no signed checkpoint');
	const verifier = given ?? parseVerifier(publicKey ?? '');
	if (!verifier) return flaw(0, `no key to check it: ${verifierName} is missing or holds none`);
	const { notes, rest } = parseNotes(text);
	const checkpoints: Placed[] = [];
	for (const { note, line } of notes) {
		const checkpoint = readCheckpoint(note, verifier);
		if (!checkpoint) return flaw(line, `the key ${verifier.name}+${verifier.keyId} did not sign this`);
		const before = checkpoints.at(-1);
		if (before && before.size >= checkpoint.size) return flaw(line, 'it is not later than the one before');
		checkpoints.push({ ...checkpoint, line });
	}
	if (rest) return flaw(rest.line, rest.torn ? 'the last checkpoint is incomplete' : 'it is no checkpoint');
	if (given && checkpoints.length === 0) return flaw(0, 'there is no signed checkpoint');
	return { checkpoints, verifier };
}

async function readIfThere(file: string): Promise<string | undefined> {
	try {
		return await readFile(file, 'utf8');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
		throw error;
	}
}

/**
 * Which record since the last good checkpoint was not signed. The nodes that stand in the folder tell exactly, if they
 * lead to the signed root; otherwise it is one of several.
 */
async function locate(
	folder: string,
	since: { edge: TreeEdge; records: readonly { file: string; line: number; hash: string }[] },
	due: Placed,
): Promise<Flaw> {
	const first = since.edge.size;
	const signed = `signed at ${due.time} (${checkpointsName}:${due.line})`;
	const leaves = await signedLeaves(folder, since.edge, due);
	const index = leaves?.findIndex(
		(leaf, offset) => !sameHash(leaf, leafOf(since.records[offset]?.hash ?? '')),
	);
	const at = since.records[index ?? 0];
	const reason =
		index === undefined
			? `one of the records ${first + 1} to ${due.size} is not what was ${signed}`
			: `record ${first + 1 + index} is not the one that was ${signed}`;
	return { ok: false, file: at?.file ?? folder, line: at?.line ?? 0, reason };
}

async function signedLeaves(folder: string, edge: TreeEdge, due: Placed): Promise<Uint8Array[] | undefined> {
	const nodes = await readFile(join(folder, nodesName)).catch(() => Buffer.alloc(0));
	const leaves: Uint8Array[] = [];
	let grown = edge;
	for (let index = edge.size; index < due.size; index++) {
		const at = nodeCount(index) * 32;
		const leaf = nodes.subarray(at, at + 32);
		if (leaf.length !== 32) return undefined;
		leaves.push(leaf);
		grown = addLeaf(grown, leaf).edge;
	}
	return sameHash(rootOf(grown), due.root) ? leaves : undefined;
}
