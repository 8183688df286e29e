import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { bytesOf } from '../model/names.ts';
import { learnPolicy } from '../policy/learn.ts';
import type { PolicyFile } from '../policy/policy.ts';
import type { EvidenceFile } from './evidence-file.ts';
import { verifyEvidence } from './verify-evidence.ts';

/**
 * The policy of a boot that was taken as a reference (an admission that asked to learn).
 * @throws BimetalError NotLearnt: nothing was learnt, or it does not fit together
 */
export function learnFromEvidence(file: EvidenceFile): {
	readonly policy: PolicyFile;
	readonly violations: readonly string[];
} {
	const { problems, first } = verifyEvidence(file);
	const record = file.records.find(one => one.policy === null && one.verdict === 'accepted');
	if (problems.length > 0 || !record || !first)
		throw notLearnt(problems[0] ?? 'the node has not shown a boot to learn from');
	const values = bytesOf(record.pcrs);
	const pcrs = new Map(
		Array.from({ length: values.length / 32 }, (_, pcr) => [pcr, values.subarray(pcr * 32, pcr * 32 + 32)]),
	);
	const { bootLog, ima } = record;
	const learnt = learnPolicy({
		pcrs,
		clock: first,
		bootLog: bootLog === null ? undefined : file.blobs.get(bootLog),
		ima: ima === null ? undefined : file.blobs.get(ima)?.toString('utf8') || undefined,
	});
	if (learnt.ok) return learnt.value;
	throw notLearnt(`${learnt.refusal.code}: ${learnt.refusal.reason}`);
}

const notLearnt = (why: string): BimetalError =>
	new BimetalError('NotLearnt', `no policy can be made of this boot: ${why}`, { status: 422 });
