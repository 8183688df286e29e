import test from 'ava';
import fc from 'fast-check';
import { parseAuthorization } from './authorization.ts';
import { maxClauses } from './term-expression.ts';

const parties = ['HSO', 'CP', 'SI'];

function clauses(source: string): string[] {
	const result = parseAuthorization(source, parties);
	if (!result.ok) throw new Error(`${result.problem.offset}: ${result.problem.message}`);
	return result.value.clauses.map(clause => clause.source);
}

const expressions: readonly (readonly [string, readonly string[]])[] = [
	['(HSO and cp) or (CP and hso)', ['HSO and cp', 'CP and hso']],
	['HSO or CP', ['HSO', 'CP']],
	['HSO and CP', ['HSO and CP']],
	['HSO or (CP and hso)', ['HSO', 'CP and hso']],
	['CP or (HSO and cp)', ['CP', 'HSO and cp']],
	['HSO or CP and hso', ['HSO', 'CP and hso']],
	['HSO and (cp or CP)', ['HSO and cp', 'HSO and CP']],
	['HSO and HSO and cp', ['HSO and cp']],
	['HSO or (HSO and cp) or HSO', ['HSO']],
	['(HSO and cp) or (cp and HSO)', ['HSO and cp']],
	['2 of (HSO, CP, SI)', ['HSO and CP', 'HSO and SI', 'CP and SI']],
	['1 of (HSO, CP)', ['HSO', 'CP']],
	['3 of (HSO, CP and cp, si)', ['HSO and CP and cp and si']],
	['HSO and 1 of (CP, si)', ['HSO and CP', 'HSO and si']],
	['2 of (HSO, CP, SI and cp)', ['HSO and CP', 'HSO and SI and cp', 'CP and SI and cp']],
	['2 of (HSO and cp, CP and hso)', ['HSO and cp and CP and hso']],
	['2 of (1 of (HSO, CP), SI)', ['HSO and SI', 'CP and SI']],
	['(2 of (HSO, CP) and si) or (SI and (hso or cp))', ['HSO and CP and si', 'SI and hso', 'SI and cp']],
	['closed', []],
];
for (const [source, expected] of expressions) {
	test(`${source} has the clauses ${expected.join(' | ')}`, t => t.deepEqual(clauses(source), expected));
}

test('a clause says who must authorize and whose policy must hold', t => {
	const result = parseAuthorization('HSO and cp and si', parties);
	t.true(result.ok);
	if (result.ok) {
		t.deepEqual(result.value.clauses, [
			{ source: 'HSO and cp and si', authorizations: ['HSO'], policies: ['CP', 'SI'] },
		]);
		t.false(result.value.closed);
	}
	const closed = parseAuthorization('closed', parties);
	t.true(closed.ok && closed.value.closed);
});

const mistakes: readonly (readonly [string, number, RegExp])[] = [
	['', 0, /expected a party/],
	['()', 1, /expected a party/],
	['HSO and', 7, /found the end/],
	['HSO or or CP', 7, /expected a party/],
	['HSO CP', 4, /expected "and" or "or"/],
	['(HSO and cp', 11, /expected "\)" to end the group, found the end/],
	['HSO)', 3, /no "\(" was opened/],
	['Hso', 0, /write HSO .* or hso/],
	['HSO and cP', 8, /write CP .* or cp/],
	['HSO and XP', 8, /unknown party "XP"; did you mean CP\?/],
	['HSO && CP', 4, /"&" has no meaning here/],
	['HSO AND CP', 4, /unexpected "AND"/],
	['0 of (HSO, CP)', 0, /a quorum of 0 out of 2 makes no sense; write 1 to 2/],
	['3 of (HSO, CP)', 0, /a quorum of 3 out of 2/],
	['99999999999999999999999 of (HSO)', 0, /makes no sense; write 1/],
	['of (HSO, CP)', 0, /the quorum is missing/],
	['(HSO, CP)', 4, /expected "\)"/],
	['2 (HSO, CP)', 2, /expected "of"/],
	['2 of HSO, CP', 5, /expected "\("/],
	['2 of ()', 6, /expected a party/],
	['2 of (HSO, CP', 13, /expected "\)" or ","/],
	['2 of (HSO, HSO)', 11, /HSO stands in this list twice/],
	['2 of (HSO, hso)', 11, /HSO stands in this list twice/],
	['2 of (HSO or CP, SI or HSO)', 17, /HSO stands in this list twice/],
	['3 of (HSO and cp, CP and hso, 1 of (HSO and cp, si))', 0, /HSO and CP alone would fill/],
	['2 of HSO', 5, /expected "\("/],
	['HSO of (CP, SI)', 0, /expected a number before "of"/],
	['HSO or closed', 7, /"closed" stands alone/],
	['-1 of (HSO)', 0, /"-" has no meaning here/],
	['HSO\u00a0\u2014', 4, /has no meaning/],
];
for (const [source, offset, message] of mistakes) {
	test(`a mistake is named at its place: ${source || '(nothing)'}`, t => {
		const result = parseAuthorization(source, parties);
		t.false(result.ok);
		if (!result.ok) {
			t.regex(result.problem.message, message);
			t.is(result.problem.offset, offset);
		}
	});
}

