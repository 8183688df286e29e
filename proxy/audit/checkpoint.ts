import { fromBase64, type NoteSigner, type NoteVerifier, openNote } from './signed-note.ts';

/** What the log's key has signed: with these first `size` records, the tree has this root. */
export interface Checkpoint {
	readonly size: number;
	/** Merkle tree hash, 32 bytes. */
	readonly root: Uint8Array;
	/** ISO 8601, UTC, when it was signed. */
	readonly time: string;
	/** The signed note that says so. */
	readonly note: string;
}

/**
 * A checkpoint in the form of the C2SP specification "tlog-checkpoint": origin, size, root, and as an extension line
 * the time.
 */
export function signCheckpoint(
	signer: NoteSigner,
	{ size, root, time }: Omit<Checkpoint, 'note'>,
): Checkpoint {
	const text = `${signer.name}\n${size}\n${Buffer.from(root).toString('base64')}\ntime ${time}\n`;
	return { size, root, time, note: signer.sign(text) };
}

/** Reads a checkpoint that this key signed; undefined when the note is none. */
export function readCheckpoint(note: string, verifier: NoteVerifier): Checkpoint | undefined {
	const text = openNote(note, verifier);
	const found = text === undefined ? undefined : parseCheckpoint(text);
	if (found?.origin !== verifier.name) return undefined;
	const { size, root, time } = found;
	return { size, root, time, note };
}

/** The size that a note claims, signed or not; undefined when it is no checkpoint. */
export function claimedSize(note: string): number | undefined {
	return parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))?.size;
}

function parseCheckpoint(text: string): (Omit<Checkpoint, 'note'> & { origin: string }) | undefined {
	const [, origin, count, encoded, time] =
		/^(\S+)\n(0|[1-9]\d{0,14})\n(\S{44})\ntime (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n$/.exec(text) ?? [];
	const root = fromBase64(encoded ?? '');
	if (origin === undefined || time === undefined || root?.length !== 32) return undefined;
	return { origin, size: Number(count), root, time };
}
