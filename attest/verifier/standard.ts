import type { ReadTransaction } from '../../common/store/store.ts';
import type { Judgement } from '../judge/judge.ts';
import { readPolicy } from '../judge/stored-policies.ts';
import type { Admission, Cause } from '../model/admission.ts';
import { findBlob } from '../model/blob.ts';
import type { PolicyRecord } from '../model/policy-record.ts';
import type { RefusalCode } from '../outcome.ts';
import type { Policy } from '../policy/policy.ts';
import type { PcrBank } from '../tpm/pcr-selection.ts';
import { findPolicy } from './policies.ts';

/** What a node is asked for, so that its answer can be judged by each of some policies. */
export interface Wanted {
	readonly selection: readonly PcrBank[];
	readonly bootLog: boolean;
	readonly ima: boolean;
}

/**
 * The policy that the site itself holds nodes against, so that it can be told whether a tenant's policy asks for more: the airlock
 * project's own, of the node's name or `default`. Undefined where the site has set none.
 */
export const findStandard = (
	tx: ReadTransaction,
	{ airlock: project, node }: { readonly airlock: string; readonly node: string },
): Promise<PolicyRecord | undefined> => findPolicy(tx, { project, node });

/** By which a node is judged beside a policy (its digest); `misfit`: why that one cannot be held against it in one quote. */
export async function standardFor(
	tx: ReadTransaction,
	{ policy, ...of }: { readonly airlock: string; readonly node: string; readonly policy: string },
): Promise<{ readonly standard?: string; readonly misfit?: string }> {
	const standard = (await findStandard(tx, of))?.digest;
	if (standard === undefined || standard === policy) return {};
	const [own, site] = [await bankOf(tx, policy), await bankOf(tx, standard)];
	if (own === site) return { standard };
	const misfit = `The policy is of PCR bank ${own}, the airlock's own is of ${site}: a refusal could not be held against it. Write it for ${site}.`;
	return { misfit };
}

async function bankOf(tx: ReadTransaction, digest: string): Promise<string> {
	const read = readPolicy((await findBlob(tx, digest)).toString('utf8'));
	return read.ok ? read.value.bank : 'none';
}

/** The site's own policy, as long as it has a say: of what a node shows first. */
export const standardOf = ({ state, standard }: Pick<Admission, 'state' | 'standard'>): string | undefined =>
	state === 'waiting' ? standard : undefined;

export const verdictOf = (judgement: Judgement): NonNullable<Cause['standard']> =>
	judgement.ok
		? { verdict: 'met', reason: null }
		: { verdict: 'missed', reason: `${judgement.refusal.code}: ${judgement.refusal.reason}` };

/** All that these policies need, in one quote. They are of one bank. */
export function wantedBy(policies: readonly Policy[]): Wanted {
	const [first] = policies;
	const pcrs = new Set(policies.flatMap(({ selection }) => selection.flatMap(bank => bank.pcrs)));
	return {
		selection:
			first && policies.length > 1
				? [{ hash: first.bank, pcrs: [...pcrs].sort((a, b) => a - b) }]
				: (first?.selection ?? []),
		bootLog: policies.some(({ boot }) => boot !== undefined),
		ima: policies.some(({ files }) => files !== undefined),
	};
}

/** Refusals that a policy brings about, whatever it is of a node; others are a node's own under every policy. */
const byPolicy: ReadonlySet<RefusalCode> = new Set([
	...(['PcrNotAllowed', 'PcrChanged', 'EventNotAllowed', 'EventMissing', 'EventUnknown'] as const),
	...(['FileNotAllowed', 'FileSignatureWrong', 'KeyringWrong', 'LogMismatch', 'EvidenceMissing'] as const),
]);

/**
 * Of a node that its policy had found good, and then refuses: whether that is the policy's or the node's doing cannot be told, for
 * the site's own policy is not asked again.
 */
export const laterRefusal = (
	{ state, standard }: Pick<Admission, 'state' | 'standard'>,
	code: RefusalCode,
): Cause['standard'] =>
	state === 'attested' && standard !== undefined && byPolicy.has(code)
		? { verdict: 'untold', reason: null }
		: undefined;
