import type { VerifiedBasic } from '../authenticate/basic.ts';
import type { RosterEntry } from '../authenticate/roster.ts';
import type { SessionBinding, SessionRecord } from '../authenticate/sessions.ts';
import type { BmcState, BmcTarget, ForwardLimits } from '../forward/bmc-connection.ts';
import type { Grant } from '../limits/admission.ts';
import type { UsageLimits } from '../limits/limits.ts';
import type { TlsMaterial } from '../listener/listeners.ts';
import type { Operator } from '../operator.ts';
import type { PolicySources } from '../policy/load-policy-files.ts';

/** What a worker is told once, when it starts. No credential of a BMC is in it. */
export interface WorkerConfig {
	readonly tls: TlsMaterial;
	readonly parties: readonly { readonly name: string; readonly rootPem: string }[];
	readonly bmcs: readonly (Omit<BmcTarget, 'username' | 'password'> & {
		readonly host: string | undefined;
	})[];
	/** This worker's share: see share-limits.ts. */
	readonly limits: ForwardLimits;
	/** How much anybody may use: this process's share of what divides. */
	readonly usage: UsageLimits;
	readonly partyNames: readonly string[];
	readonly coalesce: boolean;
	readonly idleTimeout: number;
	readonly sessionLifetime: number;
	readonly sessionBinding: SessionBinding;
	/** Rows whose execution reserves something of a shared quantity: decided on at home. */
	readonly reservedOperations: readonly string[];
	/** Unix socket on which home takes requests. */
	readonly socket: string;
	/** Key of the marks of verified Basic headers. */
	readonly basicSecret: Uint8Array;
	readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
	readonly state: WorkerState;
}

/** What a worker knows of what changes, at one moment. */
export interface WorkerState {
	/** Undefined where the policies do not come from files: all decisions are then made at home. */
	readonly policies: PolicySources | undefined;
	/** Without password hashes. */
	readonly roster: readonly RosterEntry[];
	readonly sessions: readonly SessionRecord[];
	/** Milliseconds, by party that has set its own. */
	readonly idleTimeouts: Readonly<Record<string, number>>;
}

/** One change of what workers know. */
export type Update =
	| { readonly what: 'policies'; readonly policies: PolicySources | undefined }
	| { readonly what: 'roster'; readonly roster: readonly RosterEntry[] }
	| { readonly what: 'session-opened'; readonly session: SessionRecord }
	| { readonly what: 'session-ended'; readonly id: string }
	| { readonly what: 'idle-timeout'; readonly party: string; readonly milliseconds: number }
	| { readonly what: 'basic-verified'; readonly verified: VerifiedBasic };

/** From home to a worker. They arrive in order, connections among them. */
export type ToWorker =
	| { readonly kind: 'start'; readonly config: WorkerConfig }
	| { readonly kind: 'update'; readonly number: number; readonly update: Update }
	/** With the connection's handle; `door` is the port that it came in on: '' for the main port, or a BMC's name. */
	| { readonly kind: 'connection'; readonly number: number; readonly door: string }
	/** What of the operator's allowance this process may let in by itself. */
	| { readonly kind: 'granted'; readonly operator: Operator; readonly grant: Grant }
	| { readonly kind: 'token'; readonly call: number; readonly token?: string; readonly fault?: string }
	| { readonly kind: 'metrics'; readonly call: number }
	| { readonly kind: 'close'; readonly graceMs: number };

/** From a worker to home. */
export type ToHome =
	| { readonly kind: 'ready' }
	/** The connection is served here. */
	| { readonly kind: 'adopted'; readonly number: number }
	/** Connections that are no more. */
	| { readonly kind: 'closed'; readonly numbers: readonly number[] }
	| { readonly kind: 'lease'; readonly operator: Operator; readonly unused: Grant }
	| { readonly kind: 'give-back'; readonly operator: Operator; readonly grant: Grant }
	/** The update is in force here. */
	| { readonly kind: 'done'; readonly number: number }
	| { readonly kind: 'touched'; readonly sessions: readonly string[] }
	| {
			readonly kind: 'token';
			readonly call: number;
			readonly bmc: string;
			readonly refused: string | undefined;
	  }
	| { readonly kind: 'bmc-state'; readonly bmc: string; readonly state: BmcState }
	| { readonly kind: 'metrics'; readonly call: number; readonly values: readonly object[] }
	| { readonly kind: 'log'; readonly line: string };
