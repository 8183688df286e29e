import { z } from 'zod';
import { base64, hilName, moment, sha256 } from '../model/names.ts';

export const enrolment = z.strictObject({
	node: hilName,
	fingerprint: sha256,
	enrolledAt: moment,
	enrolledBy: z.string(),
});
export const enrolments = z.strictObject({ enrolments: z.array(enrolment) });

export const registration = z.strictObject({
	id: z.string(),
	node: hilName,
	state: z.enum(['pending', 'active', 'ended']),
	fingerprint: sha256,
	ek: base64(2048),
	ak: base64(2048),
	ekCertificate: base64(8192),
	chain: z.array(z.string()),
});

/** What an agent is asked: flat, for a shell reads it. */
export const credential = z.strictObject({
	registration: z.string(),
	/** What tpm2_activatecredential reads, in base64. */
	credential: base64(4096),
	/** Seconds in which it must be answered. */
	within: z.int(),
});
