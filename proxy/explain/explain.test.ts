import test from 'ava';
import fc from 'fast-check';
import { decide } from '../decide/decide.ts';
import { requestOf } from '../policy/analysis/sample-request.ts';
import { baseFacts } from '../policy/analysis/small-world.fixture.ts';
import { type TestRow, testOperation } from '../policy/test-operation.ts';
import { explain } from './explain.ts';
import { explanationView } from './schemas.ts';

const parties = ['A', 'B', 'C'];
const terms = fc.uniqueArray(fc.constantFrom(...parties, ...parties.map(party => party.toLowerCase())), {
	minLength: 1,
	maxLength: 4,
});
const rows: fc.Arbitrary<TestRow> = fc.record({
	clauses: fc.array(
		terms.map(all => all.join(' and ')),
		{ maxLength: 4 },
	),
	policies: fc.dictionary(fc.constantFrom(...parties), fc.boolean()),
});
const request = requestOf('POST', ['redfish', 'v1', 'Test'], undefined);
const rowsView = explanationView.shape.rows;

test('property: it says what `decide` does, and each clause what its terms say', t => {
	fc.assert(
		fc.property(fc.array(rows, { minLength: 1, maxLength: 3 }), fc.subarray(parties), (all, authorized) => {
			const operations = all.map((row, i) => testOperation({ ...row, name: `row ${i}` }));
			const input = { operations, authorizations: new Set(authorized), facts: baseFacts };
			const verdict = decide(input);
			const told = explain({ ...input, request, viewer: 'A' });
			if (told.verdict !== verdict.kind || !rowsView.safeParse(told.rows).success) return false;
			if (verdict.kind === 'wait' && JSON.stringify(told.needs) !== JSON.stringify(verdict.needs))
				return false;
			const isTaken = told.rows.map(row => row.clauses.some(({ outcome }) => outcome === 'taken'));
			const couldWait = told.rows.map(row =>
				row.clauses.some(({ outcome }) => outcome === 'taken' || outcome === 'waits'),
			);
			const byClauses = isTaken.every(Boolean) ? 'execute' : couldWait.every(Boolean) ? 'wait' : 'deny';
			const agrees = told.rows.every(row =>
				row.clauses.every(({ outcome, terms: own }) => {
					const hold = own.every(({ holds }) => holds);
					return hold === (outcome === 'taken' || outcome === 'behind');
				}),
			);
			return agrees && byClauses === verdict.kind;
		}),
	);
	t.pass();
});

test('of a private policy another party is told whether it holds, and nothing else', t => {
	const row = testOperation({ clauses: ['A and b'], policies: { B: false } });
	const policy = row.policies.get('B');
	t.truthy(policy);
	if (!policy) return;
	const post = {
		kind: 'mask',
		source: 'LogEntry.Secret := null',
		where: row.where,
		schema: 'LogEntry',
		path: ['Secret'],
		value: null,
	} as const;
	const hidden = { ...row, policies: new Map([['B', { ...policy, post: [post], private: true }]]) };
	const input = { operations: [hidden], authorizations: new Set(['A']), facts: baseFacts, request };
	const told = explain({ ...input, viewer: 'A' });
	t.notRegex(JSON.stringify(told), /Secret|test is false/);
	t.like(told.rows[0]?.policies[0], { party: 'B', expression: '(private)', holds: false, values: [] });
	t.deepEqual(told.rows[0]?.clauses[0]?.posts, [{ party: 'B', rule: '(private)' }]);
	t.regex(JSON.stringify(explain({ ...input, viewer: 'B' })), /Secret.*test is false/);
});
