import test from 'ava';
import fc from 'fast-check';
import { decide } from '../../decide/decide.ts';
import type { Facts } from '../facts.ts';
import type { PolicySet } from '../policy-set.ts';
import { type RecordedDecision, replayPolicies } from './replay-policies.ts';
import { parties, type Row, randomRow, setOf, world } from './small-world.fixture.ts';

/** What goes on the record of a decision on these facts. */
function record(
	set: PolicySet,
	facts: Facts,
	party: string,
	change: Partial<RecordedDecision> = {},
): RecordedDecision {
	const verdict = decide({ operations: set.operations, authorizations: new Set([party]), facts });
	return {
		seq: 1,
		time: '2026-01-01T00:00:00.000Z',
		requestId: null,
		operator: `${party.toLowerCase()}-operator`,
		party,
		bmc: 'node1',
		method: 'POST',
		path: '/redfish/v1/Test',
		verdict: verdict.kind,
		clause: verdict.kind === 'execute' ? verdict.clause : null,
		policies: verdict.policies.map(policy => ({
			...policy,
			values: policy.values.map(({ expression, value }) => ({ expression, value: JSON.stringify(value) })),
		})),
		body: undefined,
		isBodyWhole: true,
		authorizers: [{ name: `${party.toLowerCase()}-operator`, party }],
		isBreakGlass: false,
		...change,
	};
}
const anyFacts = fc.constantFrom(...world);
const anyParty = fc.constantFrom(...parties);

test('property: what is replayed is what the new policies decide on the same facts', t => {
	let replayed = 0;
	fc.assert(
		fc.property(randomRow, randomRow, anyFacts, anyParty, (before, after, facts, party) => {
			const next = setOf(after);
			const replay = replayPolicies(next, [record(setOf(before), facts, party)]);
			if (replay.open.length > 0) return true;
			replayed++;
			const real = decide({ operations: next.operations, authorizations: new Set([party]), facts }).kind;
			const old = decide({
				operations: setOf(before).operations,
				authorizations: new Set([party]),
				facts,
			}).kind;
			return replay.changed[0]?.verdicts.includes(real) ?? old === real;
		}),
		{ numRuns: 300 },
	);
	t.true(replayed > 50, `${replayed} of 300`);
});

test('property: the policies of the record decide as they did, and nothing is left open', t => {
	fc.assert(
		fc.property(randomRow, anyFacts, anyParty, (row, facts, party) => {
			const set = setOf(row);
			const { changed, same, open } = replayPolicies(set, [record(set, facts, party)]);
			return (
				changed.length === 0 && open.length + same === 1 && (open.length === 0 || isLazy(set, facts, party))
			);
		}),
		{ numRuns: 200 },
	);
	t.pass();
});

/** Some policy was not asked, as a clause before it was taken. */
function isLazy(set: PolicySet, facts: Facts, party: string): boolean {
	const { policies } = decide({ operations: set.operations, authorizations: new Set([party]), facts });
	const asked = new Set(
		set.operations.flatMap(row => row.authorization.clauses.flatMap(each => each.policies)),
	);
	return policies.length < asked.size;
}

const facts = world[40] as Facts;
const row = (pre: string, more: Partial<Row> = {}): Row => ({ p2c: 'HSO and cp', pre: { CP: pre }, ...more });

test('another limit on a value that is on record', t => {
	const at = (count: number): Facts => ({
		...facts,
		External: { L: { status: 'fresh', value: new Array(count).fill({ S: 'Up' }), asOf: 0 } },
	});
	const before = setOf(row('COUNT(External.L.S=="Up")>=6'));
	const decisions = [4, 5, 6, 7].map(count => record(before, at(count), 'HSO'));
	const { changed, same, open } = replayPolicies(setOf(row('COUNT(External.L.S=="Up")>=5')), decisions);
	t.deepEqual(open, []);
	t.is(same, 3);
	t.is(changed[0]?.decision, decisions[1]);
	t.like(changed[0], { verdicts: ['execute'], detail: 'executes under "HSO and cp"' });
});

test('what is not on record is said', t => {
	const before = setOf(row('Resource.A==0'));
	const other = replayPolicies(setOf(row('Resource.B=="x"')), [record(before, facts, 'HSO')]);
	t.is(other.open[0]?.why, 'the values of cp.pre Resource.B=="x" are not on record');
	// Both ways come to the same: it is known all the same.
	const either = replayPolicies(setOf(row('Resource.B=="x"', { p2c: 'HSO' })), [
		record(before, facts, 'HSO'),
	]);
	t.is(either.open.length, 0);
	const patch = record(before, facts, 'HSO', { method: 'PATCH', isBodyWhole: false });
	t.regex(replayPolicies(before, [patch]).open[0]?.why ?? '', /not all on record/);
	const glass = record(before, facts, 'HSO', { isBreakGlass: true });
	t.regex(replayPolicies(before, [glass]).open[0]?.why ?? '', /break-glass/);
	const cut = record(setOf(row('Resource.B=="x"')), facts, 'HSO');
	const values = [
		{ expression: 'Resource.B', value: '"xxxx…' },
		{ expression: 'Resource', value: '"(an object)"' },
	];
	const shortened = { ...cut, policies: cut.policies.map(policy => ({ ...policy, values })) };
	t.is(replayPolicies(setOf(row('Resource.B=="y"')), [shortened]).open.length, 1);
});

test('what the request says is known, and so are rows that are gone', t => {
	const before = setOf(row('Resource.A==9'));
	const decisions = [record(before, facts, 'HSO', { body: { Type: 'On' } })];
	const ask = (source: string) => replayPolicies(setOf(row(source)), decisions);
	t.is(ask('Request.Body.Type=="On" and Request.Party=="HSO"').changed[0]?.verdicts[0], 'execute');
	t.is(ask('Request.Body.Missing=="On"').same, 1);
	const gone = replayPolicies(setOf(row('true', { match: 'POST /redfish/v1/Other' })), [
		record(setOf(row('true')), facts, 'HSO'),
	]);
	t.like(gone.changed[0], { verdicts: ['deny'] });
	t.regex(gone.changed[0]?.detail ?? '', /no row/);
});