test('what would explode is refused, quickly', t => {
	const many = Array.from({ length: 20 }, (_, i) => `P${i}`);
	const began = process.cpuUsage();
	for (const source of [
		`10 of (${many.join(', ')})`,
		Array.from({ length: 60 }, () => '(HSO or cp)').join(' and '),
		`${'('.repeat(400)}HSO${')'.repeat(400)}`,
		'HSO and '.repeat(20_000),
		Array.from({ length: 9 }, (_, i) => `(P${2 * i} or P${2 * i + 1})`).join(' and '),
	]) {
		const result = parseAuthorization(source, [...parties, ...many]);
		if (result.ok) t.true(result.value.clauses.length <= maxClauses);
	}
	t.false(parseAuthorization(`10 of (${many.join(', ')})`, many).ok);
	// Of the processor, since others may be at work on it.
	t.true(process.cpuUsage(began).user < 5_000_000);
});

// --- Properties: against a direct evaluation of the same expression --------------------------------------

type Expression =
	| string
	| { op: 'and' | 'or'; left: Expression; right: Expression }
	| { op: 'of'; quorum: number; items: Expression[] };
const term = fc.constantFrom(...parties, ...parties.map(party => party.toLowerCase()));
const expression = fc.letrec<{ node: Expression }>(tie => ({
	node: fc.oneof(
		{ maxDepth: 4 },
		term,
		fc.record({ op: fc.constantFrom('and' as const, 'or' as const), left: tie('node'), right: tie('node') }),
		fc.record({
			op: fc.constant('of' as const),
			quorum: fc.integer({ min: 1, max: 3 }),
			items: fc.array(tie('node'), { minLength: 1, maxLength: 4 }),
		}),
	),
})).node;
const text = (node: Expression): string => {
	if (typeof node === 'string') return node;
	if (node.op === 'of') return `${node.quorum} of (${node.items.map(text).join(', ')})`;
	return `(${text(node.left)} ${node.op} ${text(node.right)})`;
};
const holds = (node: Expression, given: ReadonlySet<string>): boolean => {
	if (typeof node === 'string') return given.has(node);
	if (node.op === 'of') return node.items.filter(item => holds(item, given)).length >= node.quorum;
	return node.op === 'and'
		? holds(node.left, given) && holds(node.right, given)
		: holds(node.left, given) || holds(node.right, given);
};

test('property: the clauses hold exactly when the expression does, and none is needless', t => {
	fc.assert(
		fc.property(expression, fc.uniqueArray(term), (node, given) => {
			const result = parseAuthorization(text(node), parties);
			// Refused: more places than items, or somebody who would count twice.
			if (!result.ok) return /quorum|twice/.test(result.problem.message) && text(node).includes(' of ');
			const terms = result.value.clauses.map(({ authorizations, policies }) => [
				...authorizations,
				...policies.map(party => party.toLowerCase()),
			]);
			const set = new Set(given);
			const byClauses = terms.some(clause => clause.every(each => set.has(each)));
			const isMinimal = terms.every((clause, i) =>
				terms.every((other, j) => i === j || !other.every(each => clause.includes(each))),
			);
			return (
				byClauses === holds(node, set) &&
				isMinimal &&
				terms.length > 0 &&
				terms.every(clause => clause.length > 0)
			);
		}),
		{ numRuns: 3000 },
	);
	t.pass();
});

test('property: no text makes an expression that holds with no terms, or anything but a problem', t => {
	const piece = fc.constantFrom(
		'HSO',
		'cp',
		'Hso',
		'and',
		'or',
		'of',
		'(',
		')',
		',',
		'0',
		'1',
		'2',
		'closed',
		' ',
		'\n',
		'"',
		'∞',
	);
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 14 }), pieces => {
			const result = parseAuthorization(pieces.join(' '), parties);
			if (!result.ok) return result.problem.offset >= 0 && result.problem.message !== '';
			const { closed, clauses: all } = result.value;
			return closed
				? all.length === 0
				: all.length > 0 && all.every(c => c.authorizations.length + c.policies.length > 0);
		}),
		{ numRuns: 3000 },
	);
	t.pass();
});
