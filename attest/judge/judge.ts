import { hash } from 'node:crypto';
import { judgeFiles } from '../ima/file-policy.ts';
import { parseAsciiImaList } from '../ima/ima-list.ts';
import { bootAggregateOf, type ImaReplay, replayImaList } from '../ima/replay.ts';
import { type EventLog, parseEventLog } from '../log/event-log.ts';
import { replayEventLog } from '../log/replay.ts';
import { accept, type Outcome, type Refusal, refuse } from '../outcome.ts';
import { judgeBoot } from '../policy/boot-rules.ts';
import type { Policy } from '../policy/policy.ts';
import type { PcrBank } from '../tpm/pcr-selection.ts';
import { type PublicArea, parsePublicArea } from '../tpm/public-area.ts';
import { verifyQuote } from '../tpm/quote.ts';
import type { Baseline } from './baseline.ts';
import { checkContinuity, qualifiedName } from './continuity.ts';
import { checkErased } from './erased.ts';

/** What a node sends in answer to a nonce. */
export interface Evidence {
	/** TPMS_ATTEST and TPMT_SIGNATURE. */
	readonly message: Buffer;
	readonly signature: Buffer;
	/** Values of the PCRs asked for, one after another, in the order of their numbers: as `tpm2_quote --pcrs_format=values` writes them. */
	readonly pcrs: Buffer;
	/** Whole; it is sent once for an admission. */
	readonly bootLog: Buffer | undefined;
	/** In ASCII, from the entry on that was asked for. */
	readonly ima: string | undefined;
}

export interface Asked {
	readonly nonce: Buffer;
	/** SubjectPublicKeyInfo in DER of the key that the node will be handed secrets under. */
	readonly nodeKey: Buffer;
	/** TPM2B_PUBLIC of the endorsement key and of the attestation key, as registered. */
	readonly ek: Buffer;
	readonly ak: Buffer;
	readonly policy: Policy;
	/** What was quoted, where that is more than the policy needs. */
	readonly selection?: readonly PcrBank[] | undefined;
	/** What was proven before in this admission; absent at first. */
	readonly before: Baseline | undefined;
}

export type Judgement =
	| { readonly ok: true; readonly baseline: Baseline }
	/** `signed`: the node's own TPM vouches for what was refused. Otherwise anybody may have sent it. */
	| { readonly ok: false; readonly refusal: Refusal; readonly signed: boolean };

/** `accepted`, or the code of the refusal: as it is recorded. */
export const codeOf = (judgement: Judgement): string => (judgement.ok ? 'accepted' : judgement.refusal.code);

const IMA_PCR = 10;

/** What a quote must carry: it binds the node's key to the nonce, so that nobody can put another key in its place. */
export const qualifyingData = (nonce: Buffer, nodeKey: Buffer): Buffer =>
	Buffer.from(hash('sha256', Buffer.concat([nonce, nodeKey]), 'hex'), 'hex');

/** Keys of a node as they are judged by. */
export interface ReadKeys {
	readonly ak: PublicArea;
	/** The qualified name that the AK has below the endorsement key. */
	readonly signer: Buffer;
}

/** Of the TPM2B_PUBLIC of both. */
export function readKeys(ekBytes: Buffer, akBytes: Buffer): Outcome<ReadKeys> {
	const [ek, ak] = [parsePublicArea(ekBytes), parsePublicArea(akBytes)];
	if (!ek.ok) return ek;
	return ak.ok ? accept({ ak: ak.value, signer: qualifiedName(ek.value, ak.value) }) : ak;
}

/** All checks, in the order of docs/attestation-policies.md. */
export function judge(asked: Asked, evidence: Evidence): Judgement {
	const keys = readKeys(asked.ek, asked.ak);
	return keys.ok ? judgeBy(keys.value, asked, evidence) : { ...keys, signed: false };
}

/** The same for who has read the keys before: reading them takes longer than all the rest of a round. */
export function judgeBy(keys: ReadKeys, asked: Omit<Asked, 'ek' | 'ak'>, evidence: Evidence): Judgement {
	const proven = proveQuote(asked, evidence, keys);
	if (!proven.ok) return { ok: false, refusal: proven.refusal, signed: false };
	const judged = judgeProven(asked, evidence, proven.value);
	return judged.ok
		? { ok: true, baseline: judged.value }
		: { ok: false, refusal: judged.refusal, signed: true };
}

interface Proven {
	readonly pcrs: ReadonlyMap<number, Buffer>;
	readonly continues: Outcome<void>;
	readonly clock: Pick<Baseline, 'clock' | 'resetCount' | 'restartCount' | 'safe' | 'signer'>;
}

function proveQuote(
	{ nonce, nodeKey, policy, before, selection = policy.selection }: Omit<Asked, 'ek' | 'ak'>,
	evidence: Evidence,
	{ ak, signer }: ReadKeys,
): Outcome<Proven> {
	const left = missing(policy, selection);
	if (left !== undefined)
		return refuse(
			'SelectionWrong',
			`PCR ${left}, which the policy judges, is not among those that were quoted`,
		);
	const quote = verifyQuote(ak, { qualifyingData: qualifyingData(nonce, nodeKey), selection }, evidence);
	if (!quote.ok) return quote;
	const { clock, resetCount, restartCount, safe } = quote.value.clock;
	return accept({
		pcrs: needed(policy, selection, quote.value.pcrs[policy.bank] ?? new Map()),
		continues: checkContinuity(quote.value, signer, before),
		clock: {
			clock: clock.toString(),
			resetCount,
			restartCount,
			safe,
			signer: quote.value.signer.toString('hex'),
		},
	});
}

