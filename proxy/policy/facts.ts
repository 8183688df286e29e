import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** Everything that a policy expression can see. Plain data; nothing callable. */
export interface Facts {
	readonly Request: {
		readonly Method: string;
		readonly Path: string;
		readonly Operation: string;
		readonly Bmc: string;
		readonly Rack: string;
		readonly Party: string;
		readonly Operator: string;
		readonly Body: JsonValue;
	};
	/** The target resource as the BMC shows it now; undefined when it was not, or could not be, read. */
	readonly Resource: JsonValue | undefined;
	readonly External: Readonly<Record<string, ExternalValue>>;
}

/** A declared source's value, or the reason why there is none to decide on (then the policy does not hold). */
export type ExternalValue =
	| { readonly status: 'fresh'; readonly value: JsonValue; readonly asOf: number }
	| { readonly status: 'unavailable'; readonly reason: string };
