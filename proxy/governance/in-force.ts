import { z } from 'zod';
import { defineCollection, type ReadTransaction, type Transaction } from '../../common/store/store.ts';
import { governanceErrors } from './errors.ts';

const parts = z.record(z.string(), z.strictObject({ version: z.int(), manifest: z.string() }));

/** One entry for each time that a version came into force. */
export const historyEntry = z.strictObject({
	/** SHA-256 of everything that is kept of it. */
	id: z.string(),
	/** SHA-256 of what decides on requests: what decisions and approvals name. */
	policyVersion: z.string(),
	signed: z.boolean(),
	/** By scope; empty when it is not signed. */
	parts,
	/** The version that it took the place of. */
	replaces: z.string().nullable(),
	/** Milliseconds since the epoch. */
	at: z.int(),
	/** Null when it came by the policy folder. */
	by: z.strictObject({ name: z.string(), party: z.string() }).nullable(),
	/** The change that all parties approved, where it took one. */
	change: z.string().nullable(),
});
export type HistoryEntry = z.infer<typeof historyEntry>;

const pointer = z.strictObject({
	seq: z.int(),
	entry: historyEntry,
	/** Manifests that the policy folder last held, by scope: what a push left behind there is no roll-back. */
	seen: z.record(z.string(), z.string()),
});
export type InForce = z.infer<typeof pointer>;

const pointers = defineCollection('policies-in-force', pointer);
const history = defineCollection('policies-history', historyEntry);
const only = 'in-force';
const key = (seq: number): string => String(seq).padStart(10, '0');

export const readInForce = (tx: ReadTransaction): Promise<InForce | undefined> => tx.get(pointers, only);

/** Newest first. */
export async function readHistory(tx: ReadTransaction): Promise<HistoryEntry[]> {
	return (await tx.list(history)).map(({ document }) => document).reverse();
}

/**
 * Points to another version, if the one that it was made from is still in force.
 * @throws PolicyConflict when it is not: of two changes at once, one wins
 */
export async function putInForce(
	tx: Transaction,
	entry: HistoryEntry,
	seen: Readonly<Record<string, string>> | undefined,
): Promise<void> {
	const before = await tx.get(pointers, only);
	if ((before?.entry.id ?? null) !== entry.replaces) {
		throw governanceErrors.PolicyConflict(
			'another version came into force meanwhile; look at it, then sign again',
		);
	}
	const seq = (before?.seq ?? 0) + 1;
	await tx.put(pointers, only, { seq, entry, seen: { ...(seen ?? before?.seen ?? {}) } });
	await tx.insert(history, key(seq), entry);
}
