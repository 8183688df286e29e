import fc from 'fast-check';
import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { parseAuthorization } from '../authorization.ts';
import type { Facts } from '../facts.ts';
import type { Operation, PolicySet, PrePolicy } from '../policy-set.ts';
import { compilePostPolicy } from '../post-policy.ts';
import { compilePrePolicy } from '../pre-policy.ts';
import { testOperation, testPolicySet } from '../test-operation.ts';

/** A world of a few values, small enough to try all of it; and random policies about it. */
const nowhere = { file: 'test.yaml', line: 1, column: 1 };
const worldSources = ['L'];

export function policyOf(source: string): PrePolicy {
	const compiled = compilePrePolicy(source, nowhere, worldSources);
	if (!compiled.ok) throw new Error(`${source}: ${compiled.problem.message}`);
	return compiled.value;
}

export const baseFacts: Facts = {
	Request: {
		Method: 'POST',
		Path: '/redfish/v1/Test',
		Operation: 'Test',
		Bmc: 'node1',
		Rack: 'rack1',
		Party: 'HSO',
		Operator: 'hso-operator',
		Body: null,
	},
	Resource: undefined,
	External: {},
};

function lists(): JsonValue[][] {
	const elements = [0, 1, 2].flatMap(N => ['u', 'd'].map(S => ({ N, S })));
	const all: JsonValue[][] = [[]];
	const grow = (list: JsonValue[], from: number): void => {
		if (list.length === 3) return;
		for (let i = from; i < elements.length; i++) {
			const longer = [...list, elements[i] as JsonValue];
			all.push(longer);
			grow(longer, i);
		}
	};
	grow([], 0);
	return all;
}

/** Every set of facts of the world. */
export const world: readonly Facts[] = [0, 1, 2, 3].flatMap(A =>
	['x', 'y'].flatMap(B =>
		[true, false].flatMap(C =>
			lists().map(value => ({
				...baseFacts,
				Resource: { A, B, C },
				External: { L: { status: 'fresh' as const, value, asOf: 0 } },
			})),
		),
	),
);

const order = fc.constantFrom('<', '<=', '>', '>=', '==', '!=');
const equality = fc.constantFrom('==', '!=');
const atom = fc.oneof(
	fc.tuple(order, fc.integer({ min: 0, max: 3 })).map(([op, n]) => `Resource.A${op}${n}`),
	fc
		.tuple(fc.integer({ min: 1, max: 2 }), order, fc.integer({ min: 0, max: 4 }))
		.map(([a, op, n]) => `Resource.A+${a}${op}${n}`),
	fc.tuple(equality, fc.constantFrom('x', 'y')).map(([op, text]) => `Resource.B${op}"${text}"`),
	fc.constantFrom('Resource.B in ["x"]', 'Resource.B in ["x", "y"]', 'Resource.C', 'Resource.A in [1, 2]'),
	fc
		.tuple(fc.constantFrom('SUM', 'MIN', 'MAX', 'AVG'), order, fc.integer({ min: 0, max: 3 }))
		.map(([fold, op, n]) => `${fold}(External.L.N)${op}${n}`),
	fc
		.tuple(
			fc.constantFrom('S=="u"', 'S!="u"', 'S', 'N', 'N>=1', 'S=="d"'),
			order,
			fc.integer({ min: 0, max: 3 }),
		)
		.map(([list, op, n]) => `COUNT(External.L.${list})${op}${n}`),
	fc
		.tuple(fc.constantFrom('ANY', 'ALL'), fc.constantFrom('S=="u"', 'S=="d"', 'N>0', 'N<=1'))
		.map(([fold, list]) => `${fold}(External.L.${list})`),
);

/** A policy of up to four conditions. */
export const randomPolicy: fc.Arbitrary<string> = fc.letrec<{ any: string }>(tie => ({
	any: fc.oneof(
		{ maxDepth: 2, depthSize: 'small' },
		atom,
		fc.tuple(tie('any'), fc.constantFrom('and', 'or'), tie('any')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
		tie('any').map(a => `not (${a})`),
		fc.tuple(tie('any'), tie('any'), tie('any')).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
	),
})).any;

export const parties = ['HSO', 'CP'];

export interface Row {
	readonly p2c: string;
	readonly pre?: Readonly<Record<string, string>>;
	readonly post?: Readonly<Record<string, readonly string[]>>;
	readonly match?: string;
	readonly name?: string;
}

function rowOf({ p2c, pre = {}, post = {}, match, name }: Row): Operation {
	const authorization = parseAuthorization(p2c, parties);
	if (!authorization.ok) throw new Error(authorization.problem.message);
	const row = testOperation({ clauses: [], ...(match && { match }), ...(name && { name }) });
	const policies = new Map(
		[...new Set([...Object.keys(pre), ...Object.keys(post)])].map(party => [
			party,
			{
				party,
				pre: pre[party] === undefined ? undefined : policyOf(pre[party]),
				post: (post[party] ?? []).flatMap(source => {
					const compiled = compilePostPolicy(source, nowhere);
					return compiled.ok ? [compiled.value] : [];
				}),
				where: nowhere,
			},
		]),
	);
	return { ...row, authorization: authorization.value, policies };
}
/** A policy set of these rows. */
export const setOf = (...rows: Row[]): PolicySet => testPolicySet(...rows.map(rowOf));

/** A row of a table with its policies. */
export const randomRow: fc.Arbitrary<Row> = fc.record({
	p2c: fc.constantFrom('HSO', 'HSO and CP', '(HSO and cp) or (CP and hso)', 'CP or (HSO and cp)', 'closed'),
	pre: fc.record(
		{ HSO: fc.oneof(fc.constant('true'), randomPolicy), CP: randomPolicy },
		{ requiredKeys: ['CP'] },
	),
	post: fc.constantFrom({}, { HSO: ['LogEntry.Oem := null'] }),
});
