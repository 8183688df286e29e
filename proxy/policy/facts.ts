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
		/** Undefined while it has not been read yet. */
		readonly Body: JsonValue | undefined;
		/** An uploaded image: `{SHA256, Size, FileName}`; undefined without one, or while it has not arrived yet. */
		readonly Image?: JsonValue | undefined;
	};
	/** The target resource as the BMC shows it now; undefined when it was not, or could not be, read. */
	readonly Resource: JsonValue | undefined;
	readonly External: Readonly<Record<string, ExternalValue>>;
	/** Milliseconds since the epoch by the proxy's clock; undefined where nobody asks for it. */
	readonly Time?: number | undefined;
	/** What this proxy executed lately, at least of the operations and within the windows that are asked for. */
	readonly Executions?: readonly Execution[] | undefined;
}

/** One executed request. */
export interface Execution {
	/** Milliseconds since the epoch. */
	readonly At: number;
	/** The rows of the authorization table that it fell under. */
	readonly Operations: readonly string[];
	readonly Bmc: string;
	readonly Rack: string;
	/** Who made it. */
	readonly Party: string;
	readonly Operator: string;
}

/** A declared source's value, or the reason why there is none to decide on (then the policy does not hold). */
export type ExternalValue =
	| {
			readonly status: 'fresh';
			readonly value: JsonValue;
			readonly asOf: number;
			/** What of the value no sensor shows yet, for people: `120 W reserved for node2`. */
			readonly reserved?: string | undefined;
	  }
	| { readonly status: 'unavailable'; readonly reason: string };
