import test from 'ava';
import fc from 'fast-check';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { parseTree } from './expression/syntax.ts';
import { render } from './expression/tree.ts';
import type { ExternalValue, Facts } from './facts.ts';
import type { PrePolicy, PreResult } from './policy-set.ts';
import { compilePrePolicy } from './pre-policy.ts';

const where = { file: 'hso/power.yaml', line: 2, column: 12 };
const fresh = (value: JsonValue): ExternalValue => ({ status: 'fresh', value, asOf: 0 });

function compile(source: string): PrePolicy {
	const result = compilePrePolicy(source, where, ['Servers', 'PDU', 'Old', 'Empty']);
	if (!result.ok) throw new Error(`${result.problem.offset}: ${result.problem.message}`);
	return result.value;
}

function facts(up = 8, change: Partial<Facts> = {}): Facts {
	return {
		Request: {
			Method: 'POST',
			Path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
			Operation: 'Power on, off, reboot $system',
			Bmc: 'node1',
			Rack: 'rack1',
			Party: 'HSO',
			Operator: 'hso-operator',
			Body: { ResetType: 'ForceRestart' },
		},
		Resource: {
			PowerState: 'Off',
			MemorySummary: { TotalSystemMemoryGiB: 64 },
			AssetTag: null,
			'Odd-Name': 1,
			Members: [{ Sizes: [1, 2] }, { Sizes: [3] }],
			Mixed: [1, 'x', true],
			List: [3, 1, 2],
		},
		External: {
			Servers: fresh(
				Array.from({ length: 8 }, (_, i) => ({ Name: `node${i + 1}`, State: i < up ? 'Up' : 'Down' })),
			),
			PDU: fresh({ Outlets: Array.from({ length: 8 }, (_, i) => ({ Id: String(i + 1), Power: 110 })) }),
			Old: { status: 'unavailable', reason: 'its last value is 90 s old, and may be 30 s' },
			Empty: fresh([]),
		},
		...change,
	};
}

function evaluate(source: string, given = facts()): PreResult {
	return compile(source).evaluate(given);
}

test("the slides' policies hold and fail with their values", t => {
	const count = 'COUNT(External.Servers.State=="Up")>=6';
	t.true(evaluate(count, facts(6)).holds);
	const failed = evaluate(count, facts(5));
	t.false(failed.holds);
	t.is(failed.reason, `${count} is false: COUNT(External.Servers.State=="Up") is 5`);
	t.deepEqual(failed.values.at(-1), { expression: count, value: false });
	t.deepEqual(
		failed.values.map(({ expression }) => expression),
		['External.Servers.State', 'External.Servers.State=="Up"', 'COUNT(External.Servers.State=="Up")', count],
	);
	const sum = 'SUM(External.PDU.Outlets.Power)<1000';
	t.is(evaluate(sum).reason, `${sum} holds: SUM(External.PDU.Outlets.Power) is 880`);
	t.deepEqual(compile(sum).needs, { resource: false, external: ['PDU'] });
	t.deepEqual(
		compile('Resource.PowerState=="Off" and COUNT(External.Servers)>0 and SUM(External.PDU.Outlets.Power)<1')
			.needs,
		{
			resource: true,
			external: ['PDU', 'Servers'],
		},
	);
});

