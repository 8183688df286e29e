import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { SecretBox } from '../../common/identity/secret-box.ts';
import { attestErrors } from '../errors.ts';
import { writeEvidence } from '../evidence/write-evidence.ts';
import { type AttestRoute, type RouteDeps, routesOf } from '../http/route.ts';
import { base64, bytesOf, hilName } from '../model/names.ts';
import { shownPayload } from '../model/payload.ts';
import { partBytes } from '../payload/sealed-payload.ts';
import type { World } from '../world.ts';
import { askAdmission, endAdmission, listAdmissions, showAdmission, withdraw } from './admissions.ts';
import { listSubscriptions, subscribe, unsubscribe } from './notices.ts';
import { releasePayload, showPayload } from './payloads.ts';
import { deletePolicy, listPolicies, setPolicy, showPolicy } from './policies.ts';
import type { Rounds } from './rounds.ts';
import { shownEvidence } from './shown-evidence.ts';
import * as views from './views.ts';

export interface VerifierDeps extends RouteDeps {
	readonly rounds: Rounds;
	/** Whose a node is; absent where nobody is asked: a tenant's own verifier. @throws HilAway */
	readonly projectOf: ((node: string) => Promise<string | null>) | undefined;
	/** Whether the site lets the verifier push there. */
	readonly mayPush: (url: string) => boolean;
	/** Private, Ed25519: what evidence and notices are signed with. */
	readonly key: KeyObject;
	/** Keeps the verifier's parts of payloads' keys. */
	readonly box: SecretBox;
	/** Called when somebody may have to hear of something. */
	readonly onRevoked: () => void;
}

const seconds = (most: number) => z.number().min(0.1).max(most).optional();
const day = 24 * 3600;

