import type { Store } from '../../common/store/store.ts';
import type { EndorsementTrust } from '../certificates/endorsement-certificate.ts';
import { keyFingerprint } from '../certificates/fingerprint.ts';
import { attestErrors } from '../errors.ts';
import { type AttestRoute, type RouteDeps, routesOf } from '../http/route.ts';
import { base64, hilName, sha256 } from '../model/names.ts';
import type { Outcome } from '../outcome.ts';
import { challenge, shownEndorsementKey } from './challenge.ts';
import { enrol, forget, listEnrolments } from './enrolments.ts';
import {
	activate,
	answerWithin,
	assertEnrolled,
	beginRegistration,
	enrolledKey,
	findRegistration,
	showRegistration,
} from './registrations.ts';
import * as views from './views.ts';

export interface RegistrarDeps extends RouteDeps {
	readonly store: Store;
	/** Whose certificates of endorsement keys count. */
	readonly trust: EndorsementTrust;
	readonly random: (size: number) => Buffer;
}

/** Everything that the registrar does for those who ask over HTTP. */
export function registrarRoutes(deps: RegistrarDeps): readonly AttestRoute[] {
	const { store, trust, random } = deps;
	const { reads, changes, calls } = routesOf(deps);
	return [
		reads({
			path: '/enrolments',
			action: 'enrolment.list',
			summary: 'Which TPM is which node’s',
			answer: views.enrolments,
			verb: async tx => ({ enrolments: await listEnrolments(tx) }),
		}),
		changes('PUT', {
			path: '/enrolments/{node}',
			action: 'enrolment.create',
			summary: 'Put on record which TPM is a node’s, by the fingerprint of its endorsement key',
			body: { fingerprint: sha256 },
			answer: views.enrolment,
			verb: enrol,
		}),
		changes('DELETE', {
			path: '/enrolments/{node}',
			action: 'enrolment.delete',
			summary: 'Forget a node’s TPM: it was replaced, or the node has left',
			answer: views.enrolment,
			verb: forget,
		}),
		reads({
			path: '/nodes/{node}/registration',
			action: 'registration.find',
			summary: 'The keys that are a node’s now',
			answer: views.registration,
			verb: findRegistration,
		}),
		reads({
			path: '/registrations/{registration}',
			action: 'registration.show',
			summary: 'The keys of one registration, and whether they still count',
			answer: views.registration,
			verb: showRegistration,
		}),
		calls('POST', {
			path: '/agent/registrations',
			action: 'registration.begin',
			summary: 'An agent shows the keys of its TPM, and gets a credential that only this TPM opens',
			body: { node: hilName, ek: base64(2048), ekCertificate: base64(8192), ak: base64(2048) },
			answer: views.credential,
			status: 201,
			async work(shown, { now, newId }) {
				const { node } = shown;
				// What costs little comes first: anybody may call this.
				const enrolled = await store.read(tx => enrolledKey(tx, node));
				const ek = orRefuse(shownEndorsementKey(shown));
				assertEnrolled(node, enrolled, keyFingerprint(ek.keyObject));
				const id = newId();
				const { claim, credential, proof } = orRefuse(challenge(id, shown, ek, { trust, now, random }));
				await store.transact(tx => beginRegistration(tx, { id, claim, proof }, now));
				const within = answerWithin / 1000;
				return { registration: id, credential: credential.toString('base64'), within };
			},
		}),
		changes('POST', {
			path: '/agent/registrations/{registration}/activation',
			action: 'registration.activate',
			summary: 'The agent’s answer: HMAC-SHA-256 over the registration’s id, keyed with the secret',
			body: { proof: sha256 },
			answer: views.registration,
			verb: activate,
		}),
	];
}

function orRefuse<T>(outcome: Outcome<T>): T {
	if (outcome.ok) return outcome.value;
	const { code, reason } = outcome.refusal;
	throw attestErrors.RegistrationRefused(`${code}: ${reason}.`);
}
