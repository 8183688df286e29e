import { join } from 'node:path';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { type AuditLog, type AuditLogDeps, openAuditLog } from './audit-log.ts';
import type { Head } from './chain.ts';
import { type Checkpoint, readCheckpoint, signCheckpoint } from './checkpoint.ts';
import { type CheckpointFile, checkpointsName, openCheckpointFile, verifierName } from './checkpoint-file.ts';
import { auditKeyUnusable } from './errors.ts';
import { type HashTree, openHashTree } from './hash-tree.ts';
import { createLogKey, readLogKey } from './log-key.ts';
import { rootOf } from './merkle-tree.ts';
import { type PublishedLog, publish } from './published-log.ts';
import type { NoteSigner } from './signed-note.ts';

export interface SignedLogDeps extends AuditLogDeps {
	/** The file of the private key: outside the folder, which parties copy and backups keep. */
	readonly keyFile: string;
	/** The log's name in its checkpoints, when its key is made: no white space, no plus. */
	readonly origin: string;
	/** Told when a checkpoint could not be written; the next one is tried anyway. */
	readonly onFault: (fault: unknown) => void;
	/** Records after which a checkpoint is signed. */
	readonly checkpointRecords?: number;
	/** Milliseconds after a record until a checkpoint covers it at the latest. */
	readonly checkpointInterval?: number;
}

export interface SignedLog {
	readonly log: AuditLog;
	readonly published: PublishedLog;
}

/**
 * The audit log with a tree over its records and signed checkpoints of it. Makes the key when there is neither a key
 * nor a checkpoint yet.
 *
 * @throws BimetalError AuditLocked; AuditCorrupt when the records are not those of the last checkpoint;
 *   AuditKeyUnusable when the key is not the one that signed it
 */
export async function openSignedLog(deps: SignedLogDeps): Promise<SignedLog> {
	let signing: Signing | undefined;
	const log = await openAuditLog({
		...deps,
		observer: { durable: hashes => signing?.add(hashes), closing: async () => signing?.close() },
	});
	try {
		signing = await startSigning(deps, log.head());
		return { log, published: signing.published };
	} catch (error) {
		await log.close();
		throw error;
	}
}

interface Signing {
	readonly published: PublishedLog;
	add(hashes: readonly string[]): void;
	close(): Promise<void>;
}

async function startSigning(deps: SignedLogDeps, head: Head): Promise<Signing> {
	const { folder } = deps;
	const checkpoints = await openCheckpointFile(join(folder, checkpointsName));
	let tree: HashTree | undefined;
	try {
		const signer = await keyOf(deps, checkpoints);
		await writeFileDurably(join(folder, verifierName), `${signer.text}\n`, 0o644);
		const last = lastSigned(checkpoints, signer, deps.keyFile);
		tree = await openHashTree(folder, head, last);
		const signing = signTree(deps, signer, checkpoints, tree, last);
		if (last?.size !== head.seq) await signing.sign();
		return signing;
	} catch (error) {
		await tree?.close();
		await checkpoints.close();
		throw error;
	}
}

async function keyOf(
	{ keyFile, origin, folder }: SignedLogDeps,
	checkpoints: CheckpointFile,
): Promise<NoteSigner> {
	const signer = await readLogKey(keyFile);
	if (signer) return signer;
	if (!checkpoints.last()) return createLogKey(keyFile, origin);
	// A new key would look to every party like a forged log.
	throw auditKeyUnusable(
		`${folder} has signed checkpoints, but their key ${keyFile} is missing; restore it, or begin a log in a new folder`,
	);
}

function lastSigned(
	checkpoints: CheckpointFile,
	signer: NoteSigner,
	keyFile: string,
): Checkpoint | undefined {
	const stored = checkpoints.last();
	if (!stored) return undefined;
	const checkpoint = readCheckpoint(stored.note, signer);
	if (checkpoint) return checkpoint;
	throw auditKeyUnusable(
		`the checkpoint at line ${stored.line} of ${checkpointsName} was not signed with the key in ${keyFile}`,
	);
}

function signTree(
	deps: SignedLogDeps,
	signer: NoteSigner,
	checkpoints: CheckpointFile,
	tree: HashTree,
	last: Checkpoint | undefined,
): Signing & { sign(): Promise<void> } {
	const { clock, checkpointRecords = 1000, checkpointInterval = 10_000 } = deps;
	let newest = last;
	let fault: unknown;
	let cancelTimer: (() => void) | undefined;
	let signing: Promise<void> = Promise.resolve();
	let due = false;

	const signOnce = async (): Promise<void> => {
		due = false;
		const edge = tree.edge();
		if (edge.size === newest?.size) return;
		// First the nodes: what a checkpoint vouches for can be proven at once, after a crash as well.
		await tree.flush();
		const time = new Date(clock.now()).toISOString();
		const checkpoint = signCheckpoint(signer, { size: edge.size, root: rootOf(edge), time });
		await checkpoints.append([checkpoint.note]);
		newest = checkpoint;
		fault = undefined;
	};
	/** One after another. */
	const sign = (): Promise<void> => {
		cancelTimer?.();
		cancelTimer = undefined;
		due = true;
		signing = signing.catch(() => undefined).then(signOnce);
		return signing;
	};
	const signSoon = (): void => {
		sign().catch(error => {
			fault = error;
			deps.onFault(error);
		});
	};

	return {
		sign,
		published: publish({
			folder: deps.folder,
			verifier: signer.text,
			checkpoints,
			read: tree.read,
			size: () => newest?.size ?? 0,
			fault: () => fault,
		}),
		add(hashes) {
			for (const hash of hashes) tree.add(hash);
			if (due) return;
			if (tree.edge().size - (newest?.size ?? 0) >= checkpointRecords) signSoon();
			else cancelTimer ??= clock.after(checkpointInterval, signSoon);
		},
		async close() {
			try {
				await sign().catch(deps.onFault);
			} finally {
				cancelTimer?.();
				await tree.close();
				await checkpoints.close();
			}
		},
	};
}
