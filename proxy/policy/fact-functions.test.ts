// Conditions over the clock and over what was executed.
import test from 'ava';
import type { Execution, Facts } from './facts.ts';
import type { PrePolicy } from './policy-set.ts';
import { compilePrePolicy } from './pre-policy.ts';

const where = { file: 'hso/power.yaml', line: 2, column: 12 };
const operations = ['Reset', 'Power cycle'];
const units = new Map([
	['External.PDU.Outlets.Power', 'W'],
	['External.PDU.Outlets.Heat', 'Cel'],
]);
const read = (source: string) =>
	compilePrePolicy(source, where, ['PDU'], { operations, units, helpers: new Map() });

function compile(source: string): PrePolicy {
	const result = read(source);
	if (!result.ok) throw new Error(`${result.problem.offset}: ${result.problem.message}`);
	return result.value;
}

const noon = Date.parse('2026-11-21T12:00:00Z'); // a Saturday; 13:00 in Berlin
const facts = (change: Partial<Facts> = {}): Facts => ({
	Request: {
		Method: 'POST',
		Path: '/redfish/v1/X',
		Operation: 'Reset',
		Bmc: 'node1',
		Rack: 'rack1',
		Party: 'HSO',
		Operator: 'ann',
		Body: {},
	},
	Resource: { DateTime: '2026-11-21T13:00:00+01:00', Shift: '21:00', Power: 3 },
	External: {
		PDU: {
			status: 'fresh',
			value: { Outlets: [520, 520].map(Power => ({ Power, Heat: 30 })) },
			asOf: 0,
			reserved: '120 W reserved for node2',
		},
	},
	Time: noon,
	Executions: [],
	...change,
});

const held = [
	'HOUR("Europe/Berlin") == 13 and HOUR("UTC") == 12',
	'WEEKDAY("Europe/Berlin") == "Sat" and WEEKDAY("UTC") in ["Sat", "Sun"]',
	'DATE("Europe/Berlin") == "2026-11-21" and DATE("Pacific/Auckland") == "2026-11-22"',
	'DATE("UTC") >= "2026-11-21" and DATE("UTC") < "2026-12-01"',
	'CLOCK("Europe/Berlin") == "13:00" and CLOCK("UTC") < "12:01"',
	'BETWEEN(CLOCK("Europe/Berlin"), "13:00", "13:01")',
	'not (BETWEEN(CLOCK("Europe/Berlin"), "12:00", "13:00"))',
	'BETWEEN(CLOCK("Europe/Berlin"), "12:59", "06:00")',
	'BETWEEN(DATE("UTC"), "2026-11-01", "2026-11-21")',
	'BETWEEN(NOW(), "2026-11-21T12:00:00Z", "2026-11-21T13:00:00+00:00")',
	'not (BETWEEN(NOW(), "2026-11-21T11:00:00Z", "2026-11-21T13:00:00+01:00"))',
	'NOW() >= Resource.DateTime and NOW() <= Resource.DateTime',
	'BETWEEN(Resource.Power, 1, 3) and not (BETWEEN(Resource.Power, 1, 2.9))',
	'ALL(BETWEEN(External.PDU.Outlets.Power, 500, 600))',
];
for (const source of held) {
	test(`holds: ${source}`, t => {
		const { holds, reason } = compile(source).evaluate(facts());
		t.true(holds, reason);
	});
}

const refused: readonly (readonly [string, RegExp])[] = [
	['HOUR("Europe/Berlln") == 1', /there is no time zone "Europe\/Berlln"/],
	['HOUR("") == 1', /there is no time zone/],
	[`HOUR("${'A'.repeat(3000)}") == 1`, /there is no time zone/],
	['HOUR("+02:00") == 1', /there is no time zone/],
	['HOUR("Europe/Berlin\u0000") == 1', /no time zone|no meaning/],
	['HOUR("../../etc/passwd") == 1', /there is no time zone/],
	['HOUR() == 1', /HOUR takes a time zone/],
	['HOUR(Request.Party) == 1', /written in quotation marks/],
	['HOUR("UTC")', /must be true or false/],
	['CLOCK("UTC")', /must be true or false/],
	['NOW("UTC") > "2026-01-01T00:00:00Z"', /NOW takes nothing/],
	['WEEKDAY("UTC") == "Sunday"', /WEEKDAY never is "Sunday"; write Mon, Tue/],
	['WEEKDAY("UTC") in ["Sat", "sun"]', /never is "sun"/],
	['CLOCK("UTC") < "7:30"', /CLOCK never is "7:30"/],
	['DATE("UTC") == "2026-02-30"', /DATE never is "2026-02-30"/],
	['NOW() < "2026-01-01"', /NOW never is/],
	['BETWEEN(CLOCK("UTC"), "22:00", "22:00")', /never true/],
	['BETWEEN(DATE("UTC"), "2026-12-01", "2026-11-01")', /never true/],
	['BETWEEN(CLOCK("UTC"), "22:00", "24:00")', /"24:00" is no number, day/],
	['BETWEEN(CLOCK("UTC"), "22:00", "2026-11-01")', /same kind|never is/],
	['BETWEEN(CLOCK("UTC"), "2026-11-01", "2026-11-02")', /CLOCK never is/],
	['BETWEEN(CLOCK("UTC"), "22:00")', /BETWEEN takes 3 arguments/],
	['EXECUTED("rack", "10 min")', /must be true or false/],
	['EXECUTED("rak", "10 min") < 2', /unknown scope "rak"; write one of "bmc", "rack"/],
	['EXECUTED("rack") < 2', /EXECUTED takes a scope, a window/],
	['EXECUTED("rack", 10) < 2', /in quotation marks/],
	['EXECUTED(Request.Rack, "10 min") < 2', /in quotation marks/],
	['EXECUTED("rack", "0 min") < 2', /is no window/],
	['EXECUTED("rack", "10 weeks") < 2', /is no window/],
	['EXECUTED("rack", "8 d") < 2', /is no window/],
	['EXECUTED("rack", "9999999999999 s") < 2', /is no window/],
	['EXECUTED("rack", "1e3 s") < 2', /is no window/],
	['EXECUTED("rack", "-1 s") < 2', /is no window/],
	['EXECUTED("rack", "10 min", "Rest") < 2', /unknown operation "Rest"; did you mean "Reset"\?/],
	['EXECUTED("constructor", "10 min") < 2', /unknown scope/],
	['HOURS("UTC") < 2', /unknown function "HOURS"; did you mean HOUR\?/],
	['SUM(External.PDU.Outlets.Power) > MAX(External.PDU.Outlets.Heat)', /compares W and Cel/],
	['SUM(External.PDU.Outlets.Power + External.PDU.Outlets.Heat) > 1', /calculates with W and Cel/],
];
for (const [source, message] of refused) {
	test(`refused: ${JSON.stringify(source).slice(0, 80)}`, t => {
		const result = read(source);
		t.false(result.ok);
		if (result.ok) return;
		t.regex(result.problem.message, message);
		t.true(result.problem.message.length < 400);
	});
}

