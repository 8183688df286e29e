import test from 'ava';
import fc from 'fast-check';
import type { Facts } from '../facts.ts';
import type { PolicySet } from '../policy-set.ts';
import { diffPolicies } from './diff-policies.ts';
import { findLockouts } from './lockouts.ts';
import { outcomeOf } from './outcome.ts';
import { parties, type Row, randomPolicy, randomRow, setOf, world } from './small-world.fixture.ts';

/** Facts of the world, and the same with something missing. */
const all: readonly Facts[] = [
	...world.filter((_facts, i) => i % 5 === 0),
	{ ...(world[100] as Facts), Resource: undefined },
	{ ...(world[100] as Facts), External: {} },
];
function comparable(set: PolicySet, party: string, facts: Facts): string {
	const found = outcomeOf(set.operations, party, facts);
	if (found.kind === 'wait') return `wait ${JSON.stringify(found.needs)}`;
	return found.kind === 'execute' ? `execute ${found.posts.map(({ source }) => source).join()}` : 'deny';
}

test('property: a difference on some facts is found, and every difference that is told is one', t => {
	let undecided = 0;
	let different = 0;
	fc.assert(
		fc.property(randomRow, fc.option(randomRow, { nil: undefined }), randomPolicy, (first, other, pre) => {
			// Half of the time only one policy changes, as people change them.
			const second = other ?? { ...first, pre: { ...first.pre, CP: pre } };
			const [before, after] = [setOf(first), setOf(second)];
			const diff = diffPolicies(before, after, parties);
			const isReal = diff.outcomes.every(({ party, facts }) => {
				return comparable(before, party, facts) !== comparable(after, party, facts);
			});
			const told = diff.outcomes.length + diff.sights.length > 0;
			const differs = parties.some(party =>
				all.some(facts => comparable(before, party, facts) !== comparable(after, party, facts)),
			);
			if (differs) different++;
			if (differs && !told) undecided++;
			return isReal && (!differs || told || diff.undecided.length > 0);
		}),
		{ numRuns: 60 },
	);
	t.true(different > 10);
	t.true(undecided <= 2, `${undecided} differences are only suspected`);
});

test('property: what only looks different is no difference', t => {
	fc.assert(
		fc.property(randomRow, first => {
			const second = { ...first, pre: { ...first.pre, CP: ` ( ${first.pre?.CP ?? 'true'} ) ` } };
			const diff = diffPolicies(setOf(first), setOf(second), parties);
			return diff.outcomes.length + diff.sights.length + diff.undecided.length === 0;
		}),
		{ numRuns: 40 },
	);
	t.pass();
});

test('an example says who, what and on which facts', t => {
	const before = setOf({ p2c: 'HSO and cp', pre: { CP: 'COUNT(External.L.S=="Up")>=6' } });
	const after = setOf({ p2c: 'HSO and cp', pre: { CP: 'COUNT(External.L.S=="Up")>=5' } });
	const { outcomes, rows } = diffPolicies(before, after, parties);
	t.is(rows.length, 1);
	t.deepEqual(
		outcomes.map(({ party, before: was, after: is }) => [party, was.kind, is.kind]),
		[
			['HSO', 'deny', 'execute'],
			['CP', 'deny', 'wait'],
		],
	);
	const value = outcomes[0]?.facts.External.L;
	t.is(value?.status === 'fresh' && (value.value as { S: string }[]).filter(({ S }) => S === 'Up').length, 5);
});

test('an undecided policy counts as a difference where something is missing', t => {
	const { outcomes } = diffPolicies(
		setOf({ p2c: 'HSO and cp', pre: { CP: 'true' } }),
		setOf({ p2c: 'HSO and cp', pre: { CP: 'COUNT(External.L)>=0' } }),
		parties,
	);
	t.is(outcomes.length, 2);
	t.deepEqual(outcomes[0]?.facts.External, {});
});

test('who sees more and who sees less', t => {
	const shown = (post: readonly string[]) =>
		setOf({ p2c: 'HSO or (CP and hso)', match: 'GET /redfish/v1/Test', post: { HSO: post } });
	const masks = ['LogEntry.Oem := null', 'LogEntry.Message := null'];
	const more = diffPolicies(shown(masks), shown(masks.slice(0, 1)), parties);
	t.deepEqual(more.outcomes, []);
	t.like(more.sights, [{ party: 'CP', sees: 'more', gone: ['LogEntry.Message := null'], added: [] }]);
	t.is(more.sights.length, 1);
	t.is(diffPolicies(shown(masks.slice(1)), shown(masks), parties).sights[0]?.sees, 'less');
});

test('a change that locks a party out, and one that passes it over', t => {
	const kinds = (before: Row, after: Row) =>
		findLockouts(setOf(before), setOf(after), parties).map(({ kind, message }) => `${kind} ${message}`);
	t.deepEqual(kinds({ p2c: 'HSO and CP' }, { p2c: 'HSO' }), [
		'locked-out "Test": CP is locked out: it had a say, and has none any more',
	]);
	t.deepEqual(kinds({ p2c: 'HSO and CP' }, { p2c: 'HSO or CP' }), [
		'passed-over "Test": HSO is passed over: it can be done without HSO now',
		'passed-over "Test": CP is passed over: it can be done without CP now',
	]);
	t.is(kinds({ p2c: 'HSO and CP' }, { p2c: 'closed' }).length, 2);
	// The clause is still there, and can never hold.
	const pre = (text: string) => ({ p2c: '(HSO and CP) or HSO or (CP and hso)', pre: { HSO: text } });
	t.deepEqual(kinds(pre('Resource.A==1'), pre('Resource.A==1 and Resource.A==2')), [
		'locked-out "Test": CP is locked out: it had a say, and has none any more',
	]);
	t.deepEqual(kinds(pre('Resource.A==1'), pre('Resource.A==2')), []);
});

test('what depends on the row is not taken for the same in another row', t => {
	const named = (name: string) =>
		setOf({ p2c: 'HSO and cp', pre: { CP: `Request.Operation=="${name}"` }, name });
	// Both hold, each for its own row.
	t.deepEqual(diffPolicies(named('One'), named('Two'), parties).outcomes, []);
	const once = (name: string, limit: number) =>
		setOf({ p2c: 'HSO and cp', pre: { CP: `EXECUTED("rack", "10 min")<${limit}` }, name });
	const { outcomes, undecided } = diffPolicies(once('One', 1), once('One', 2), parties);
	t.deepEqual(undecided, []);
	t.like(outcomes[0], { party: 'HSO', before: { kind: 'deny' }, after: { kind: 'execute' } });
	t.is(outcomes[0]?.facts.Executions?.length, 1);
});
