import test from 'ava';
import type { Operation, PartyPolicy, PolicySet } from '../policy/policy-set.ts';
import { testOperation } from '../policy/test-operation.ts';
import { explainLockouts, findLockouts } from './lockout.ts';

const parties = ['HSO', 'CP'];
const either = ['HSO and cp', 'CP and hso'];
const set = (...operations: Operation[]): PolicySet => ({
	version: 'v',
	operations,
	externalSources: [],
	members: new Map(),
});
const policy = (party: string, source: string, holds: boolean): PartyPolicy => ({
	party,
	pre: {
		source,
		where: { file: 'f', line: 1, column: 1 },
		needs: { resource: false, external: [] },
		evaluate: () => ({ holds, reason: '', values: [] }),
	},
	post: [],
	where: { file: 'f', line: 1, column: 1 },
});
const reset = (clauses: readonly string[], ...policies: PartyPolicy[]): Operation => ({
	...testOperation({ name: 'Reset', clauses, policies: {} }),
	policies: new Map(policies.map(each => [each.party, each])),
});
const [hso, cp] = [policy('HSO', 'true', true), policy('CP', 'true', true)];

test('what another party can no longer do alone, or at all', t => {
	const before = set(reset(either, hso, cp));
	const find = (after: PolicySet, author?: string) =>
		findLockouts(before, after, parties, author).map(({ party, after: is }) => [party, is]);
	t.deepEqual(find(set(reset(either, cp)), 'HSO'), [['CP', 'with others']]);
	t.deepEqual(find(set(reset(either, policy('HSO', 'false', false), cp)), 'HSO'), [['CP', 'with others']]);
	t.deepEqual(find(set(reset(either, policy('HSO', 'not (1==1)', false), cp)), 'HSO'), [
		['CP', 'with others'],
	]);
	t.deepEqual(find(set(reset(['HSO and CP'])), undefined), [
		['HSO', 'with others'],
		['CP', 'with others'],
	]);
	t.deepEqual(find(set(), undefined), [
		['HSO', 'never'],
		['CP', 'never'],
	]);
	t.deepEqual(find(before, 'HSO'), []);
});

test('a condition that reads something may hold, whatever it says now', t => {
	const before = set(reset(either, hso, cp));
	const after = set(reset(either, policy('HSO', 'External.Servers.Count > 5', false), cp));
	t.deepEqual(findLockouts(before, after, parties, 'HSO'), []);
});

test('it is told in words', t => {
	const operation = 'Reset';
	t.is(
		explainLockouts([
			{ party: 'CP', operation, before: 'alone', after: 'with others' },
			{ party: 'CP', operation, before: 'alone', after: 'never' },
		]),
		'CP could no longer do "Reset" alone; nobody, CP included, could do "Reset" any more',
	);
});
