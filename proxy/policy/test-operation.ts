import type {
	Operation,
	PartyPolicy,
	PolicySet,
	PostPolicy,
	PreResult,
	RequestPattern,
} from './policy-set.ts';

/** Rows and policies for tests that are about deciding, not about parsing. */
const nowhere = { file: 'test.yaml', line: 1, column: 1 };

/** `GET /redfish/v1/Systems/{system}` as a pattern. */
function testPattern(source: string): RequestPattern {
	const [method = '', path = ''] = source.split(' ');
	return {
		method: method as RequestPattern['method'],
		source,
		segments: path
			.split('/')
			.slice(1)
			.map(text =>
				text === '**'
					? { kind: 'rest' as const }
					: text.startsWith('{')
						? { kind: 'variable' as const, name: text.slice(1, -1) }
						: { kind: 'literal' as const, text },
			),
	};
}

export interface TestRow {
	readonly name?: string;
	readonly match?: string;
	readonly properties?: readonly string[];
	/** Alternatives, each `HSO and cp`. */
	readonly clauses: readonly string[];
	/** By party: whether its pre-policy holds; `post` a post-policy alone. */
	readonly policies?: Readonly<Record<string, boolean | PartyPolicy['post']>>;
}

export function testOperation(row: TestRow): Operation {
	return {
		type: 'Operation',
		name: row.name ?? 'Test',
		description: '',
		matches: [testPattern(row.match ?? 'POST /redfish/v1/Test')],
		properties: row.properties,
		authorization: {
			source: row.clauses.map(clause => `(${clause})`).join(' or '),
			closed: row.clauses.length === 0,
			clauses: row.clauses.map(source => {
				const terms = source.split(' and ');
				return {
					source,
					authorizations: terms.filter(term => term === term.toUpperCase()),
					policies: terms.filter(term => term !== term.toUpperCase()).map(term => term.toUpperCase()),
				};
			}),
		},
		policies: new Map(
			Object.entries(row.policies ?? {}).map(([party, policy]) => [party, testPolicy(party, policy)]),
		),
		handledBy: 'bmc',
		where: nowhere,
	};
}

function testPolicy(party: string, policy: boolean | readonly PostPolicy[]): PartyPolicy {
	if (typeof policy !== 'boolean') return { party, pre: undefined, post: policy, where: nowhere };
	const result: PreResult = { holds: policy, reason: `test is ${policy}`, values: [] };
	return {
		party,
		pre: {
			source: String(policy),
			where: nowhere,
			needs: { resource: false, external: [] },
			evaluate: () => result,
		},
		post: [],
		where: nowhere,
	};
}

export const testPolicySet = (...operations: Operation[]): PolicySet => ({
	version: 'test',
	operations,
	externalSources: [],
	members: new Map(),
});
