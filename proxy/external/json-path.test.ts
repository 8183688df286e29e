import test from 'ava';
import fc from 'fast-check';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { jsonPath, select } from './json-path.ts';

const document: JsonValue = {
	'@odata.id': '/redfish/v1',
	PowerState: 'On',
	Outlets: [
		{ Id: '1', PowerWatts: 110, Oem: { 'a.b': 1 } },
		{ Id: '2', PowerWatts: 0 },
	],
	Nothing: null,
};
const at = (source: string) => select(jsonPath.parse(source), document);

test('names, indexes and wildcards', t => {
	t.is(at('$.PowerState'), 'On');
	t.is(at("$['@odata.id']"), '/redfish/v1');
	t.is(at('$.Outlets[1].Id'), '2');
	t.is(at("$.Outlets[0].Oem['a.b']"), 1);
	t.is(at('$.Nothing'), null);
	t.is(at('$'), document);
	t.deepEqual(at('$.Outlets[*].PowerWatts'), [110, 0]);
	t.deepEqual(at('$..Id'), ['1', '2']);
	t.is(at('$.Absent'), undefined);
	t.is(at('$.PowerState.Absent'), undefined);
	t.deepEqual(at('$.Absent[*].Id'), []);
	for (const inherited of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
		t.is(at(`$.${inherited}`), undefined, inherited);
	}
	t.is(select(jsonPath.parse('$.length'), 'text'), undefined);
	t.deepEqual(select(jsonPath.parse('$[*]'), null), []);
});

test('filters, scripts and the library’s own operators are refused before anything is read', t => {
	for (const source of [
		'$.Outlets[?(@.PowerWatts>1)]',
		'$[?(@.constructor.constructor("return process")())]',
		'$..[?(@.a)]',
		'$[(@.length-1)]',
		'$.Outlets[(1)]',
		"$['`x']",
		'$.Outlets^',
		'$.Outlets~',
		'$.Outlets[0:1]',
		"$['Id','Name']",
		'$.@string()',
		'$.Outlets[*]@number()',
		"$['#0']",
		'$.a;b',
		'PowerState',
		'',
	]) {
		t.false(jsonPath.safeParse(source).success, source);
	}
});

test('property: a definite path gives what walking the document gives', t => {
	const name = fc.constantFrom('A', 'b_2', '@odata.id', 'x.y', 'with space', '7', 'a-b', 'Oem@x');
	const step = fc.oneof(name, fc.nat({ max: 2 }));
	const { json } = fc.letrec<{ json: JsonValue }>(tie => ({
		json: fc.oneof(
			{ maxDepth: 4 },
			fc.constantFrom<JsonValue>(1, 'x', null, false, 0, ''),
			fc.array(tie('json'), { maxLength: 3 }),
			fc.dictionary(name, tie('json'), { maxKeys: 4 }),
		),
	}));
	fc.assert(
		fc.property(json, fc.array(step, { maxLength: 4 }), (value, steps) => {
			const source = `$${steps.map(each => (typeof each === 'number' ? `[${each}]` : `['${each}']`)).join('')}`;
			let expected: JsonValue | undefined = value;
			for (const each of steps) {
				expected =
					typeof expected === 'object' && expected !== null && Object.hasOwn(expected, each)
						? (expected as Record<string, JsonValue>)[each]
						: undefined;
			}
			t.deepEqual(select(jsonPath.parse(source), value), expected, source);
		}),
		{ numRuns: 1000 },
	);
});
