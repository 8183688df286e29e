import { bytesOf } from '../model/names.ts';
import type { Outcome } from '../outcome.ts';
import { accept, refuse } from '../outcome.ts';
import { type Policy, parsePolicy } from '../policy/policy.ts';
import { type Asked, type Evidence, type Judgement, judgeBy, type ReadKeys, readKeys } from './judge.ts';

/** Evidence to be judged, as plain data that can cross to another thread. */
export interface Job {
	readonly asked: Omit<Asked, 'policy' | 'ek' | 'ak'> & {
		/** TPM2B_PUBLIC, in base64. */
		readonly ek: string;
		readonly ak: string;
	};
	/** Its digest, and its text as it is kept; null: a reference boot. */
	readonly policy: { readonly digest: string; readonly text: string } | null;
	readonly evidence: Evidence;
}

/** PCRs that are quoted of a reference boot: those that firmware, boot loader and kernel measure into. */
const REFERENCE_PCRS = Array.from({ length: 16 }, (_, pcr) => pcr);

/** Of a reference boot only the quote is verified: what it shows is what somebody wants to learn. */
export const referencePolicy: Policy = {
	bank: 'sha256',
	selection: [{ hash: 'sha256', pcrs: REFERENCE_PCRS }],
	values: new Map(),
	boot: undefined,
	files: undefined,
	erased: false,
	unchecked: new Set(REFERENCE_PCRS),
};

const mostKept = 100;
/** Nodes whose keys are kept at hand: some kilobytes each. */
const mostNodes = 10_000;

/** A policy as it is kept. */
export function readPolicy(text: string): Outcome<Policy> {
	try {
		return parsePolicy(JSON.parse(text));
	} catch (fault) {
		return refuse(
			'PolicyWrong',
			`the policy cannot be read: ${fault instanceof Error ? fault.message : fault}`,
		);
	}
}

/** Judges by policies and keys that it has read before, where it can: reading them takes longer than judging. */
export function createJudge(): (job: Job) => Judgement {
	const known = new Map<string, Policy>();
	const find = (stored: Job['policy']): Outcome<Policy> => {
		if (!stored) return accept(referencePolicy);
		const found = known.get(stored.digest);
		if (found) return accept(found);
		const read = readPolicy(stored.text);
		if (!read.ok) return read;
		known.set(stored.digest, read.value);
		for (const oldest of known.keys()) {
			if (known.size <= mostKept) break;
			known.delete(oldest);
		}
		return read;
	};
	/** By attestation key: of a node there is seldom another endorsement key. */
	const nodes = new Map<string, { readonly ek: string; readonly keys: ReadKeys }>();
	const keysOf = (ek: string, ak: string): Outcome<ReadKeys> => {
		const kept = nodes.get(ak);
		if (kept?.ek === ek) return accept(kept.keys);
		const read = readKeys(bytesOf(ek), bytesOf(ak));
		if (!read.ok) return read;
		if (nodes.size >= mostNodes) nodes.clear();
		nodes.set(ak, { ek, keys: read.value });
		return read;
	};
	return ({ asked, policy, evidence }) => {
		const found = find(policy);
		if (!found.ok) return { ...found, signed: false };
		const { ek, ak, nonce, nodeKey, before, selection } = asked;
		const keys = keysOf(ek, ak);
		if (!keys.ok) return { ...keys, signed: false };
		return judgeBy(keys.value, { nonce, nodeKey, before, selection, policy: found.value }, plain(evidence));
	};
}

/** Buffers become plain arrays of bytes on their way to another thread. */
const buffer = (bytes: Uint8Array): Buffer =>
	Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const plain = ({ message, signature, pcrs, bootLog, ima }: Evidence): Evidence => ({
	message: buffer(message),
	signature: buffer(signature),
	pcrs: buffer(pcrs),
	bootLog: bootLog && buffer(bootLog),
	ima,
});
