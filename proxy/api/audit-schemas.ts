import { z } from 'zod';

/** What `/p2c/v1/audit` speaks: see docs/audit.md. */
const count = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const treeHash = z.base64().length(44);

export const keyView = z.strictObject({
	/** The log's public key, one line: `origin+key id+base64`, as C2SP's note tools have it. */
	verifier: z.string(),
});

export const checkpointView = z.strictObject({
	/** A signed note (C2SP tlog-checkpoint): origin, size, root, time; then the signature. */
	checkpoint: z.string(),
});
export const checkpointPage = z.strictObject({ checkpoints: z.array(z.string()) });

export const recordPage = z.strictObject({
	/** Lines of the log as stored, without their newlines. */
	records: z.array(z.string()),
	/** Pass as `after` for the next page; null where no more records are signed yet. */
	next: z.int().nullable(),
});

export const inclusionView = z.strictObject({
	seq: z.int(),
	size: z.int(),
	/** RFC 6962 section 2.1.1, from the record's sibling up. */
	path: z.array(treeHash),
});
export const consistencyView = z.strictObject({
	from: z.int(),
	to: z.int(),
	/** RFC 6962 section 2.1.2. */
	proof: z.array(treeHash),
});

/** `after`: a number of records. */
export const pageQuery = z.strictObject({
	after: count.default(0),
	limit: z.coerce.number().int().min(1).max(1000).default(100),
});
export const inclusionQuery = z.strictObject({ seq: count, size: count.optional() });
export const consistencyQuery = z.strictObject({ from: count, to: count.optional() });
