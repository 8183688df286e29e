import { z } from 'zod';
import { createJsonClient, type JsonClientOptions } from '../common/http/json-client.ts';
import type { PayloadRelease } from './client/prepare-payload.ts';
import type { NewPassage } from './passage/passages.ts';
import * as passage from './passage/views.ts';
import * as registrar from './registrar/views.ts';
import type { NewAdmission } from './verifier/admissions.ts';
import * as verifier from './verifier/views.ts';

export type EnrolmentView = z.output<typeof registrar.enrolment>;
export type RegistrationView = z.output<typeof registrar.registration>;
export type AdmissionView = z.output<typeof verifier.admission>;
export type PayloadView = z.output<typeof verifier.payload>;
export type PassageView = z.output<typeof passage.passage>;
export type PolicyRecordView = z.output<typeof verifier.policyRecord>;

const at = (strings: TemplateStringsArray, ...names: readonly string[]): string =>
	String.raw({ raw: strings }, ...names.map(name => encodeURIComponent(name)));
const me = z.looseObject({ projects: z.array(z.string()) });

/**
 * The registrar as other services and programs use it. Calls throw a BimetalError with its code and status when they are
 * refused, `AttestUnreachable` when there is no answer, `AttestNotTrusted` when TLS fails, and `BadAnswer`.
 */
export function createRegistrarClient(options: JsonClientOptions) {
	const { call, close } = createJsonClient('Attest', options);
	const v1 = '/registrar/v1';
	return {
		enrolments: async () => (await call(registrar.enrolments, 'GET', `${v1}/enrolments`)).enrolments,
		/** `fingerprint`: SHA-256 of the endorsement key's SubjectPublicKeyInfo. */
		enrol: (node: string, fingerprint: string): Promise<EnrolmentView> =>
			call(registrar.enrolment, 'PUT', v1 + at`/enrolments/${node}`, { fingerprint }),
		forget: (node: string): Promise<EnrolmentView> =>
			call(registrar.enrolment, 'DELETE', v1 + at`/enrolments/${node}`),
		registration: (id: string): Promise<RegistrationView> =>
			call(registrar.registration, 'GET', v1 + at`/registrations/${id}`),
		close,
	};
}

/** The verifier; calls throw as those of the registrar. */
export function createVerifierClient(options: JsonClientOptions) {
	const { call, text, close } = createJsonClient('Attest', options);
	const v1 = '/verifier/v1';
	return {
		/** Projects of the asker. */
		projects: async () => (await call(me, 'GET', `${v1}/me`)).projects,
		policies: async (project: string) =>
			(await call(verifier.policies, 'GET', v1 + at`/policies/${project}`)).policies,
		policy: (project: string, name: string) =>
			call(verifier.policy, 'GET', v1 + at`/policies/${project}/${name}`),
		/** The site's own, that a node in its airlock is held against as well. */
		standard: (node: string) => call(verifier.policy, 'GET', v1 + at`/standard/${node}`),
		setPolicy: (project: string, name: string, policy: object): Promise<PolicyRecordView> =>
			call(verifier.policyRecord, 'PUT', v1 + at`/policies/${project}/${name}`, { policy }),
		admissions: async (all = false): Promise<readonly AdmissionView[]> =>
			(await call(verifier.admissions, 'GET', `${v1}/admissions${all ? '?all=true' : ''}`)).admissions,
		admit: (request: NewAdmission): Promise<AdmissionView> =>
			call(verifier.admission, 'POST', `${v1}/admissions`, request),
		admission: (id: string): Promise<AdmissionView> =>
			call(verifier.admission, 'GET', v1 + at`/admissions/${id}`),
		end: (id: string): Promise<AdmissionView> =>
			call(verifier.admission, 'POST', v1 + at`/admissions/${id}/end`, {}),
		withdraw: (id: string, reason: string): Promise<AdmissionView> =>
			call(verifier.admission, 'POST', v1 + at`/admissions/${id}/withdraw`, { reason }),
		payload: (id: string): Promise<PayloadView> =>
			call(verifier.payload, 'GET', v1 + at`/admissions/${id}/payload`),
		/** Gives the verifier what `preparePayload` has made. */
		releasePayload: (id: string, release: PayloadRelease): Promise<PayloadView> =>
			call(verifier.payload, 'PUT', v1 + at`/admissions/${id}/payload`, release),
		passages: async (all = false): Promise<readonly PassageView[]> =>
			(await call(passage.passages, 'GET', `${v1}/passages${all ? '?all=true' : ''}`)).passages,
		pass: (request: NewPassage): Promise<PassageView> =>
			call(passage.passage, 'POST', `${v1}/passages`, request),
		/** `wait`: answered when it is of another revision than `seen`, or after so many milliseconds (30,000 at most). */
		passage: (id: string, wait = 0, seen?: number): Promise<PassageView> => {
			const since = seen === undefined ? '' : `&seen=${seen}`;
			return call(
				passage.passage,
				'GET',
				`${v1}${at`/passages/${id}`}${wait > 0 ? `?wait=${wait}${since}` : ''}`,
			);
		},
		cancelPassage: (id: string): Promise<PassageView> =>
			call(passage.passage, 'POST', v1 + at`/passages/${id}/cancel`, {}),
		/** The file that `readEvidence` reads. */
		evidence: (id: string): Promise<string> => text(v1 + at`/admissions/${id}/evidence`),
		close,
	};
}

/** For a tenant with secrets for its node. */
export { assertFits, preparePayload } from './client/prepare-payload.ts';
export { watchAdmission } from './client/watch-admission.ts';
/** For who relies on a node: it is trusted for as long as the verifier vouches for it, and no longer. */
export { type AirlockPayload, airlockPayload, bootSettings } from './payload/airlock-payload.ts';
export { type NetworkNode, networkKeys } from './payload/pair-keys.ts';

export type VerifierClient = ReturnType<typeof createVerifierClient>;