/** A PCR of a policy's that a selection leaves out: what is not quoted would be judged by nobody. */
const missing = (policy: Policy, selection: readonly PcrBank[]): number | undefined =>
	policy.selection === selection
		? undefined
		: policy.selection
				.flatMap(({ pcrs }) => pcrs)
				.find(pcr => !selection.some(({ hash: name, pcrs }) => name === policy.bank && pcrs.includes(pcr)));

/** A policy judges what it says something of, whatever was quoted besides. */
function needed(
	{ selection }: Policy,
	asked: readonly PcrBank[],
	quoted: ReadonlyMap<number, Buffer>,
): ReadonlyMap<number, Buffer> {
	if (asked === selection) return quoted;
	const own = new Set(selection.flatMap(({ pcrs }) => pcrs));
	return own.size === quoted.size ? quoted : new Map([...quoted].filter(([pcr]) => own.has(pcr)));
}

function judgeProven(asked: Omit<Asked, 'ek' | 'ak'>, evidence: Evidence, proven: Proven): Outcome<Baseline> {
	const { policy, before } = asked;
	const { pcrs } = proven;
	if (!proven.continues.ok) return proven.continues;
	const erased = policy.erased && !before ? checkErased(proven.clock, pcrs) : undefined;
	if (erased && !erased.ok) return erased;
	const list = policy.files && replayedList(policy, evidence, pcrs, before);
	if (list && !list.ok) return list;
	// Of a boot that is known already only the PCRs are compared.
	const log = policy.boot && !before ? replayedLog(policy, evidence, pcrs) : undefined;
	if (log && !log.ok) return log;
	const values: Record<string, string> = {};
	for (const [pcr, value] of pcrs) values[pcr] = value.toString('hex');
	const wrong = pcrFault(policy, values, before);
	if (wrong) return wrong;
	if (log && policy.boot) {
		const booted = judgeBoot(log.value, policy.bank, policy.boot);
		if (!booted.ok) return booted;
	}
	// A first list has entries that are proven, or is refused.
	if (list && policy.files && list.value.proven.length > 0) {
		const aggregate = bootAggregateOf(policy.bank, pcrs);
		if (!aggregate.ok) return aggregate;
		const ran = judgeFiles(list.value.proven, policy.files, aggregate.value);
		if (!ran.ok) return ran;
	}
	return accept({ ...proven.clock, pcrs: values, ima: list ? imaProgress(list.value, pcrs, before) : null });
}

function replayedList(
	policy: Policy,
	{ ima }: Evidence,
	pcrs: ReadonlyMap<number, Buffer>,
	before: Baseline | undefined,
): Outcome<ImaReplay> {
	if (ima === undefined) return refuse('EvidenceMissing', 'the IMA list was not sent');
	const since = before?.ima;
	const entries = parseAsciiImaList(ima, since?.entries ?? 0);
	if (!entries.ok) return entries;
	const quoted = pcrs.get(IMA_PCR) ?? Buffer.alloc(0);
	const replay = replayImaList(
		entries.value,
		policy.bank,
		quoted,
		since ? { pcr: Buffer.from(since.pcr, 'hex') } : undefined,
	);
	if (!replay.ok) return replay;
	// What was shown without proof last time has been measured by now, or never was.
	if (since && replay.value.proven.length < since.ahead)
		return refuse(
			'LogMismatch',
			`the last IMA list had ${since.ahead} entries more than its quote proved; this one proves ${replay.value.proven.length} of them`,
		);
	return replay;
}

function imaProgress(
	{ proven, unproven }: ImaReplay,
	pcrs: ReadonlyMap<number, Buffer>,
	before: Baseline | undefined,
): Baseline['ima'] {
	const entries = (before?.ima?.entries ?? 0) + proven.length;
	return { entries, pcr: (pcrs.get(IMA_PCR) ?? Buffer.alloc(0)).toString('hex'), ahead: unproven };
}

function replayedLog(
	policy: Policy,
	{ bootLog }: Evidence,
	pcrs: ReadonlyMap<number, Buffer>,
): Outcome<EventLog> {
	if (!bootLog) return refuse('EvidenceMissing', 'the boot log was not sent');
	const log = parseEventLog(bootLog);
	if (!log.ok) return log;
	// PCRs that are compared as values, or not at all, may have been extended by the system since.
	const beside = new Set([IMA_PCR, ...policy.unchecked, ...policy.values.keys()]);
	const replayed = replayEventLog(log.value, policy.bank, pcrs, beside);
	return replayed.ok ? log : replayed;
}

function pcrFault(
	{ values, boot }: Policy,
	/** In hexadecimal. */
	pcrs: Readonly<Record<string, string>>,
	before: Baseline | undefined,
): Outcome<never> | undefined {
	for (const [pcr, allowed] of values) {
		const value = pcrs[pcr] ?? '';
		if (!allowed.has(value))
			return refuse(
				'PcrNotAllowed',
				`PCR ${pcr} has ${value}; allowed is ${[...allowed].slice(0, 3).join(' or ')}`,
			);
	}
	for (const pcr of before ? (boot?.pcrs ?? []) : []) {
		const [value, was] = [pcrs[pcr], before?.pcrs[pcr]];
		if (value !== was)
			return refuse('PcrChanged', `PCR ${pcr} has ${value}; it had ${was} when the node was admitted`);
	}
	return undefined;
}
