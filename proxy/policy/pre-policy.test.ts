import test from 'ava';
import type { Facts } from './facts.ts';
import { compile, evaluate, facts } from './pre-policy.fixture.ts';

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
