// What other resources repeat: values in metric reports, and bytes behind log entries.
import test from 'ava';
import type { Operation, PostPolicy } from '../../proxy/policy/policy-set.ts';
import { bmcPassword, startTestProxy, type TestProxy } from './start-proxy.ts';

const report = '/redfish/v1/TelemetryService/MetricReports/PowerMetrics';
const sensors = '/redfish/v1/Chassis/chassis/Sensors';
const where = { file: 'test', line: 1, column: 1 };

/** The shipped policies, with this post-policy of HSO's for a row. */
async function startWith(post: PostPolicy, row = 'Get sensors') {
	const shipped = await startTestProxy();
	const { policies } = shipped;
	await shipped.close();
	const withPost = (operation: Operation): Operation => {
		const policy = operation.policies.get('HSO');
		if (operation.name !== row || !policy) return operation;
		return { ...operation, policies: new Map(operation.policies).set('HSO', { ...policy, post: [post] }) };
	};
	const operations = policies.operations.map(withPost);
	return startTestProxy({ policies: { ...policies, version: 'with a post-policy', operations } });
}
const sourcesOf = (json: { MetricValues: { MetricProperty: string }[] }): string[] =>
	json.MetricValues.map(value => value.MetricProperty);

for (const [what, post] of [
	[
		'hidden',
		{
			kind: 'predicate',
			schema: 'Sensor',
			holds: (sensor: unknown) => (sensor as { Id: string }).Id !== 'power_total_power',
		},
	],
	['masked', { kind: 'mask', schema: 'Sensor', path: ['Reading'], value: 0 }],
] as const) {
	test(`a sensor that is ${what} is not told by reports either`, async t => {
		const site = await startWith({ source: what, where, ...post } as PostPolicy);
		t.teardown(() => site.close());
		const authorization = `Basic ${Buffer.from(`root:${bmcPassword}`).toString('base64')}`;
		const all = sourcesOf(
			(await (await fetch(site.bmcs.node1.url + report, { headers: { authorization } })).json()) as never,
		);
		t.true(all.length > 0 && all.every(source => source.startsWith(`${sensors}/`)));
		const own = await site.at('hso-operator')('GET', report);
		t.deepEqual(sourcesOf(own.json), all, 'to whom it is not hidden it is told');
		const read = await site.at('cp-operator')('GET', report);
		const left = what === 'masked' ? [] : all.filter(source => !source.endsWith('/power_total_power'));
		t.true(left.length < all.length);
		t.deepEqual(sourcesOf(read.json), left);
		t.not(read.headers.etag, own.headers.etag);
		const other = await site.at('cp-operator')('GET', '/redfish/v1/TelemetryService/MetricReports?$expand=.');
		t.deepEqual(sourcesOf(other.json.Members[0]), left);
		for (const [path, content, found] of [
			[
				'MetricReportDefinitions',
				{
					MetricReportDefinitionType: 'OnRequest',
					ReportActions: ['LogToMetricReportsCollection'],
					Metrics: all.map(source => ({ MetricId: source.split('/').at(-1), MetricProperties: [source] })),
				},
				(json: { Metrics: { MetricProperties: string[] }[] }) =>
					json.Metrics.flatMap(({ MetricProperties }) => MetricProperties),
			],
			[
				'Triggers',
				{ MetricType: 'Numeric', TriggerActions: [], MetricProperties: all },
				(json: { MetricProperties: string[] }) => json.MetricProperties,
			],
		] as const) {
			const made = await fetch(`${site.bmcs.node1.url}/redfish/v1/TelemetryService/${path}`, {
				method: 'POST',
				headers: { authorization, 'content-type': 'application/json' },
				body: JSON.stringify({ Id: 'Own', ...content }),
			});
			t.is(made.status, 201);
			const target = `/redfish/v1/TelemetryService/${path}/Own`;
			t.deepEqual(found((await site.at('hso-operator')('GET', target)).json), all);
			const seen = await site.at('cp-operator')('GET', target);
			t.deepEqual(found(seen.json), left);
			t.false(what === 'hidden' && seen.text.includes('power_total_power'));
		}
		const byPrefix = await site.ask('cp-operator', 'GET', `/bmc/node1${report}`);
		t.deepEqual(
			sourcesOf(byPrefix.json),
			left.map(source => `/bmc/node1${source}`),
		);
	});
}

const dumps = '/redfish/v1/Managers/bmc/LogServices/Dump';

/** A dump that CP has collected. */
async function collect(site: TestProxy): Promise<string> {
	const action = `${dumps}/Actions/LogService.CollectDiagnosticData`;
	await site.at('cp-operator')('POST', action, { body: { DiagnosticDataType: 'Manager' } });
	site.clock.advance(10_000);
	const { json } = await site.at('cp-operator')('GET', `${dumps}/Entries`);
	return String(json.Members[0].AdditionalDataURI);
}
const direct = async (site: TestProxy, path: string): Promise<Buffer> => {
	const authorization = `Basic ${Buffer.from(`root:${bmcPassword}`).toString('base64')}`;
	const answer = await fetch(site.bmcs.node1.url + path, { headers: { authorization } });
	return Buffer.from(await answer.arrayBuffer());
};

test('an attachment passes byte for byte, however large; a Range of it as the whole', async t => {
	// More than the proxy keeps of an answer.
	const site = await startTestProxy({ bmc: { dumpBytes: 6 * 1024 * 1024 } });
	t.teardown(() => site.close());
	const attachment = await collect(site);
	const own = await direct(site, attachment);
	for (const answer of [
		await site.at('cp-operator')('GET', attachment),
		await site.at('cp-operator')('GET', attachment, { headers: { range: 'bytes=0-3' } }),
		await site.ask('cp-operator', 'GET', `/bmc/node1${attachment}`),
	]) {
		t.is(answer.status, 200);
		t.is(answer.headers['content-type'], 'application/octet-stream');
		t.true(answer.bytes.equals(own));
	}
	for (const method of ['POST', 'DELETE']) {
		const more = method === 'POST' ? { body: {} } : {};
		t.is((await site.at('cp-operator')(method, attachment, more)).status, 405);
	}
});

test('an attachment that had to be approved is its requester’s, byte for byte', async t => {
	const site = await startTestProxy();
	t.teardown(() => site.close());
	const attachment = await collect(site);
	const waits = await site.at('hso-operator')('GET', attachment);
	t.is(waits.status, 202);
	const { Id: id, Oem: oem } = waits.json;
	const approve = `/p2c/v1/requests/${id}/approve`;
	await site.ask('cp-operator', 'POST', approve, { body: { digest: oem.Bimetal.Digest } });
	const given = await site.at('hso-operator')('GET', String(waits.headers.location));
	t.is(given.status, 200);
	t.is(given.headers['content-type'], 'application/octet-stream');
	t.true(given.bytes.equals(await direct(site, attachment)));
});

test('what a post-policy would have to shape, and cannot, is not shown', async t => {
	const mask: PostPolicy = {
		kind: 'mask',
		source: '',
		where,
		schema: 'LogEntry',
		path: ['Name'],
		value: null,
	};
	const site = await startWith(mask, 'Get the contents of a dump');
	t.teardown(() => site.close());
	const answer = await site.at('cp-operator')('GET', await collect(site));
	t.is(answer.status, 502);
	t.false(answer.bytes.includes('serial BM'));
});
