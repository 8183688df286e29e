import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { Tree } from './expression/tree.ts';
import type { Facts } from './facts.ts';
import type { PolicySources } from './load-policy-files.ts';

/** Where a rule was written, for messages: 1-based line and column. */
export interface SourceLocation {
	readonly file: string;
	readonly line: number;
	readonly column: number;
}

/** One version of the authorization table and all parties' policies, compiled. Immutable. */
export interface PolicySet {
	/** SHA-256, hex, over the names and contents of all its files. */
	readonly version: string;
	/** In the table's order. */
	readonly operations: readonly Operation[];
	/** External sources that some policy of the set reads. */
	readonly externalSources: readonly string[];
	/** Parties that are a P²C themselves; any operator speaks for the others. */
	readonly members: ReadonlyMap<string, PartyMembers>;
	/** What it was compiled from, where it was read from files. */
	readonly sources?: PolicySources;
}

/** What a party says in its `members.yaml`: who of its operators speak for it together. */
export interface PartyMembers {
	readonly party: string;
	/** Names of operators by group. */
	readonly groups: Readonly<Record<string, readonly string[]>>;
	/** For what changes something. */
	readonly speaks: MembersExpression;
	/** For what only reads. */
	readonly reads: MembersExpression;
	readonly where: SourceLocation;
}

/** `2 of (ops, security)` as alternatives; `anyone` is any operator of the party. */
export interface MembersExpression {
	readonly source: string;
	readonly anyone: boolean;
	/** Empty for `anyone` alone. */
	readonly clauses: readonly MembersClause[];
}

/** One way to speak for the party. */
export interface MembersClause {
	readonly source: string;
	/** Groups, one for each person needed; each place is filled by another person. */
	readonly places: readonly string[];
}

/** A row of the authorization table with what each party wrote for it. */
export interface Operation {
	/** The slides' Type column: Operation, Logging, Monitoring… */
	readonly type: string;
	/** The slides' Operation column; unique; policy files name it. */
	readonly name: string;
	readonly description: string;
	readonly matches: readonly RequestPattern[];
	/**
	 * Only for PATCH rows: the body's property paths this row covers, for instance `Boot.BootSourceOverrideTarget`
	 * or `Boot.*`; undefined covers any body.
	 */
	readonly properties: readonly string[] | undefined;
	readonly authorization: AuthorizationExpression;
	/** By party name, capitals as in the expression's upper case. */
	readonly policies: ReadonlyMap<string, PartyPolicy>;
	/** The proxy itself answers (log-in and log-out); nothing is forwarded. */
	readonly handledBy: 'bmc' | 'proxy';
	readonly where: SourceLocation;
}

/**
 * `POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset`; a last segment `**` (GET only) is any rest.
 * `WEBSOCKET /console0` is the handshake that opens a console.
 */
export interface RequestPattern {
	readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE' | 'WEBSOCKET';
	readonly segments: readonly PatternSegment[];
	readonly source: string;
}
export type PatternSegment =
	| { readonly kind: 'literal'; readonly text: string }
	| { readonly kind: 'variable'; readonly name: string }
	| { readonly kind: 'rest' };

/** The p2c column. `closed` is a row that nobody may use. */
export interface AuthorizationExpression {
	/** As written, for instance `(HSO and cp) or (CP and hso)`. */
	readonly source: string;
	readonly closed: boolean;
	/** The expression as alternatives, in the order in which it names them; empty when closed. */
	readonly clauses: readonly Clause[];
}

/** One way to satisfy an expression: these parties authorize, and these parties' policies hold. */
export interface Clause {
	/** As shown to people: `CP and hso`. */
	readonly source: string;
	/** Upper-case terms: party names. */
	readonly authorizations: readonly string[];
	/** Lower-case terms, given as the party names they stand for (`cp` → `CP`). */
	readonly policies: readonly string[];
}

/** What one party wrote for one operation. */
export interface PartyPolicy {
	readonly party: string;
	/** Absent: the party states no condition (`<party>.post` alone). */
	readonly pre: PrePolicy | undefined;
	readonly post: readonly PostPolicy[];
	readonly where: SourceLocation;
	/** Other parties are told whether it holds, and nothing else. */
	readonly private?: boolean;
}

export interface PrePolicy {
	/** As written: `COUNT(External.Servers.State=="Up")>=6`. */
	readonly source: string;
	readonly where: SourceLocation;
	readonly needs: {
		readonly resource: boolean;
		readonly external: readonly string[];
		readonly time?: boolean;
		/** What it counts of earlier executions. */
		readonly executions?: readonly CountedExecutions[];
	};
	/** Parsed, with the helpers that it uses put in their places. */
	readonly tree?: Tree;
	/** Never throws: an error while evaluating is `holds: false` with the reason. */
	evaluate(facts: Facts): PreResult;
}

/** `EXECUTED("rack", "10 min")` */
export interface CountedExecutions {
	readonly scope: 'bmc' | 'rack' | 'party' | 'operator' | 'site';
	/** Milliseconds. */
	readonly window: number;
	/** A row's name; undefined is the row that the policy is for. */
	readonly operation: string | undefined;
}

export interface PreResult {
	readonly holds: boolean;
	/** It could not be decided; then it does not hold. */
	readonly undecided?: boolean;
	/** For people: `COUNT(External.Servers.State=="Up")>=6 is false: COUNT(External.Servers.State=="Up") is 5`. */
	readonly reason: string;
	/** The sub-expressions' values that led to the result, outermost last. */
	readonly values: readonly {
		readonly expression: string;
		readonly value: JsonValue;
		readonly unit?: string | undefined;
	}[];
}

export type PostPolicy = MaskPolicy | PredicatePolicy;

/** `LogEntry.Oem* := null` */
export interface MaskPolicy {
	readonly kind: 'mask';
	readonly source: string;
	readonly where: SourceLocation;
	/** Redfish schema name, matched against @odata.type. */
	readonly schema: string;
	/** Property path below the resource; each name may hold `*`. */
	readonly path: readonly string[];
	readonly value: JsonValue;
}

/** `LogEntry.Severity == "Critical"`: members for which it is not true are dropped. */
export interface PredicatePolicy {
	readonly kind: 'predicate';
	readonly source: string;
	readonly where: SourceLocation;
	readonly schema: string;
	/** Never throws; anything but a plain true is false. */
	holds(resource: JsonValue): boolean;
}
