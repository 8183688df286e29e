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

test('sources that a definition or a trigger names are named to whom they are shown', async t => {
	const [open, masked, none] = ['open', 'masked', 'none'].map(name => `${base}/Sensors/${name}`);
	const metric = (id: string, ...sources: unknown[]) => ({ MetricId: id, MetricProperties: sources });
	const definition = (metrics: unknown[], sources: unknown[], more = {}): JsonValue =>
		({
			Metrics: metrics,
			MetricProperties: sources,
			'MetricProperties@odata.count': sources.length,
			...more,
		}) as JsonValue;
	const bare = { MetricId: 'by the BMC', MetricProperties: [] };
	const whole = definition([metric('a', open), bare], [open]);
	t.is(await dropHiddenMetrics(whole, see), whole);
	t.deepEqual(
		await dropHiddenMetrics(
			definition([metric('a', open, none), metric('secret', masked, 7), bare], [masked, open]),
			see,
		),
		whole,
	);
	const wild = (source: string, ...Values: string[]) =>
		definition([], [source], {
			Wildcards: [
				{ Name: 'S', Values },
				{ Name: 'C', Values: ['c'] },
			],
		});
	const shown = wild('/redfish/v1/Chassis/{C}/Sensors/{S}', 'open', 'seen');
	t.is(await dropHiddenMetrics(shown, see), shown);
	for (const hidden of [
		wild(`${base}/Sensors/{S}`, 'open', 'masked'),
		wild(`${base}/Sensors/{S}`),
		wild(`${base}/Sensors/{S}`, '*'),
		wild(`${base}/Sensors/{Other}`, 'open'),
		wild(`${base}/Sensors/{S}`, ...Array.from({ length: 600 }, (_, at) => `open${at}`)),
	]) {
		t.deepEqual(await dropHiddenMetrics(hidden, see), definition([], [], { Wildcards: [] }));
	}
});
