import test from 'ava';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { nearest } from './nearest.ts';
import { parseYaml } from './yaml-document.ts';

test('keys, values and items are found where they were written', t => {
	const document = parseYaml('f.yaml', 'a:\n  b c: 1\nlist:\n  - x\n  - y: 2\nempty:\n');
	t.deepEqual(document.value, { a: { 'b c': 1 }, list: ['x', { y: 2 }], empty: null });
	t.deepEqual(document.locate(['a', 'b c']), { line: 2, column: 8 });
	t.deepEqual(document.locateKey(['a', 'b c']), { line: 2, column: 3 });
	t.deepEqual(document.locate(['list', 1, 'y']), { line: 5, column: 8 });
	t.deepEqual(document.locateKey(['list', 1]), { line: 5, column: 5 });
	t.deepEqual(document.locate(['empty']), { line: 6, column: 1 }, 'nothing behind the colon: the key');
	t.deepEqual(document.locate(['list', 1, 'z']), { line: 5, column: 5 }, 'not there: the nearest ancestor');
	t.deepEqual(document.problem(['a', 'b c'], 'wrong', 'right', 0), {
		file: 'f.yaml',
		line: 2,
		column: 8,
		message: 'wrong',
		fix: 'right',
	});
});

test('an offset points into plain, quoted and literal scalars', t => {
	const cases: readonly [source: string, offset: number, line: number, column: number][] = [
		['p: COUNT(x)>=6', 8, 1, 12],
		["p: 'it''s X'", 5, 1, 11],
		['p: "a\\u0041\\n\\"X"', 4, 1, 16],
		['p: "a\\U0001F600X"', 3, 1, 16],
		['p: |\n  one\n  two X\n', 8, 3, 7],
		['p: |\n    indented\n    X\n', 9, 3, 5],
		['p: >\n  one\n  X\n', 4, 1, 4],
		['p: one\n  X\n', 4, 1, 4],
	];
	for (const [source, offset, line, column] of cases) {
		const document = parseYaml('f.yaml', source);
		t.deepEqual(document.locate(['p'], offset), { line, column }, source);
	}
});

test('property: in any one-line string that YAML can write, the marked character is found', t => {
	const text = fc.string({
		unit: fc.constantFrom('a', ' ', "'", '"', '\\', ':', '#', 'é', '\u{1f600}', '\t', '{'),
	});
	const style = fc.constantFrom('QUOTE_SINGLE', 'QUOTE_DOUBLE', 'PLAIN');
	fc.assert(
		fc.property(text, text, style, (before, after, defaultStringType) => {
			const value = `${before}X${after}`;
			const source = stringify({ p: value }, { defaultStringType, lineWidth: 0 });
			const { line, column } = parseYaml('f.yaml', source).locate(['p'], before.length);
			t.is(source.split('\n')[line - 1]?.[column - 1], 'X', source);
		}),
	);
});

test('property: any file either is read or is refused with places in it', t => {
	const piece = fc.constantFrom(
		'a',
		'b',
		': ',
		'\n',
		'  ',
		'- ',
		'[',
		']',
		'{',
		'}',
		'&x ',
		'*x',
		'!t ',
		'"',
		"'",
		'|',
		'\t',
		'#',
		',',
		'---\n',
		'? ',
		'<<',
	);
	fc.assert(
		fc.property(fc.array(piece, { maxLength: 30 }), pieces => {
			try {
				parseYaml('f.yaml', pieces.join(''));
			} catch (error) {
				const { problems } = error as { problems: { line: number; column: number }[] };
				t.true(problems.length > 0 && problems.every(({ line, column }) => line >= 1 && column >= 1));
			}
		}),
		{ numRuns: 500 },
	);
});

test('the nearest known word is suggested, but nothing far-fetched', t => {
	t.is(nearest('adress', ['address', 'name']), 'address');
	t.is(nearest('prot', ['host', 'port']), 'port');
	t.is(nearest('Port', ['port']), 'port');
	t.is(nearest('banana', ['port', 'address']), undefined);
	t.is(nearest('x'.repeat(1000), ['port']), undefined);
});
