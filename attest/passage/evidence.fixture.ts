import type { Cause } from '../model/admission.ts';
import type { AdmissionEvent } from '../verifier/next-state.ts';

/** Keys and a baseline that nobody looks into. */
const keys = { registration: 'r', ek: 'AAAA', ak: 'AAAA', ekCertificate: 'AAAA', nodeKey: 'AAAA' };
const baseline = {
	signer: '00',
	clock: '1',
	resetCount: 1,
	restartCount: 1,
	safe: true,
	pcrs: {},
	ima: null,
};

/** What evidence comes to, without a TPM: it is good, or refused for this. */
export const evidenceOf = (cause?: Cause): AdmissionEvent =>
	cause ? { kind: 'bad', keys, cause } : { kind: 'good', keys, baseline };

export const refused: Cause = { code: 'PcrNotAllowed', reason: 'PCR 4 is another' };
