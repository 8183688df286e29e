import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { type Classify, compileClassifier } from '../classify/classify.ts';
import type { ExternalValue, Facts } from '../policy/facts.ts';
import type { Operation, PolicySet } from '../policy/policy-set.ts';
import { decide, type Verdict } from './decide.ts';
import { compileFactsNeeded, type NeededFacts } from './facts-needed.ts';

/** A policy set with what is worked out from it once. */
export interface ActivePolicies {
	readonly set: PolicySet;
	readonly classify: Classify;
	readonly factsNeeded: (operations: readonly Operation[]) => NeededFacts;
}

export function activate(set: PolicySet): ActivePolicies {
	return { set, classify: compileClassifier(set), factsNeeded: compileFactsNeeded(set) };
}

export interface ConsiderDeps {
	/** The External sources of the site file. Never rejects: what cannot be read is `unavailable`. */
	readonly readExternal: (names: readonly string[]) => Promise<Readonly<Record<string, ExternalValue>>>;
}

/** Gathers the facts that the policies of these rows read, then decides. */
export type Consider = (
	policies: ActivePolicies,
	operations: readonly Operation[],
	call: Call,
	authorizations: ReadonlySet<string>,
) => Promise<Verdict>;

const none: Readonly<Record<string, ExternalValue>> = Object.freeze({});

export function createConsider(deps: ConsiderDeps): Consider {
	return async (policies, operations, call, authorizations) => {
		const needed = policies.factsNeeded(operations);
		const external = needed.external.length > 0 ? await deps.readExternal(needed.external) : none;
		const resource = needed.resource ? await readTarget(call) : undefined;
		return decide({ operations, authorizations, facts: factsOf(call, resource, external) });
	};
}

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
		},
		Resource: resource,
		External: external,
	};
}

/** The target as the BMC shows it now; an action's target is the resource that offers it. Absent on any fault. */
async function readTarget(call: Call): Promise<JsonValue | undefined> {
	const { segments, path } = call.request;
	const action = segments.indexOf('Actions');
	const target = action > 0 ? `/${segments.slice(0, action).join('/')}` : path;
	try {
		return await call.bmc.read(target);
	} catch {
		return undefined; // a policy that reads Resource then does not hold
	}
}