/** Everything that the verifier does for those who ask over HTTP. */
export function verifierRoutes(deps: VerifierDeps): readonly AttestRoute[] {
	const { store, rounds, mayPush, key, box } = deps;
	const { reads, changes, calls } = routesOf(deps);
	return [
		reads({
			path: '/key',
			action: 'verifier.key',
			summary: 'What evidence and notices are signed by',
			answer: views.key,
			verb: async () => ({ key: createPublicKey(key).export({ type: 'spki', format: 'pem' }) }),
		}),
		reads({
			path: '/policies/{project}',
			action: 'policy.list',
			summary: 'A project’s policies',
			answer: views.policies,
			verb: async (tx, args) => ({ policies: await listPolicies(tx, args) }),
		}),
		reads({
			path: '/policies/{project}/{name}',
			action: 'policy.show',
			summary: 'A policy as it is now',
			answer: views.policy,
			verb: showPolicy,
		}),
		changes('PUT', {
			path: '/policies/{project}/{name}',
			action: 'policy.set',
			summary: 'Set a policy; admissions that are open go on by the one that they began with',
			body: { policy: z.looseObject({}) },
			answer: views.policyRecord,
			verb: setPolicy,
		}),
		changes('DELETE', {
			path: '/policies/{project}/{name}',
			action: 'policy.delete',
			summary: 'Forget a policy’s name',
			answer: views.policyRecord,
			verb: deletePolicy,
		}),
		reads({
			path: '/admissions',
			action: 'admission.list',
			summary: 'Admissions of the asker’s projects that are open; all of them with `all`',
			body: { all: z.stringbool().optional() },
			answer: views.admissions,
			verb: async (tx, args, world) => ({ admissions: await listAdmissions(tx, args, world) }),
		}),
		calls('POST', {
			path: '/admissions',
			action: 'admission.ask',
			summary: 'Ask for a node to be admitted, by a policy',
			body: {
				node: hilName,
				project: hilName,
				policy: z.string().min(1).max(128).optional(),
				learn: z.boolean().optional(),
				interval: seconds(3600),
				lease: seconds(day),
				within: seconds(day),
			},
			answer: views.admission,
			status: 201,
			async work(args, world) {
				await assertOwn(deps, args, world);
				return store.transact(tx => askAdmission(tx, args, world));
			},
		}),
		reads({
			path: '/admissions/{admission}',
			action: 'admission.show',
			summary: 'How an admission stands',
			answer: views.admission,
			verb: showAdmission,
		}),
		changes('POST', {
			path: '/admissions/{admission}/end',
			action: 'admission.end',
			summary: 'End an admission: the tenant is done with the node',
			answer: views.admission,
			verb: endAdmission,
		}),
		calls('POST', {
			path: '/admissions/{admission}/withdraw',
			action: 'admission.withdraw',
			summary: 'Trust a node no longer, and tell everybody',
			body: { reason: z.string().min(1).max(500) },
			answer: views.admission,
			async work(args, world) {
				const view = await store.transact(tx => withdraw(tx, args, world));
				deps.onRevoked();
				return view;
			},
		}),
		reads({
			path: '/admissions/{admission}/evidence',
			action: 'evidence.export',
			summary: 'Everything that is kept of an admission, signed, for others to verify',
			answer: z.string(),
			type: 'application/jsonl',
			verb: (tx, args, world) => writeEvidence(tx, args, world, key),
		}),
		reads({
			path: '/admissions/{admission}/payload',
			action: 'payload.show',
			summary: 'Whether a payload was released for an admission, and given to its node',
			answer: views.payload,
			verb: showPayload,
		}),
		changes('PUT', {
			path: '/admissions/{admission}/payload',
			action: 'payload.release',
			summary: 'Release a sealed payload to a node that is attested, once',
			body: {
				nodeKey: base64(2048),
				...shownPayload,
				v: base64(partBytes).refine(
					text => bytesOf(text).length === partBytes,
					'expected 32 bytes in base64',
				),
			},
			answer: views.payload,
			verb: (tx, args, world) => releasePayload(tx, { ...args, box }, world),
		}),
		reads({
			path: '/subscriptions/{project}',
			action: 'subscription.list',
			summary: 'Who is told of a project’s revocations',
			answer: views.subscriptions,
			verb: async (tx, args) => ({ subscriptions: await listSubscriptions(tx, args) }),
		}),
		changes('POST', {
			path: '/subscriptions/{project}',
			action: 'subscription.add',
			summary: 'Have a URL told, by POST, of a project’s revocations',
			body: { url: z.url({ protocol: /^https?$/ }).max(1000) },
			answer: views.subscription,
			status: 201,
			verb: (tx, args, world) => subscribe(tx, { ...args, mayPush: mayPush(args.url) }, world),
		}),
		changes('DELETE', {
			path: '/subscription/{subscription}',
			action: 'subscription.delete',
			summary: 'Tell a URL no more',
			answer: views.subscription,
			verb: unsubscribe,
		}),
		calls('POST', {
			path: '/agent/questions',
			action: 'round.ask',
			summary: 'An agent asks what its TPM is to quote',
			body: { node: hilName, registration: z.string().min(1).max(200), nodeKey: base64(2048) },
			answer: views.question,
			work: args => rounds.ask(args),
		}),
		calls('POST', {
			path: '/agent/answers',
			action: 'round.take',
			summary: 'An agent’s quote, with logs and lists that were asked for',
			body: shownEvidence,
			answer: views.round,
			async work(args) {
				const { id, admission, refusal, next, payload, peers } = await rounds.take(args);
				return {
					...{ state: admission.state, refusal, next: next === null ? null : next / 1000, admission: id },
					payloadT: payload?.t ?? null,
					payloadU: payload?.u ?? null,
					payloadV: payload?.v ?? null,
					payload: payload?.payload ?? null,
					peers: peers?.join(' ') ?? null,
				};
			},
		}),
	];
}

/** Nobody learns what another project's nodes run. */
async function assertOwn(
	{ projectOf }: VerifierDeps,
	{ node, project }: { readonly node: string; readonly project: string },
	{ actor }: World,
): Promise<void> {
	if (!projectOf || actor.isAdmin) return;
	if ((await projectOf(node)) !== project)
		throw attestErrors.NotThere(`Node ${node} is not of project ${project}.`);
}
