import type { Call } from '../call.ts';
import type { Execution, ExternalValue } from '../policy/facts.ts';
import type { Operation, PolicySet } from '../policy/policy-set.ts';

type External = Readonly<Record<string, ExternalValue>>;

/**
 * What requests that were let through hold of quantities that others share: the power that they will draw, and
 * their place in a limited number of executions. Nothing here waits, so that between looking and claiming no
 * other decision comes.
 */
export interface Claims {
	/** External sources as policies see them: with what is promised already and not to be seen yet. */
	overlay(external: External): External;
	/** What was executed lately, of the operations that the policies count. */
	executions(): readonly Execution[];
	/** To be called in the same turn as the decision. `external` is what it was made on, without the overlay. */
	claim(call: Call, rows: ClaimedRows, external: External): Claim;
	/** As `release` of the claim of this id, after a restart. On disk when it resolves. */
	release(id: string): Promise<void>;
}

export interface ClaimedRows {
	readonly operations: readonly Operation[];
	/** By operation, the longest window in which policies count it; milliseconds. */
	readonly counted: ReadonlyMap<string, number>;
}

/** One request's hold on what is shared. */
export interface Claim {
	/** By which `Claims.release` finds it again; undefined when it holds nothing. */
	readonly id?: string;
	/** Resolves once it is on disk; nothing is sent before. */
	readonly durable: Promise<void>;
	/** Certainly nothing was executed: what was reserved is free again. That it was let through still counts. */
	release(): void;
}

/** By operation, the longest window in which some policy of the set counts it. */
export function countedOperations({ operations }: PolicySet): ReadonlyMap<string, number> {
	const counted = new Map<string, number>();
	for (const operation of operations) {
		for (const { pre } of operation.policies.values()) {
			for (const { operation: other, window } of pre?.needs.executions ?? []) {
				const name = other ?? operation.name;
				counted.set(name, Math.max(window, counted.get(name) ?? 0));
			}
		}
	}
	return counted;
}
