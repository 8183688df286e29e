import test from 'ava';
import fc from 'fast-check';
import type { PostPolicy } from './policy-set.ts';
import { compilePostPolicy } from './post-policy.ts';

const where = { file: 'cp/logs.yaml', line: 3, column: 12 };

function compile(source: string): PostPolicy {
	const result = compilePostPolicy(source, where);
	if (!result.ok) throw new Error(result.problem.message);
	return result.value;
}

test("the slides' post-policies: a mask and a predicate", t => {
	t.deepEqual(compile('LogEntry.Oem* := null'), {
		kind: 'mask',
		source: 'LogEntry.Oem* := null',
		where,
		schema: 'LogEntry',
		path: ['Oem*'],
		value: null,
	});
	const predicate = compile('LogEntry.Severity == "Critical"');
	t.is(predicate.kind, 'predicate');
	t.is(predicate.schema, 'LogEntry');
	if (predicate.kind !== 'predicate') return;
	t.true(predicate.holds({ Severity: 'Critical' }));
	t.false(predicate.holds({ Severity: 'OK' }));
	for (const odd of [
		{},
		null,
		1,
		'Critical',
		[],
		[{ Severity: 'Critical' }],
		{ Severity: 1 },
		{ Severity: null },
		{ severity: 'Critical' },
	]) {
		t.false(predicate.holds(odd), JSON.stringify(odd));
	}
});

test('masks take paths and any single value; predicates the whole expression language', t => {
	const mask = compile('LogEntry.Links.OriginOfCondition:="hidden := x"');
	t.deepEqual(mask.kind === 'mask' && [mask.path, mask.value], [
		['Links', 'OriginOfCondition'],
		'hidden := x',
	]);
	const predicate = compile(
		'LogEntry.Severity in ["Critical", "Warning"] and not CONTAINS(LOWER(LogEntry.Message), ":= secret")',
	);
	t.true(predicate.kind === 'predicate' && predicate.holds({ Severity: 'Warning', Message: 'Fan' }));
	t.false(predicate.kind === 'predicate' && predicate.holds({ Severity: 'Warning', Message: 'A := SECRET' }));
	const broadcast = compile('ANY(MetricReport.MetricValues.MetricId == "a")');
	t.true(
		broadcast.kind === 'predicate' &&
			broadcast.holds({ MetricValues: [{ MetricId: 'b' }, { MetricId: 'a' }] }),
	);
});

const refused: readonly (readonly [string, number, RegExp])[] = [
	['LogEntry := null', 8, /name a property of LogEntry/],
	['LogEntry.Oem := ', 16, /replaced by null/],
	['LogEntry.Oem := {}', 16, /replaced by null/],
	['LogEntry.Oem := nil', 16, /replaced by null/],
	["LogEntry.Oem := 'x'", 16, /replaced by null/],
	['Log-Entry.Oem := null', 0, /must be a schema and its property/],
	['Log*.Oem := null', 0, /must be a schema and its property/],
	['.Oem := null', 0, /must be a schema and its property/],
	['LogEntry.@odata.id := null', 9, /identifies the resource/],
	['LogEntry.__proto__ := null', 9, /not a property/],
	['LogEntry.*a*b*c*d* := null', 9, /at most four/],
	['LogEntry.Severity = "Critical"', 18, /write "==" to compare/],
	['LogEntry.Severity', -1, /./],
	['Severity == "Critical"', 0, /write <schema>\.<property>/],
	['LogEntry.Severity == Critical', 21, /stands alone/],
	['LogEntry.A == 1 and Chassis.B == 1', 20, /about one schema, here LogEntry/],
	['External.Servers.State == "Up"', 0, /sees the answer alone/],
	['true', 0, /must name a schema/],
	['COUNT(LogEntry.A)', 0, /is a number/],
];
for (const [source, offset, message] of refused) {
	test(`refused: ${source}`, t => {
		const result = compilePostPolicy(source, where);
		if (offset < 0)
			return t.true(result.ok && result.value.kind === 'predicate' && !result.value.holds({ Severity: 'x' }));
		t.false(result.ok);
		if (!result.ok) {
			t.regex(result.problem.message, message);
			t.is(result.problem.offset, offset);
		}
	});
}

test('property: no resource makes a predicate throw, and only a plain true holds', t => {
	const predicate = compile('LogEntry.Severity == "Critical" or LogEntry.A.B > 3 or ANY(LogEntry.C)');
	fc.assert(
		fc.property(
			fc.jsonValue(),
			resource => predicate.kind === 'predicate' && typeof predicate.holds(resource as never) === 'boolean',
		),
		{ numRuns: 1000 },
	);
	t.pass();
});
