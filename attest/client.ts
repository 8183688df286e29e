import type { z } from 'zod';
import { createJsonClient, type JsonClientOptions } from '../common/http/json-client.ts';
import * as registrar from './registrar/views.ts';

export type EnrolmentView = z.output<typeof registrar.enrolment>;
export type RegistrationView = z.output<typeof registrar.registration>;

const at = (strings: TemplateStringsArray, ...names: readonly string[]): string =>
	String.raw({ raw: strings }, ...names.map(name => encodeURIComponent(name)));

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