test('without a time, or with one that is none, nothing holds', t => {
	for (const source of held.filter(each => /\("|NOW/.test(each) && !each.includes('Power'))) {
		for (const Time of [undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 1e300]) {
			const result = compile(source).evaluate(facts({ Time }));
			t.false(result.holds);
			t.regex(result.reason, /cannot be decided: the time is not known/);
		}
	}
});

const did = (ago: number, change: Partial<Execution> = {}): Execution => ({
	At: noon - ago,
	Operations: ['Reset'],
	Bmc: 'node1',
	Rack: 'rack1',
	Party: 'HSO',
	Operator: 'ann',
	...change,
});
const minutes = 60_000;

test('a window slides, and counts this operation on this rack', t => {
	const limit = compile('EXECUTED("rack", "10 min")<2');
	t.deepEqual(limit.needs, {
		resource: false,
		external: [],
		time: true,
		executions: [{ scope: 'rack', window: 10 * minutes, operation: undefined }],
	});
	const holds = (...Executions: Execution[]) => limit.evaluate(facts({ Executions })).holds;
	t.true(holds());
	t.true(holds(did(1)));
	t.false(holds(did(1), did(9 * minutes)));
	t.true(holds(did(1), did(10 * minutes)), 'what was executed at its beginning has left it');
	t.true(holds(did(1), did(1, { Rack: 'rack2' })));
	t.true(holds(did(1), did(1, { Operations: ['Power cycle'] })));
	t.false(holds(did(1), did(1, { Bmc: 'node2', Party: 'CP', Operator: 'bob' })));
	t.false(holds(did(1), did(-60 * minutes)), 'nothing opens by setting the clock back');
	t.is(
		limit.evaluate(facts({ Executions: [did(1), did(2)] })).reason,
		'EXECUTED("rack", "10 min")<2 is false: EXECUTED("rack", "10 min") is 2',
	);
	t.regex(limit.evaluate(facts({ Executions: undefined })).reason, /not known what was executed before/);
});

test('the scopes, and another operation', t => {
	const count = (source: string, ...Executions: Execution[]) =>
		[0, 1, 2, 3].find(n => compile(`${source}==${n}`).evaluate(facts({ Executions })).holds);
	const all = [
		did(1),
		did(1, { Bmc: 'node2' }),
		did(1, { Rack: 'r', Bmc: 'x', Party: 'CP', Operator: 'bob' }),
	];
	t.is(count('EXECUTED("bmc", "1 h")', ...all), 1);
	t.is(count('EXECUTED("rack", "1h")', ...all), 2);
	t.is(count('EXECUTED("party", "1 d")', ...all), 2);
	t.is(count('EXECUTED("operator", "90 s")', ...all), 2);
	t.is(count('EXECUTED("site", "7 d")', ...all), 3);
	t.is(count('EXECUTED("site", "7 d", "Power cycle")', ...all, did(1, { Operations: ['Power cycle'] })), 1);
});

test('a huge history ends in a denial, not in a long wait', t => {
	const Executions = Array.from({ length: 200_000 }, () => did(1));
	t.regex(compile('EXECUTED("rack", "10 min")<2').evaluate(facts({ Executions })).reason, /too many steps/);
});

test('reasons say units, and what is reserved', t => {
	const result = compile('SUM(External.PDU.Outlets.Power)<1000').evaluate(facts());
	t.is(
		result.reason,
		'SUM(External.PDU.Outlets.Power)<1000 is false: SUM(External.PDU.Outlets.Power) is 1040 W, with 120 W reserved for node2',
	);
	t.is(result.values.at(-2)?.unit, 'W');
	t.regex(
		compile('MAX(External.PDU.Outlets.Power) * 2 - 40 > 2000').evaluate(facts()).reason,
		/MAX\(External\.PDU\.Outlets\.Power\)\*2-40 is 1000 W/,
	);
	t.regex(
		compile('COUNT(External.PDU.Outlets.Power > 500) > 2').evaluate(facts()).reason,
		/COUNT\(External\.PDU\.Outlets\.Power>500\) is 2, with/,
	);
	t.regex(
		compile('SUM(External.PDU.Outlets.Power) / MAX(External.PDU.Outlets.Power) > 2').evaluate(facts()).reason,
		/Power\) is 2, /,
	);
});
