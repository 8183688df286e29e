import { z } from 'zod';
import type { Judgement } from '../judge/judge.ts';
import type { Job } from '../judge/stored-policies.ts';
import type { Cause, Keys, OpenAdmission } from '../model/admission.ts';
import { base64, bytesOf } from '../model/names.ts';
import type { AdmissionEvent } from './next-state.ts';
import { laterRefusal } from './standard.ts';

const logBytes = 12 * 1024 * 1024;

/** What a node answers; bytes in base64. */
export const shownEvidence = {
	token: z.string().min(1).max(8192),
	message: base64(4096),
	signature: base64(4096),
	pcrs: base64(4096),
	bootLog: base64(logBytes).optional(),
	ima: base64(logBytes).optional(),
	/** Whether the answer is to bring what the tenant has released. */
	wantsPayload: z.boolean().optional(),
	/** Nodes of which it wants to know whether they are attested, for the same project: names with blanks between. */
	peers: z
		.string()
		.max(16_384)
		.regex(/^\S{1,128}( \S{1,128}){0,255}$/, 'expected up to 256 names with single blanks between')
		.optional(),
};
const whole = z.strictObject(shownEvidence);
export type ShownEvidence = z.output<typeof whole>;

/** What is to be judged. */
export function jobOf(
	policy: Job['policy'],
	keys: Keys,
	nonce: Buffer,
	{ before, selection }: Pick<Job['asked'], 'before' | 'selection'>,
	answer: ShownEvidence,
): Job {
	const { bootLog, ima } = answer;
	return {
		asked: { nonce, nodeKey: bytesOf(keys.nodeKey), ek: keys.ek, ak: keys.ak, before, selection },
		policy,
		evidence: {
			message: bytesOf(answer.message),
			signature: bytesOf(answer.signature),
			pcrs: bytesOf(answer.pcrs),
			bootLog: bootLog === undefined ? undefined : bytesOf(bootLog),
			ima: ima === undefined ? undefined : bytesOf(ima).toString('utf8'),
		},
	};
}

/** What a judgement means for the admission. */
export function eventOf(
	document: OpenAdmission,
	keys: Keys,
	judgement: Judgement,
	/** What the site's own policy makes of what was refused, if it was asked. */
	standard?: Cause['standard'],
): AdmissionEvent {
	if (judgement.ok) {
		const { baseline } = judgement;
		return document.policy === null ? { kind: 'learnt', keys } : { kind: 'good', keys, baseline };
	}
	const { refusal: cause, signed } = judgement;
	if (!signed) return { kind: 'stray', cause };
	const found = standard ?? laterRefusal(document, cause.code);
	return { kind: 'bad', keys, cause: { ...cause, ...(found && { standard: found }) } };
}
