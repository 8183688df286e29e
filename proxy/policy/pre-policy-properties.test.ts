import test from 'ava';
import fc from 'fast-check';
import { parseTree } from './expression/syntax.ts';
import { render } from './expression/tree.ts';
import { evaluate, facts, where } from './pre-policy.fixture.ts';
import { compilePrePolicy } from './pre-policy.ts';

test('property: any text either compiles or is a problem inside it, and nothing throws', t => {
	const word = fc.constantFrom(
		'Resource',
		'External',
		'Servers',
		'.',
		'State',
		'"Up"',
		'==',
		'<',
		'and',
		'or',
		'not',
		'in',
		'(',
		')',
		'[',
		']',
		',',
		'COUNT',
		'BETWEEN',
		'HOUR',
		'NOW',
		'EXECUTED',
		'"UTC"',
		'"rack"',
		'"1 s"',
		'ANY',
		'1',
		'2.5',
		'-',
		'*',
		'?',
		':',
		'true',
		'null',
		' ',
		'\n',
		'__proto__',
		'constructor',
		'=',
		'!',
		';',
		"'",
	);
	fc.assert(
		fc.property(fc.array(word, { maxLength: 16 }), fc.boolean(), (words, spaced) => {
			const source = words.join(spaced ? ' ' : '');
			const result = compilePrePolicy(source, where, ['Servers']);
			if (!result.ok) return result.problem.offset >= 0 && result.problem.offset <= source.length;
			return typeof result.value.evaluate(facts()).holds === 'boolean';
		}),
		{ numRuns: 5000 },
	);
	t.pass();
});

test('property: an expression rendered and read again is the same expression', t => {
	const leaf = fc.constantFrom(
		'Resource.A',
		'External.Servers.State',
		'1',
		'"x"',
		'true',
		'null',
		'[1, "y"]',
		'COUNT(Resource.A)',
	);
	const tree = fc.letrec<{ node: string }>(tie => ({
		node: fc.oneof(
			{ maxDepth: 4 },
			leaf,
			fc
				.tuple(
					tie('node'),
					fc.constantFrom('+', '-', '*', '/', '%', '==', '<', '>=', ' and ', ' or ', ' in '),
					tie('node'),
				)
				.map(([a, op, b]) => `(${a})${op}(${b})`),
			tie('node').map(node => `not (${node})`),
			tie('node').map(node => `-(${node})`),
			fc.tuple(tie('node'), tie('node'), tie('node')).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
			tie('node').map(node => `(${node})[0]`),
		),
	})).node;
	const withoutPlaces = (source: string) =>
		JSON.stringify(parseTree(source), (key, value: unknown) => (key === 'offset' ? 0 : value));
	fc.assert(
		fc.property(tree, source => {
			let once: string;
			try {
				once = withoutPlaces(source);
			} catch {
				return true; // `not (…)==…`, which is refused.
			}
			return withoutPlaces(render(parseTree(source))) === once;
		}),
		{ numRuns: 2000 },
	);
	t.pass();
});

test('property: comparing and folding agree with plain arithmetic', t => {
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 20 }),
			fc.integer({ min: -1000, max: 1000 }),
			(list, limit) => {
				const given = facts(8, { Resource: { L: list } });
				const sum = list.reduce((a, b) => a + b, 0);
				return (
					evaluate(`SUM(Resource.L)<${limit}`, given).holds === sum < limit &&
					evaluate(`COUNT(Resource.L>=${limit})==${list.filter(each => each >= limit).length}`, given)
						.holds &&
					evaluate(`ANY(Resource.L>${limit})`, given).holds === list.some(each => each > limit) &&
					evaluate(`ALL(Resource.L>${limit})`, given).holds === list.every(each => each > limit) &&
					evaluate(`MAX(Resource.L)==${Math.max(...list)} and MIN(Resource.L)==${Math.min(...list)}`, given)
						.holds
				);
			},
		),
	);
	t.pass();
});
