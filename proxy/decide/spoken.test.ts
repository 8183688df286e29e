import test from 'ava';
import fc from 'fast-check';
import { parseMembersExpression } from '../policy/members.ts';
import type { MembersExpression, PartyMembers } from '../policy/policy-set.ts';
import { type Authorizer, mayCount, whoHasSpoken } from './spoken.ts';

const groups = { ops: ['ann', 'bob', 'ann-2'], security: ['sue', 'ann'] };
const expression = (source: string): MembersExpression => {
	const result = parseMembersExpression(source, groups);
	if (!result.ok) throw new Error(result.problem.message);
	return result.value;
};
const membersOf = (speaks: string, reads = speaks): ReadonlyMap<string, PartyMembers> =>
	new Map([
		[
			'CP',
			{
				party: 'CP',
				groups,
				speaks: expression(speaks),
				reads: expression(reads),
				where: { file: 'cp/members.yaml', line: 1, column: 1 },
			},
		],
	]);
const persons: Readonly<Record<string, string>> = { 'ann-2': 'ann' };
const by = (...names: string[]): Authorizer[] =>
	names.map(name => ({ name, party: name.startsWith('hso') ? 'HSO' : 'CP', person: persons[name] ?? name }));
const both = membersOf('2 of (ops, security)', 'anyone');
const spoken = (members: ReadonlyMap<string, PartyMembers>, ...names: string[]) => {
	const { parties, lacking } = whoHasSpoken(by(...names), members, 'speaks');
	return parties.has('CP') ? true : lacking('CP');
};

test('a party without members.yaml speaks by any of its operators', t => {
	const { parties, lacking } = whoHasSpoken(by('hso', 'x'), new Map(), 'speaks');
	t.deepEqual([...parties], ['HSO', 'CP']);
	t.is(lacking('SI'), undefined);
});

test('a nested party has spoken when its own expression is satisfied, and says who is lacking', t => {
	t.is(spoken(both), 'one of ops and one of security');
	t.is(spoken(both, 'bob'), 'one more of security');
	t.is(spoken(both, 'sue'), 'one more of ops');
	t.is(spoken(both, 'stranger'), 'one of ops and one of security');
	t.true(spoken(both, 'bob', 'sue'));
	t.is(spoken(membersOf('2 of ops or 2 of security'), 'bob'), 'one more of ops');
	t.is(spoken(membersOf('2 of ops'), 'hso'), 'two of ops');
});

test('a person fills one place, by however many groups and accounts', t => {
	t.is(spoken(both, 'ann'), 'one more of security'); // stands in both groups
	t.is(spoken(both, 'ann', 'ann-2'), 'one more of security');
	t.is(spoken(membersOf('2 of ops'), 'ann', 'ann-2'), 'one more of ops');
	t.true(spoken(both, 'ann', 'bob'));
	t.true(spoken(membersOf('2 of ops'), 'ann', 'ann-2', 'bob'));
});

test('reading can ask for less than changing', t => {
	t.true(whoHasSpoken(by('bob'), both, 'reads').parties.has('CP'));
	t.false(whoHasSpoken(by('bob'), both, 'speaks').parties.has('CP'));
});

test('who stands in no group that is asked for never counts', t => {
	const [ann, stranger] = by('ann', 'stranger') as [Authorizer, Authorizer];
	t.true(mayCount(ann, both, 'speaks'));
	t.false(mayCount(stranger, both, 'speaks'));
	t.true(mayCount(stranger, both, 'reads'));
	t.true(mayCount({ name: 'hso', party: 'HSO' }, both, 'speaks'));
});

test('property: more authorizers never take a party’s voice away, and none is given by nobody', t => {
	const who = fc.uniqueArray(fc.constantFrom('ann', 'ann-2', 'bob', 'sue', 'stranger', 'hso'));
	const what = fc.constantFrom(
		'2 of (ops, security)',
		'2 of ops',
		'ops',
		'ops and security',
		'2 of ops and security',
	);
	fc.assert(
		fc.property(what, who, who, (source, some, more) => {
			const members = membersOf(source);
			const has = (names: string[]) =>
				whoHasSpoken(by(...new Set(names)), members, 'speaks').parties.has('CP');
			return (!has(some) || has([...some, ...more])) && !has(['hso']) && !has([]);
		}),
	);
	t.pass();
});