const held = [
	'true',
	'Resource.PowerState == "Off"',
	"Resource.PowerState == 'Off'",
	'Resource.PowerState != "On" and not (Resource.PowerState == "On")',
	'Resource.AssetTag == null and Resource.PowerState != null',
	'Resource["Odd-Name"] == 1',
	'Resource.List[0] == 3 and Resource.List[1 + 1] == 2',
	'Resource.Members.Sizes[2] == 3 and SUM(Resource.Members.Sizes) == 6',
	'Request.Party in ["HSO", "CP"]',
	'ALL(Resource.List in [1, 2, 3])',
	'Request.Body.ResetType == "ForceRestart" or Resource.Nothing == 1',
	'COUNT(External.Servers) == 8 and COUNT(External.Empty) == 0 and not ANY(External.Empty)',
	'COUNT(External.Servers.State=="Up" and External.Servers.Name!="node1") == 7',
	'MIN(Resource.List) == 1 and MAX(Resource.List) == 3 and AVG(Resource.List) == 2',
	'ANY(External.Servers.Name == "node3") and ALL(External.PDU.Outlets.Power < 200)',
	'SUM(External.PDU.Outlets.Power * 2 - 20) == 1600',
	'LEN(Resource.PowerState) == 3 and LEN(Resource.List) == 3',
	'LOWER(Resource.PowerState) == "off" and CONTAINS(Request.Path, "Reset")',
	'STARTSWITH(Request.Path, "/redfish") and ENDSWITH(Request.Operator, "-operator")',
	'ALL(STARTSWITH(External.Servers.Name, "node"))',
	'(SUM(External.PDU.Outlets.Power) + 110) / 9 == 110 and 7 % 4 == 3 and -(3) == 0 - 3',
	'Resource.PowerState == "Off" ? true : Resource.Nothing',
	'0x10 == 16 and 1e3 == 1000 and .5 * 2 == 1',
];
for (const source of held) {
	test(`holds: ${source}`, t => {
		const { holds, reason } = evaluate(source);
		t.true(holds, reason);
	});
}

const undecided: readonly (readonly [string, RegExp])[] = [
	['External.Old.Value < 3', /External\.Old is unavailable: its last value is 90 s old/],
	['Resource.Nothing == 1', /no such property: Resource\.Nothing/],
	['Resource.PowerState.Nothing == 1', /"Off" is a text and has no properties/],
	['External.Servers.Nothing == 1', /no such property: External\.Servers\.Nothing/],
	['Resource["toString"] == 1', /no such property/],
	['Resource.toString == Resource.valueOf', /no such property: Resource\.toString/],
	['Resource.List.length == 3', /3 is a number and has no properties/],
	['Resource.List[3] == 1', /no such element/],
	['Resource.List[0 - 1] == 1', /no such element/],
	['Resource.List["length"] == 3', /no such element/],
	['"5" < 3', /compares a text with a number/],
	['"10" < "9"', /compares a text with a text/],
	['Resource.PowerState == 1', /compares a text with a number/],
	['Resource.PowerState != 1', /compares a text with a number/],
	['Resource.AssetTag < 1', /compares null with a number/],
	['Resource.MemorySummary == Resource.MemorySummary', /compares an object with an object/],
	['ANY(Resource.Mixed == 1)', /compares a text with a number/],
	['COUNT(Resource.Mixed) == 3', /mixes true or false with other values/],
	['SUM(Resource.Mixed) > 0', /"x" is a text, not a number/],
	['SUM(External.Empty) < 1000', /the list is empty/],
	['MIN(External.Empty) < 1000', /the list is empty/],
	['AVG(External.Empty) < 1000', /the list is empty/],
	['ALL(External.Empty)', /the list is empty/],
	['SUM(Resource.PowerState) < 1', /expected a list, found a text/],
	['External.Servers.State == "Up"', /neither true nor false; fold lists with ANY or ALL/],
	['External.Servers.State == External.Empty', /two lists of different lengths, 8 and 0/],
	['1 / 0 > 1', /is not a number/],
	['0 % 0 == 0', /is not a number/],
	['1e308 * 10 > 1', /is not a number/],
	['"a" + "b" == "ab"', /calculates with a text and a text/],
	['Resource.PowerState and true', /Resource\.PowerState is a text, not true or false/],
	['not (Resource.PowerState)', /is a text, not true or false/],
	['Resource.PowerState', /neither true nor false/],
	['Resource.PowerState ? true : true', /is a text, not true or false/],
	['Resource.PowerState in "Off"', /is not a list/],
	['LOWER(Resource.List) == "x"', /expected a text, found a number/],
];
for (const [source, reason] of undecided) {
	test(`cannot be decided, so does not hold: ${source}`, t => {
		const result = evaluate(source);
		t.false(result.holds);
		t.regex(result.reason, reason);
		t.true(
			result.reason.startsWith(`${source} cannot be decided: `) ||
				result.reason.includes('cannot be decided'),
		);
	});
}

