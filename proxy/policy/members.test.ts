import test from 'ava';
import fc from 'fast-check';
import { parseMembersExpression, unfilledPlaces, unknownMembers } from './members.ts';

const groups = { ops: ['ann', 'bob', 'cem'], security: ['sue'], lead: ['ann'] };

const expressions: readonly (readonly [string, readonly (readonly string[])[]])[] = [
	['ops', [['ops']]],
	['2 of (ops, security)', [['ops', 'security']]],
	['2 of ops', [['ops', 'ops']]],
	['ops and 2 of ops', [['ops', 'ops']]],
	['lead or (2 of ops and security)', [['lead'], ['ops', 'ops', 'security']]],
	[
		'2 of (2 of ops, security, lead)',
		[
			['ops', 'ops', 'security'],
			['ops', 'ops', 'lead'],
			['security', 'lead'],
		],
	],
	['anyone', []],
];
for (const [source, places] of expressions) {
	test(`${source} is filled by ${JSON.stringify(places)}`, t => {
		const result = parseMembersExpression(source, groups);
		t.true(result.ok);
		if (!result.ok) return;
		t.deepEqual(
			result.value.clauses.map(clause => clause.places),
			places,
		);
		t.is(result.value.anyone, source === 'anyone');
	});
}

const mistakes: readonly (readonly [string, number, RegExp])[] = [
	['', 0, /expected a group/],
	['0 of ops', 0, /a quorum of 0 out of 3 makes no sense; write 1 to 3/],
	['4 of ops', 0, /a quorum of 4 out of 3/],
	['2 of security', 0, /a quorum of 2 out of 1 makes no sense; write 1/],
	['3 of (ops, security)', 0, /a quorum of 3 out of 2/],
	['of (ops)', 0, /the quorum is missing/],
	['2 of (ops, ops)', 11, /ops stands in this list twice/],
	['secruity', 0, /unknown group "secruity"; did you mean security\?/],
	['CP', 0, /unknown group/],
	['ops or anyone', 7, /"anyone" stands alone/],
	['constructor', 0, /unknown group/],
	['2 of and', 5, /expected a group/],
];
for (const [source, offset, message] of mistakes) {
	test(`a mistake is named at its place: ${source || '(nothing)'}`, t => {
		const result = parseMembersExpression(source, groups);
		t.false(result.ok);
		if (result.ok) return;
		t.regex(result.problem.message, message);
		t.is(result.problem.offset, offset);
	});
}

test('names that are nobody’s are told', t => {
	const parsed = parseMembersExpression('ops', groups);
	if (!parsed.ok) return t.fail();
	const where = { file: 'cp/members.yaml', line: 1, column: 1 };
	const members = { party: 'CP', groups, speaks: parsed.value, reads: parsed.value, where };
	const known = new Set(['ann', 'bob', 'sue']);
	t.deepEqual(
		unknownMembers(new Map([['CP', members]]), ({ name, party }) => party === 'CP' && known.has(name)),
		['cp/members.yaml: cem is no operator of CP'],
	);
});

const some = fc.constantFrom('a', 'b', 'c');
const allPersons = fc.array(fc.uniqueArray(some), { maxLength: 5 });

/** Tries every way in which persons could take the places. */
function canFill(places: readonly string[], persons: readonly (readonly string[])[]): boolean {
	const [first, ...rest] = places;
	if (first === undefined) return true;
	return persons.some((groupsOf, i) => groupsOf.includes(first) && canFill(rest, persons.toSpliced(i, 1)));
}

test('property: places are filled exactly when persons can be found for them, one place each', t => {
	fc.assert(
		fc.property(fc.array(some, { maxLength: 5 }), allPersons, (places, persons) => {
			const unfilled = unfilledPlaces(
				places,
				persons.map(each => new Set(each)),
			);
			return (unfilled.length === 0) === canFill(places, persons);
		}),
		{ numRuns: 2000 },
	);
	t.pass();
});
