import { type EndorsementTrust, verifyEndorsementKey } from '../certificates/endorsement-certificate.ts';
import type { Baseline } from '../judge/baseline.ts';
import { codeOf } from '../judge/judge.ts';
import { createJudge } from '../judge/stored-policies.ts';
import { type Keys, keys as keysSchema } from '../model/admission.ts';
import type { EvidenceRecord } from '../model/evidence-record.ts';
import { bytesOf } from '../model/names.ts';
import { readSelection } from '../tpm/pcr-selection.ts';
import { parsePublicArea } from '../tpm/public-area.ts';
import type { EvidenceFile } from './evidence-file.ts';

/** One round, judged again. */
export interface VerifiedRound {
	readonly number: number;
	readonly at: number;
	/** `accepted`, or the code of a refusal: what the verifier said, and what comes out now. */
	readonly recorded: string;
	readonly found: string;
	/** Why, as it comes out now. */
	readonly reason: string | null;
}

export interface VerifiedEvidence {
	readonly rounds: readonly VerifiedRound[];
	/** Subjects from the endorsement key's certificate up to a root given; undefined when none were given. */
	readonly chain: readonly string[] | undefined;
	/** That the rounds that are good were signed with and bound to; undefined when none is. */
	readonly keys: Keys | undefined;
	/** What the first good round has proven; undefined when none is. */
	readonly first: Baseline | undefined;
	/** Whatever does not hold; empty: everything does. */
	readonly problems: readonly string[];
	/** Rounds that are no longer kept: good ones, in which nothing but the quote was new. */
	readonly thinned: number;
}

/**
 * Judges every round anew, from what the TPM signed, without asking anybody: a third party's own verdict.
 *
 * What it cannot prove is taken from whoever signed the file: that the attestation key is in the TPM of this endorsement
 * key (the registrar saw that), and that the nonces were fresh.
 * @param trust absent: whose the endorsement key is, is not looked at
 */
export function verifyEvidence(file: EvidenceFile, trust?: EndorsementTrust): VerifiedEvidence {
	const judge = createJudge();
	const problems: string[] = [];
	const rounds: VerifiedRound[] = [];
	let before: Baseline | undefined;
	let first: Baseline | undefined;
	let chain: readonly string[] | undefined;
	let proven: Keys | undefined;
	let expected = 0;
	let thinned = 0;
	const frozen = new Set<string>();
	for (const record of file.records) {
		const { number, at, verdict: recorded } = record;
		thinned += Math.max(0, number - expected);
		if (number < expected) problems.push(`round ${number} stands there out of its order`);
		expected = number + 1;
		const keys = keysOf(file, record);
		if (
			!keys ||
			record.admission !== file.head.admission.id ||
			record.policy !== file.head.admission.policy
		) {
			problems.push(
				`round ${number} is of another admission, or the keys or policy that it was judged by are not there`,
			);
			continue;
		}
		const judgement = judge(jobOf(file, record, keys, before));
		const held =
			record.standard && judge(jobOf(file, { ...record, policy: record.standard.policy }, keys, before));
		if (held && codeOf(held) !== record.standard?.verdict)
			problems.push(
				`round ${number} was recorded as ${record.standard?.verdict} by the site's own policy, and comes out as ${codeOf(held)}`,
			);
		const found = codeOf(judgement);
		const reason = judgement.ok ? null : judgement.refusal.reason;
		rounds.push({ number, at, recorded, found, reason });
		if (found !== recorded)
			problems.push(`round ${number} was recorded as ${recorded}, and comes out as ${found}`);
		if (!judgement.ok) continue;
		before = judgement.baseline;
		first ??= before;
		proven ??= keys;
		frozen.add(record.keys);
		if (frozen.size > 1) problems.push(`round ${number} was accepted with other keys than before`);
		if (!trust || chain) continue;
		const known = chainOf(keys, trust, at);
		if (known.ok) chain = known.value;
		else problems.push(`the endorsement key: ${known.refusal.code}: ${known.refusal.reason}`);
	}
	return { rounds, chain, keys: proven, first, problems: [...new Set(problems)], thinned };
}

function keysOf({ blobs }: EvidenceFile, { keys, policy, standard }: EvidenceRecord): Keys | undefined {
	const bytes = blobs.get(keys);
	const needed = [policy, standard?.policy].filter(digest => typeof digest === 'string');
	if (!bytes || !needed.every(digest => blobs.has(digest))) return undefined;
	const parsed = keysSchema.safeParse(JSON.parse(bytes.toString('utf8')));
	return parsed.success ? parsed.data : undefined;
}

function jobOf({ blobs }: EvidenceFile, record: EvidenceRecord, keys: Keys, before: Baseline | undefined) {
	const { message, signature, pcrs, bootLog, ima, policy: digest } = record;
	return {
		asked: {
			nonce: Buffer.from(record.nonce, 'hex'),
			nodeKey: bytesOf(keys.nodeKey),
			ek: keys.ek,
			ak: keys.ak,
			before,
			selection: record.selection === undefined ? undefined : readSelection(record.selection),
		},
		policy: digest === null ? null : { digest, text: blobs.get(digest)?.toString('utf8') ?? '' },
		evidence: {
			message: bytesOf(message),
			signature: bytesOf(signature),
			pcrs: bytesOf(pcrs),
			bootLog: bootLog === null ? undefined : blobs.get(bootLog),
			ima: ima === null ? undefined : blobs.get(ima)?.toString('utf8'),
		},
	};
}

function chainOf({ ek, ekCertificate }: Keys, trust: EndorsementTrust, at: number) {
	const area = parsePublicArea(bytesOf(ek), 'the endorsement key’s public area');
	return area.ok
		? verifyEndorsementKey({ certificate: bytesOf(ekCertificate), area: area.value }, trust, at)
		: area;
}