test('no data is a denial: the resource unread, a source missing, a request without body', t => {
	t.regex(
		evaluate('Resource.PowerState=="Off"', facts(8, { Resource: undefined })).reason,
		/the resource could not be read/,
	);
	t.regex(
		evaluate('COUNT(External.Servers)>=0', facts(8, { External: {} })).reason,
		/External\.Servers has no data/,
	);
	const { Body: _, ...request } = facts().Request;
	t.regex(
		evaluate('Request.Body.X==1', facts(8, { Request: request as Facts['Request'] })).reason,
		/the request has no Body/,
	);
});

const refused: readonly (readonly [string, number, RegExp])[] = [
	['', 0, /empty/],
	['   ', 0, /empty/],
	['3', 0, /must be true or false/],
	['SUM(External.PDU.Outlets.Power)', 0, /is a number; compare it/],
	['Resource.A == 1 and COUNT(Resource.B)', 20, /is a number/],
	['External.PUD.X == 1', 9, /unknown External source "PUD"; did you mean PDU\?/],
	['COUNT(External)>1', 6, /name a source behind External/],
	['Resourse.A == 1', 0, /unknown name "Resourse"; did you mean Resource\?/],
	['Resource.A == Up', 14, /unknown name "Up".*texts stand in quotation marks/],
	['Request.Partie == "HSO"', 8, /a request has no "Partie"/],
	['sum(External.PDU.Outlets.Power)<1', 0, /unknown function "sum"; did you mean SUM\?/],
	['SUM()<1', 0, /SUM takes one argument, found 0/],
	['SUM(Resource.A, Resource.B)<1', 0, /SUM takes one argument, found 2/],
	['Resource.A = 1', 11, /"=" assigns/],
	['Resource.A := 1', 11, /":=" belongs in a post-policy/],
	['Resource.A == 1 && true', 16, /write "and"/],
	['Resource.A == 1 || true', 16, /write "or"/],
	['!Resource.A', 0, /write "not/],
	['not Resource.A == 1', 0, /write not \(Resource\.A==1\)/],
	['true; true', 4, /one expression/],
	['true /* x */', 5, /YAML comments/],
	['2 ^ 3 > 1', 2, /powers are not/],
	['Resource.A == "x', 14, /not ended by "/],
	['Resource.A == "x\\\\"', 14, /backslash directly before/],
	['Resource.A == “x”', 14, /has no meaning here/],
	['Resоurce.A == 1', 3, /has no meaning here/],
	['(Resource.A == 1', 16, /expected "\)", found the end/],
	['Resource.A == 1)', 15, /unexpected "\)"/],
	['COUNT(External.Servers.State=="Up")>=)', 37, /unexpected "\)"/],
	['Resource.A ==', 13, /ends too early/],
	['Resource..A == 1', 9, /unexpected|expected a property name/],
	['Resource.A B', 11, /expected an operator or a comma/],
	['[1 2] == 1', 3, /expected an operator or a comma/],
	['Resource.A\n  == 1 1', 18, /expected an operator/],
	['1e999 > 1', 0, /too large a number/],
];
for (const [source, offset, message] of refused) {
	test(`refused at its place: ${JSON.stringify(source)}`, t => {
		const result = compilePrePolicy(source, where, ['Servers', 'PDU']);
		t.false(result.ok);
		if (!result.ok) {
			t.regex(result.problem.message, message);
			t.is(result.problem.offset, offset);
		}
	});
}

// --- Hostile expressions ---------------------------------------------------------------------------------

const hostile = [
	'constructor.constructor("return process")()',
	'Resource.constructor == 1',
	'Resource.__proto__.polluted == 1',
	'Resource["__proto__"] == 1',
	'Resource["con" + "structor"] == 1',
	'__proto__ == 1',
	'toString() == 1',
	'hasOwnProperty("x")',
	'External.Servers.map(Resource) == 1',
	'Resource.List.push(1) == 1',
	'(Resource.List.concat)(1) == 1',
	'Resource.PowerState.replace("O", "x") == 1',
	'External.Servers.State.constructor == 1',
	'f(x) = 1',
	'x = 1; x == 1',
	'random() < 2',
	'map(f, Resource.List) == 1',
	'sin(1) < 2',
	'length "abc" == 3',
	'[].constructor == 1',
	'"".constructor == 1',
	'SUM.constructor("x")() == 1',
	'SUM["constructor"] == 1',
	'this == 1',
	'process.exit(1) == 1',
	'import("fs") == 1',
	'$x == 1',
	'`1` == 1',
	'/(a+)+$/ == 1',
	'Resource?.A == 1',
	'Resource.A == 1n',
	'External == External',
	'fac(170) > 1',
	'true.constructor == 1',
	'null.x == 1',
	'not.x == 1',
	'HOUR.constructor("return process")() == 1',
	'HOUR == 1',
	'HOUR(HOUR) == 1',
	'HOUR(["UTC"]) == 1',
	'HOUR(null) == 1',
	'HOUR("__proto__") == 1',
	'HOUR("constructor") == 1',
	'HOUR("UTC\\u0000") == 1',
	'HOUR("UTC; DROP TABLE") == 1',
	'HOUR("../../../../etc/localtime") == 1',
	'HOUR("UTC").constructor == 1',
	'(CLOCK("UTC")).length == 5',
	'(NOW()).constructor == 1',
	'NOW().getTime() > 1',
	'NOW.call() == 1',
	'Time > 1',
	'Executions.At == 1',
	'Facts.Time > 1',
	'Date.now() > 1',
	'BETWEEN("a", "b", "c")',
	'BETWEEN(null, null, null)',
	'BETWEEN(true, false, true)',
	'BETWEEN([1], [0], [2])',
	'BETWEEN(Resource, Resource, Resource)',
	'BETWEEN("2026-02-29", "2026-02-28", "2026-03-01")',
	'BETWEEN("9999-99-99", "0000-00-00", "9999-99-99")',
	'BETWEEN("2026-01-01T00:00:00Z", "2026-01-01", "2026-01-02")',
	'"2026-01-01" < "2026-01-02T00:00:00Z"',
	'"2026-01-01" < "2026-13-01"',
	'"24:00" > "00:00"',
	'"2026-01-01T00:00:00+99:00" < "2026-01-01T00:00:00Z"',
	'EXECUTED("__proto__", "10 min") < 2',
	'EXECUTED("rack", "__proto__") < 2',
	'EXECUTED("rack", "10 min", "__proto__") < 2',
	'EXECUTED("rack", "NaN min") < 2',
	'EXECUTED("rack", "Infinity d") < 2',
	'EXECUTED("rack", "١٠ min") < 2',
	'EXECUTED(["rack"], "10 min") < 2',
	'EXECUTED(Request, Request) < 2',
	'EXECUTED.prototype == 1',
];
for (const source of hostile) {
	test(`hostile: ${source}`, t => {
		const before = JSON.stringify(facts());
		const given = facts();
		const result = compilePrePolicy(source, where, ['Servers', 'PDU']);
		if (result.ok) t.false(result.value.evaluate(given).holds);
		t.is(JSON.stringify(given), before);
		t.is(Object.getOwnPropertyDescriptor(Object.prototype, 'polluted'), undefined);
	});
}

test('size alone does no harm: parentheses, chains, literals', t => {
	const started = performance.now();
	for (const source of [
		'('.repeat(20_000),
		`${'('.repeat(2000)}1${')'.repeat(2000)}==1`,
		`${'['.repeat(1000)}${']'.repeat(1000)}==1`,
		`${'not '.repeat(900)}true`,
		`${'-'.repeat(4000)}1==1`,
		`${'true?true:'.repeat(400)}true`,
		`${'true ? '.repeat(300)}true${' : true'.repeat(300)}`,
		`Resource${'.A'.repeat(2000)}==1`,
		`Resource.A == "${'x'.repeat(100_000)}"`,
		`1${'0'.repeat(4000)}>1`,
		`[${'1,'.repeat(1500)}1]==1`,
		`${'true and '.repeat(450)}true`,
		`${'Resource.List==Resource.List or '.repeat(120)}true`,
		'"'.repeat(4001),
		'\\'.repeat(4000),
		`BETWEEN("${'2'.repeat(4000)}", "2026-01-01", "2026-01-02")`,
		`HOUR("${'A/'.repeat(2000)}") == 1`,
		`EXECUTED("rack", "${'9'.repeat(4000)} s") < 1`,
		`EXECUTED("rack", "1 s", "${'x'.repeat(4000)}") < 1`,
		`${'HOUR("UTC")==1 or '.repeat(140)}true`,
		`${'EXECUTED("site","7 d")<1 or '.repeat(100)}true`,
		`${'BETWEEN('.repeat(60)}1${',0,2)'.repeat(60)}`,
	]) {
		const result = compilePrePolicy(source, where, []);
		if (result.ok) result.value.evaluate(facts());
		else t.true(result.problem.offset <= source.length);
	}
	t.true(performance.now() - started < 5000);
});

test('an evaluation is bounded in steps, whatever the data', t => {
	const big = facts(8, { Resource: { A: Array.from({ length: 60_000 }, () => 1) } });
	t.regex(evaluate('SUM(Resource.A + Resource.A) > 0', big).reason, /too many steps/);
	t.regex(evaluate('COUNT(Resource.A in Resource.A) > 0', big).reason, /too many steps/);
	t.regex(
		evaluate('LOWER(Resource.A) == "x"', facts(8, { Resource: { A: 'x'.repeat(10_000_000) } })).reason,
		/too many steps/,
	);
	t.regex(
		evaluate('ALL(BETWEEN(Resource.A, 0, 2)) and ALL(BETWEEN(Resource.A, 0, 2))', big).reason,
		/too many steps/,
	);
	const text = facts(8, { Resource: { A: `2026-01-01T00:00:00.${'0'.repeat(5_000_000)}Z` } });
	t.regex(evaluate('Resource.A < "2026-01-01T00:00:00Z"', text).reason, /compares a text with a text/);
	t.regex(evaluate('BETWEEN(Resource.A, "00:00", "01:00")', text).reason, /is no number, day/);
	const long = evaluate(
		'COUNT(Resource.A == 1) > 0',
		facts(8, { Resource: { A: Array.from({ length: 20_000 }, () => 1) } }),
	);
	t.true(long.holds);
	t.true(JSON.stringify(long).length < 4000);
});

test('facts that are no plain data do not hold and do not escape', t => {
	const trap = {
		get PowerState(): string {
			throw new Error('a secret of the getter');
		},
	};
	const result = evaluate('Resource.PowerState=="Off"', facts(8, { Resource: trap as unknown as JsonValue }));
	t.false(result.holds);
	t.false(result.reason.includes('secret'));
	const callable = { PowerState: () => 'Off' } as unknown as JsonValue;
	t.regex(evaluate('Resource.PowerState=="Off"', facts(8, { Resource: callable })).reason, /not plain data/);
	const inherited = Object.create({ PowerState: 'Off' }) as JsonValue;
	t.false(evaluate('Resource.PowerState=="Off"', facts(8, { Resource: inherited })).holds);
	const own = JSON.parse('{"__proto__":{"PowerState":"Off"}}') as JsonValue;
	t.false(evaluate('Resource.PowerState=="Off"', facts(8, { Resource: own })).holds);
	t.false(evaluate('Resource.N>0', facts(8, { Resource: { N: Number.NaN } })).holds);
});

// --- Properties ------------------------------------------------------------------------------------------

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
