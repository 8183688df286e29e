import type { Clock } from '../../common/clock.ts';
import { type Call, targetOf } from '../call.ts';
import { describeImage, type JsonValue } from '../canonicalise/canonical-request.ts';
import { type Classify, compileClassifier } from '../classify/classify.ts';
import type { Operator } from '../operator.ts';
import type { ExternalValue, Facts } from '../policy/facts.ts';
import type { Operation, PolicySet } from '../policy/policy-set.ts';
import { type Claims, countedOperations } from './claims.ts';
import { decide, foreseeDenial, type Verdict } from './decide.ts';
import { compileFactsNeeded, factsNeeded, type NeededFacts } from './facts-needed.ts';
import { type Authorizer, type Occasion, type Spoken, whoHasSpoken } from './spoken.ts';

/** A policy set with what is worked out from it once. */
export interface ActivePolicies {
	readonly set: PolicySet;
	readonly classify: Classify;
	readonly factsNeeded: (operations: readonly Operation[]) => NeededFacts;
	/** By operation, the longest window in which policies count it; milliseconds. */
	readonly counted: ReadonlyMap<string, number>;
}

export function activate(set: PolicySet): ActivePolicies {
	return {
		set,
		classify: compileClassifier(set),
		factsNeeded: compileFactsNeeded(set),
		counted: countedOperations(set),
	};
}

export interface ConsiderDeps {
	/** The External sources of the site file. Never rejects: what cannot be read is `unavailable`. */
	readonly readExternal: (names: readonly string[]) => Promise<Readonly<Record<string, ExternalValue>>>;
	readonly clock: Pick<Clock, 'now'>;
	readonly claims: Claims;
	/** Who stands behind an operator; undefined for one who is an operator of that party no longer. */
	readonly personOf: (operator: Operator) => string | undefined;
}

/**
 * Gathers the facts that the policies of these rows read, then decides. Of the authorizers those count who are
 * operators still when the facts have come. With `claim`, what is let through claims what it needs of shared
 * quantities in the same moment, and whoever asked must send it or release the claim.
 */
export type Consider = (
	policies: ActivePolicies,
	operations: readonly Operation[],
	call: Call,
	authorizers: readonly Operator[],
	how?: { readonly claim: boolean },
) => Promise<Verdict>;

const none: Readonly<Record<string, ExternalValue>> = Object.freeze({});

export function createConsider(deps: ConsiderDeps): Consider {
	const spokenNow = ({ set }: ActivePolicies, call: Call, authorizers: readonly Operator[]): Spoken => {
		const standing = authorizers.flatMap((operator): Authorizer[] => {
			const person = deps.personOf(operator);
			return person === undefined ? [] : [{ name: operator.name, party: operator.party, person }];
		});
		return whoHasSpoken(standing, set.members, occasionOf(call.request.method));
	};
	const decideOn = async (
		needed: NeededFacts,
		operations: readonly Operation[],
		call: Call,
		{ policies, speak, claim }: { policies: ActivePolicies; speak: () => Spoken; claim: boolean },
	): Promise<Verdict> => {
		const read = await readNeeded(deps, needed, call);
		// Reading facts can take seconds. From here to the claim nothing waits: no other decision comes between.
		const { parties, lacking } = speak();
		const verdict = decide({
			operations,
			authorizations: parties,
			lacking,
			facts: factsNow(deps, policies, call, read),
		});
		if (verdict.kind !== 'execute' || !claim) return verdict;
		return {
			...verdict,
			claim: deps.claims.claim(call, { operations, counted: policies.counted }, read.external),
		};
	};
	return async (policies, operations, call, authorizers, how = { claim: false }) => {
		const speak = () => spokenNow(policies, call, authorizers);
		const to = { policies, speak, claim: how.claim };
		const all = policies.factsNeeded(operations);
		if (!all.resource && all.external.length === 0) return decideOn(all, operations, call, to);
		// What lets the request through at once may need fewer facts than what it would otherwise wait for, and
		// a fact can take seconds. Clauses beyond them come out as not decidable, so only `execute` counts here.
		const some = factsNeeded(operations, speak().parties);
		if (some.external.length < all.external.length || some.resource !== all.resource) {
			const verdict = await decideOn(some, operations, call, to);
			if (verdict.kind === 'execute') return verdict;
		}
		return decideOn(all, operations, call, to);
	};
}

/**
 * Whether a request whose body has not arrived yet will be denied whatever is in it and whoever approves it; claims
 * nothing. What is not denied here is decided on once it is whole.
 */
export async function considerHead(
	deps: Omit<ConsiderDeps, 'personOf'>,
	policies: ActivePolicies,
	operations: readonly Operation[],
	call: Call,
): Promise<(Verdict & { kind: 'deny' }) | undefined> {
	const facts = await lookAtFacts(deps, policies, operations, call);
	return foreseeDenial(operations, { ...facts, Request: { ...facts.Request, Body: undefined } });
}

/** The facts on which a decision on these rows would be made now; decides nothing and claims nothing. */
export async function lookAtFacts(
	deps: Omit<ConsiderDeps, 'personOf'>,
	policies: ActivePolicies,
	operations: readonly Operation[],
	call: Call,
): Promise<Facts> {
	const read = await readNeeded(deps, policies.factsNeeded(operations), call);
	return factsNow(deps, policies, call, read);
}

interface ReadFacts {
	readonly external: Readonly<Record<string, ExternalValue>>;
	readonly resource: JsonValue | undefined;
}

async function readNeeded(
	{ readExternal }: Pick<ConsiderDeps, 'readExternal'>,
	needed: NeededFacts,
	call: Call,
): Promise<ReadFacts> {
	return {
		external: needed.external.length > 0 ? await readExternal(needed.external) : none,
		resource: needed.resource ? await readTarget(call) : undefined,
	};
}

function factsNow(
	{ claims, clock }: Pick<ConsiderDeps, 'claims' | 'clock'>,
	{ counted }: ActivePolicies,
	call: Call,
	{ external, resource }: ReadFacts,
): Facts {
	return {
		...factsOf(call, resource, claims.overlay(external)),
		Time: clock.now(),
		Executions: counted.size > 0 ? claims.executions() : undefined,
	};
}

/** Under which of a party's rules its operators speak. */
export const occasionOf = (method: string): Occasion =>
	method === 'GET' || method === 'HEAD' ? 'reads' : 'speaks';

function factsOf(
	call: Call,
	resource: JsonValue | undefined,
	external: Readonly<Record<string, ExternalValue>>,
): Facts {
	const { request, operator, bmc } = call;
	return {
		Request: {
			Method: request.method === 'HEAD' ? 'GET' : request.method,
			Path: request.path,
			Operation: '',
			Bmc: bmc.target.name,
			Rack: bmc.target.rack,
			Party: operator.party,
			Operator: operator.name,
			Body: request.body ?? null,
			Image: request.image && describeImage(request.image),
		},
		Resource: resource,
		External: external,
	};
}

/** The target as the BMC shows it now; an action's target is the resource that offers it. Absent on any fault. */
async function readTarget(call: Call): Promise<JsonValue | undefined> {
	// A console is no resource, and asking for it would be a request that nobody decided on.
	if (call.request.method === 'WEBSOCKET') return undefined;
	try {
		return await call.bmc.read(targetOf(call.request));
	} catch {
		return undefined; // a policy that reads Resource then does not hold
	}
}
