import test from 'ava';
import fc from 'fast-check';
import type { Facts } from '../policy/facts.ts';
import type { MaskPolicy } from '../policy/policy-set.ts';
import { type TestRow, testOperation } from '../policy/test-operation.ts';
import { decide } from './decide.ts';

const facts: Facts = {
	Request: {
		Method: 'POST',
		Path: '/redfish/v1/Test',
		Operation: '',
		Bmc: 'node1',
		Rack: 'rack1',
		Party: 'HSO',
		Operator: 'hso',
		Body: null,
	},
	Resource: undefined,
	External: {},
};
const verdictOf = (row: TestRow, ...authorizations: string[]) =>
	decide({ operations: [testOperation(row)], authorizations: new Set(authorizations), facts });

const power: TestRow = { clauses: ['HSO and cp', 'CP and hso'], policies: { HSO: true, CP: true } };

test('a reset by one party goes through while the other party’s policy holds', t => {
	const verdict = verdictOf(power, 'HSO');
	t.is(verdict.kind, 'execute');
	t.like(verdict, { clause: 'HSO and cp' });
});

test('when cp.pre fails the request waits for CP, and then needs hso.pre', t => {
	const row = { ...power, policies: { HSO: true, CP: false } };
	t.like(verdictOf(row, 'HSO'), { kind: 'wait', needs: [['CP']] });
	t.like(verdictOf(row, 'HSO', 'CP'), { kind: 'execute', clause: 'CP and hso' });
	const both = verdictOf({ ...power, policies: { HSO: false, CP: false } }, 'HSO', 'CP');
	t.is(both.kind, 'deny');
});

test('a clause whose policy fails now is no way out: the request is denied, not kept waiting', t => {
	const verdict = verdictOf({ ...power, policies: { HSO: false, CP: false } }, 'HSO');
	t.is(verdict.kind, 'deny');
	if (verdict.kind !== 'deny') return;
	t.regex(verdict.reason, /needs \(HSO and cp\) or \(CP and hso\)/);
	t.regex(verdict.reason, /CP's policy does not hold: test is false/);
	t.regex(verdict.reason, /HSO's policy does not hold: test is false/);
});

test('a party without a policy for the row has not agreed', t => {
	const verdict = verdictOf({ clauses: ['HSO and cp'] }, 'HSO');
	t.is(verdict.kind, 'deny');
	t.regex(verdict.kind === 'deny' ? verdict.reason : '', /CP has written no policy/);
});

test('post-policies alone state no condition, and only parties in lower case in the clause taken filter', t => {
	const mask = (source: string): MaskPolicy => ({
		kind: 'mask',
		source,
		where: { file: '', line: 1, column: 1 },
		schema: 'Chassis',
		path: ['A'],
		value: null,
	});
	const row: TestRow = { clauses: ['HSO', 'CP and hso'], policies: { HSO: [mask('hso')], CP: [mask('cp')] } };
	const hso = verdictOf(row, 'HSO');
	const cp = verdictOf(row, 'CP');
	t.like(hso, { kind: 'execute', clause: 'HSO', posts: [] });
	t.is(cp.kind, 'execute');
	t.deepEqual(cp.kind === 'execute' && cp.posts.flat().map(post => post.source), ['hso']);
});

test('a closed row denies everybody', t => {
	t.regex(
		JSON.stringify(verdictOf({ clauses: [] }, 'HSO', 'CP')),
		/"deny".*closed by the authorization table/,
	);
});

test('a request that falls under no row is denied', t => {
	t.is(decide({ operations: [], authorizations: new Set(['HSO', 'CP']), facts }).kind, 'deny');
});

test('a PATCH over several rows needs each of them', t => {
	const either = testOperation({ name: 'LED', clauses: ['HSO', 'CP'] });
	const both = testOperation({ name: 'TPM', clauses: ['HSO and CP'] });
	const closed = testOperation({ name: 'Never', clauses: [] });
	const ask = (operations: (typeof either)[], ...who: string[]) =>
		decide({ operations, authorizations: new Set(who), facts });
	t.is(ask([either], 'HSO').kind, 'execute');
	t.like(ask([either, both], 'HSO'), { kind: 'wait', needs: [['CP']] });
	t.is(ask([either, both], 'HSO', 'CP').kind, 'execute');
	t.is(ask([either, closed], 'HSO', 'CP').kind, 'deny');
});

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
const someParties = fc.subarray(parties);

/** What a row means, said once more and naively. */
function allows(row: TestRow, authorized: readonly string[]): boolean {
	return row.clauses.some(clause =>
		clause
			.split(' and ')
			.every(term =>
				term === term.toUpperCase() ? authorized.includes(term) : row.policies?.[term.toUpperCase()] === true,
			),
	);
}

test('property: it executes exactly when some clause of every row holds', t => {
	fc.assert(
		fc.property(fc.array(rows, { minLength: 1, maxLength: 3 }), someParties, (all, authorized) => {
			const operations = all.map((row, i) => testOperation({ ...row, name: `row ${i}` }));
			const verdict = decide({ operations, authorizations: new Set(authorized), facts });
			return (verdict.kind === 'execute') === all.every(row => allows(row, authorized));
		}),
	);
	t.pass();
});

test('property: what it waits for completes it, nothing less does, and a denial cannot be completed', t => {
	fc.assert(
		fc.property(fc.array(rows, { minLength: 1, maxLength: 3 }), someParties, (all, authorized) => {
			const operations = all.map((row, i) => testOperation({ ...row, name: `row ${i}` }));
			const decideWith = (who: readonly string[]) =>
				decide({ operations, authorizations: new Set(who), facts });
			const verdict = decideWith(authorized);
			if (verdict.kind === 'deny') return decideWith(parties).kind !== 'execute';
			if (verdict.kind !== 'wait') return true;
			return verdict.needs.every(
				need =>
					need.length > 0 &&
					decideWith([...authorized, ...need]).kind === 'execute' &&
					need.every(
						left => decideWith([...authorized, ...need.filter(party => party !== left)]).kind !== 'execute',
					),
			);
		}),
	);
	t.pass();
});
