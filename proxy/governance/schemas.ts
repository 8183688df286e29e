import { z } from 'zod';
import { bundleSchema } from './bundle.ts';
import { changeState } from './change-document.ts';

/** What `/p2c/v1` speaks of the policies' versions and changes, and of break-glass. */
const operator = z.strictObject({ name: z.string(), party: z.string() });
const time = z.iso.datetime();
const parts = z.record(z.string(), z.strictObject({ version: z.int(), manifest: z.string() }));
const signature = z.string().max(100);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const versionSummary = z.strictObject({
	/** SHA-256 of all its files: the name under which it is kept. */
	id: z.string(),
	/** What decisions and approvals name. */
	policyVersion: z.string(),
	inForce: z.boolean(),
	signed: z.boolean(),
	/** By scope: `common` and each party; the counter and the SHA-256 of the manifest. */
	parts,
	replaces: z.string().nullable(),
	at: time,
	by: operator.nullable(),
	change: z.string().nullable(),
});
export type VersionSummary = z.infer<typeof versionSummary>;
export const versionList = z.strictObject({ versions: z.array(versionSummary) });
export const versionView = versionSummary.extend({
	/** Texts of what all parties own, of one's own party's files, and of all manifests and signatures. */
	files: z.record(z.string(), z.string()),
	/** Names of other parties' files: what is in them may be theirs alone to know. */
	hidden: z.array(z.string()),
});
export type VersionView = z.infer<typeof versionView>;

export const agreementView = z.strictObject({
	site: z.string(),
	/** SHA-256 of the manifest that all parties signed: compare it with each other's. */
	manifest: z.string(),
	version: z.int(),
	parties: z.array(z.strictObject({ name: z.string(), root: z.string().nullable(), signingKey: z.string() })),
	change: z.string(),
	text: z.string(),
});
export type AgreementView = z.infer<typeof agreementView>;

export const changeBody = z.strictObject({
	bundle: bundleSchema,
	/** For a party's own change: it is known, and meant, that another party can then do less. */
	acceptLockout: z.boolean().default(false),
	comment: z.string().max(1000).optional(),
});

export const changeView = z.strictObject({
	id: z.string(),
	state: changeState,
	scope: z.string(),
	/** What an approval names. */
	digest: z.string(),
	/** SHA-256 of the manifest; its text is in `bundle`. */
	manifest: z.string(),
	replaces: z.string(),
	proposer: operator,
	comment: z.string().nullable(),
	createdAt: time,
	expiresAt: time,
	authorizations: z.array(operator.extend({ at: time, comment: z.string().nullable() })),
	/** Alternatives: each a set of parties that would complete it. Empty unless waiting. */
	needs: z.array(z.array(z.string())),
	ended: z.strictObject({ by: operator.nullable(), reason: z.string(), at: time }).nullable(),
	version: z.string().nullable(),
	bundle: bundleSchema,
	/** Files that it changes: their texts before and after, null where there is none. */
	files: z.array(
		z.strictObject({ name: z.string(), before: z.string().nullable(), after: z.string().nullable() }),
	),
});
export type ChangeView = z.infer<typeof changeView>;
export const changeList = z.strictObject({ changes: z.array(changeView) });
export const changeQuery = z.strictObject({ state: changeState.optional() });

export const changeAnswer = z.strictObject({
	/** Exactly one of the two is there: a version that is in force now, or a change that waits. */
	taken: versionSummary.nullable(),
	change: changeView.nullable(),
});
export type ChangeAnswer = z.infer<typeof changeAnswer>;

export const approveChangeBody = z.strictObject({
	digest,
	comment: z.string().max(1000).optional(),
	/** Of the party's key over the manifest; not needed when the bundle has it. */
	signature: signature.optional(),
});

export const openBody = z.strictObject({
	reason: z.string().trim().min(1).max(1000),
	/** Milliseconds. */
	forMs: z.int().min(1000).max(86_400_000),
	signed: z.strictObject({ at: z.int(), signature }).optional(),
});
export const endBody = z.strictObject({ reason: z.string().max(1000).optional() });

export const windowView = z.strictObject({
	id: z.string(),
	party: z.string(),
	operator,
	reason: z.string(),
	operations: z.array(z.string()),
	open: z.boolean(),
	openedAt: time,
	until: time,
	uses: z.int(),
	maxUses: z.int(),
	ended: z.strictObject({ by: operator.nullable(), reason: z.string(), at: time }).nullable(),
});
export type WindowView = z.infer<typeof windowView>;
export const windowList = z.strictObject({ windows: z.array(windowView) });
export const denyChangeBody = z.strictObject({ reason: z.string().min(1).max(1000) });
