import test from 'ava';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { dropHiddenMetrics, type See } from './metric-values.ts';

const base = '/redfish/v1/Chassis/c';
const see: See = async path => {
	switch (path) {
		case `${base}/Sensors/open`:
			return 'all';
		case `${base}/Sensors/seen`:
			return { whole: { Reading: 1, Name: 'n' }, shown: { Reading: 1, Name: null } };
		case `${base}/Sensors/masked`:
			return { whole: { Reading: 1 }, shown: { Reading: 0 } };
		case `${base}/Power`:
			return {
				whole: { PowerControl: [{ PowerConsumedWatts: 5, PowerCapacityWatts: 9 }] },
				shown: { PowerControl: [{ PowerConsumedWatts: 5, PowerCapacityWatts: null }] },
			};
		default:
			return undefined;
	}
};
const report = (...sources: (string | undefined)[]): JsonValue => ({
	'@odata.type': '#MetricReport.v1_3_0.MetricReport',
	MetricValues: sources.map(source => ({
		MetricValue: '1',
		...(source !== undefined && { MetricProperty: source }),
	})),
	'MetricValues@odata.count': sources.length,
});

test('a value is shown to whom its source shows it', async t => {
	const shown = [
		`${base}/Sensors/open`,
		`${base}/Sensors/open/Reading`,
		`${base}/Sensors/seen`,
		`${base}/Sensors/seen/Reading`,
		`${base}/Sensors/seen#/Reading`,
		`${base}/Power#/PowerControl/0/PowerConsumedWatts`,
	];
	const hidden = [
		`${base}/Sensors/masked`,
		`${base}/Sensors/masked/Reading`,
		`${base}/Sensors/seen#/Name`,
		`${base}/Sensors/seen#/Gone`,
		`${base}/Sensors/none`,
		`${base}/Power#/PowerControl/0/PowerCapacityWatts`,
		`${base}/../c/Sensors/open`,
		'/redfish/v1/TelemetryService/MetricReports/self',
		'https://elsewhere/redfish/v1/Chassis/c',
		undefined,
	];
	const whole = report(...shown);
	t.is(await dropHiddenMetrics(whole, see), whole, 'the very same where nothing is hidden');
	t.deepEqual(await dropHiddenMetrics(report(...hidden, ...shown), see), whole);
	const expanded = { Members: [report(...shown), report(...hidden)] };
	t.deepEqual(await dropHiddenMetrics(expanded, see), { Members: [report(...shown), report()] });
});

test('each source is asked for once, and not without end', async t => {
	let asked = 0;
	const counting: See = async () => {
		asked++;
		return 'all';
	};
	const many = Array.from({ length: 600 }, (_, i) => `${base}/Sensors/s${i}`);
	const shown = (await dropHiddenMetrics(report(...many, ...many), counting)) as { MetricValues: unknown[] };
	t.is(asked, 512);
	t.is(shown.MetricValues.length, 1024);
});
