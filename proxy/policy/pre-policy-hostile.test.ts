import test from 'ava';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { evaluate, facts, where } from './pre-policy.fixture.ts';
import { compilePrePolicy } from './pre-policy.ts';

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
	const began = process.cpuUsage();
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
	// Of the processor, since others may be at work on it.
	t.true(process.cpuUsage(began).user < 5_000_000);
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
