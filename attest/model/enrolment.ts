import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { hilName, moment, sha256 } from './names.ts';

const enrolment = z.strictObject({
	node: hilName,
	/** Of the endorsement key: SHA-256 of its SubjectPublicKeyInfo in DER. */
	fingerprint: sha256,
	enrolledAt: moment,
	enrolledBy: z.string(),
});
/** Which TPM is which node's, as an administrator has put it on record. Its id is the node. */
export type Enrolment = z.output<typeof enrolment>;
export const enrolments = defineCollection('enrolments', enrolment, {
	fingerprint: document => document.fingerprint,
});
