import type { z } from 'zod';
import {
	checkpointPage,
	checkpointView,
	consistencyView,
	inclusionView,
	keyView,
	recordPage,
} from '../api/audit-schemas.ts';

/** The proxy's audit log as a party follows it; docs/audit.md says what the answers are. Nothing here is checked. */
export interface AuditCalls {
	/** The log's public key, one line. */
	key(): Promise<string>;
	/** The newest signed note. */
	checkpoint(): Promise<string>;
	/** Signed notes of more than `after` records, oldest first; at most `limit`. */
	checkpoints(after: number, limit: number): Promise<readonly string[]>;
	/** Lines of the records after number `after`, without newlines; at most `limit`, perhaps fewer. */
	records(after: number, limit: number): Promise<readonly string[]>;
	/** Base64 hashes from record `seq` to the root of the first `size` records. */
	inclusion(seq: number, size: number): Promise<readonly string[]>;
	/** Base64 hashes that show the first `from` records to be the beginning of the first `to`. */
	consistency(from: number, to: number): Promise<readonly string[]>;
}

type Get = <S extends z.ZodType>(schema: S, path: string) => Promise<z.infer<S>>;

export function createAuditCalls(get: Get): AuditCalls {
	const audit = '/p2c/v1/audit';
	return {
		key: async () => (await get(keyView, `${audit}/key`)).verifier,
		checkpoint: async () => (await get(checkpointView, `${audit}/checkpoint`)).checkpoint,
		checkpoints: async (after, limit) =>
			(await get(checkpointPage, `${audit}/checkpoints?after=${after}&limit=${limit}`)).checkpoints,
		records: async (after, limit) =>
			(await get(recordPage, `${audit}/records?after=${after}&limit=${limit}`)).records,
		inclusion: async (seq, size) =>
			(await get(inclusionView, `${audit}/proof/inclusion?seq=${seq}&size=${size}`)).path,
		consistency: async (from, to) =>
			(await get(consistencyView, `${audit}/proof/consistency?from=${from}&to=${to}`)).proof,
	};
}
