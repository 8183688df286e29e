import test from 'ava';
import fc from 'fast-check';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import { compileFilter } from './filter-expression.ts';

const entry = {
	'@odata.id': '/redfish/v1/Systems/system/LogServices/EventLog/Entries/7',
	Id: '7',
	Name: "it's",
	Severity: 'Critical',
	Count: 2.5,
	Enabled: true,
	Oem: null,
	Created: '2026-01-02T10:00:00+00:00',
	Modified: '2026-01-02T11:00:00+01:00',
	Status: { Health: 'OK', State: 'Enabled', Conditions: [{ Level: 1 }, { Level: 5 }] },
	Types: ['Alert', 'StatusChange'],
	Empty: [],
};

const outcomes: readonly (readonly [string, boolean])[] = [
	["Severity eq 'Critical'", true],
	["'Critical' eq Severity", true],
	["Severity eq 'critical'", false],
	["Name eq 'it''s'", true],
	["Severity ne 'OK' and Status/Health eq 'OK'", true],
	["Severity eq 'OK' or Status/Health eq 'OK'", true],
	["Severity eq 'OK' or Severity eq 'Critical' and Count eq 0", false],
	["(Severity eq 'OK' or Severity eq 'Critical') and not (Count eq 0)", true],
	['not not (Count eq 2.5)', true],
	['not(Count gt 2)', false],
	['Count gt 2 and Count ge 2.5 and Count lt 3 and Count le 2.5 and Count gt -1e3', true],
	["Count gt '2'", false],
	["Count ne '2.5'", true],
	['Enabled eq true', true],
	['Enabled ne false', true],
	['Enabled gt false', false],
	['Oem eq null', true],
	['Missing eq null', true],
	['Status/Missing/Deeper eq null', true],
	['Severity/Health eq null', true],
	['Severity ne null', true],
	['Missing gt 0', false],
	['Missing le 0', false],
	["Missing ne 'x'", true],
	['null ge null', false],
	["Id lt '8'", true],
	['Created eq Modified', true],
	["Created ge '2026-01-02T10:00:00Z'", true],
	['Created lt 2026-01-02T10:00:00.5Z', true],
	["Types eq 'Alert'", true],
	["Types eq 'Other'", false],
	['Status/Conditions/Level gt 4', true],
	['Status/Conditions/Level gt 5', false],
	['Empty eq null', false],
	['Status eq null', false],
	['Status ne null', true],
	['constructor eq null', true],
	['__proto__ eq null', true],
	["@odata.id eq '/redfish/v1/Systems/system/LogServices/EventLog/Entries/7'", true],
	["  Severity   eq\t'Critical'  ", true],
];
for (const [source, expected] of outcomes) {
	test(`${JSON.stringify(source)} is ${expected}`, t => t.is(compileFilter(source)(entry), expected));
}

const mistakes: readonly (readonly [string, RegExp])[] = [
	['', /ends too early/],
	['Severity', /ends too early/],
	['Severity eq', /ends too early/],
	['Severity is 1', /eq, ne, gt/],
	['Severity EQ 1', /eq, ne, gt/],
	["Severity eq 'x", /not closed.*character 12/],
	["Severity eq 'x' Name eq 'y'", /"and" or "or" is missing at "Name eq 'y'"/],
	["(Severity eq 'x'", /"\)" is missing at its end/],
	["Severity eq 'x')", /missing at "\)"/],
	['not Enabled eq true', /parentheses/],
	['eq 1', /a property or a value/],
	['Count eq 01', /neither a property/],
	['Count eq 1.', /neither a property/],
	["contains(Name,'x')", /neither a property/],
	['a//b eq 1', /neither a property/],
	['a/ eq 1', /neither a property/],
	[`${'a/'.repeat(16)}a eq 1`, /neither a property/],
	[`${'('.repeat(40)}a eq 1${')'.repeat(40)}`, /32 parentheses/],
	[`Name eq '${'x'.repeat(1100)}'`, /1024/],
];
for (const [source, expected] of mistakes) {
	test(`refused: ${source.slice(0, 40)}`, t => {
		const error = t.throws(() => compileFilter(source)) as BimetalError;
		t.is(error.code, 'QueryParameterValueFormatError');
		t.regex(error.message, expected);
	});
}

/** A tree rendered with as many parentheses as possible, and what it must come to. */
const { tree } = fc.letrec<{ tree: readonly [string, boolean] }>(tie => ({
	tree: fc.oneof(
		{ maxDepth: 4 },
		fc.constantFrom(["Severity eq 'Critical'", true] as const, ['Count gt 3', false] as const),
		fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => [`(${a[0]}) and (${b[0]})`, a[1] && b[1]] as const),
		fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => [`(${a[0]}) or (${b[0]})`, a[1] || b[1]] as const),
		tie('tree').map(a => [`not (${a[0]})`, !a[1]] as const),
	),
}));

test('property: and, or and not mean what they say', t => {
	fc.assert(
		fc.property(
			tree,
			([source, expected]) => source.length > 1024 || compileFilter(source)(entry) === expected,
		),
	);
	t.pass();
});

test('property: whatever text comes, it is compiled or refused as malformed, and then never throws', t => {
	const words = fc.constantFrom(
		'Severity',
		'Status/Health',
		' ',
		' eq ',
		' and ',
		' not ',
		'(',
		')',
		"'",
		'1',
		'null',
		'/',
	);
	const text = fc.oneof(
		fc.string(),
		fc.array(words, { maxLength: 12 }).map(parts => parts.join('')),
	);
	fc.assert(
		fc.property(text, fc.jsonValue(), (source, resource) => {
			try {
				return typeof compileFilter(source)(resource as never) === 'boolean';
			} catch (fault) {
				return (fault as BimetalError).code === 'QueryParameterValueFormatError';
			}
		}),
		{ numRuns: 2000 },
	);
	t.pass();
});
