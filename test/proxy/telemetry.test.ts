// What other resources repeat: values in metric reports, and bytes behind log entries.
import test from 'ava';
import type { Operation, PostPolicy } from '../../proxy/policy/policy-set.ts';
import { bmcPassword, startTestProxy } from './start-proxy.ts';

const report = '/redfish/v1/TelemetryService/MetricReports/PowerMetrics';
const sensors = '/redfish/v1/Chassis/chassis/Sensors';
const where = { file: 'test', line: 1, column: 1 };

/** The shipped policies, with this post-policy of HSO's on sensors. */
async function startWith(post: PostPolicy) {
	const shipped = await startTestProxy();
	const { policies } = shipped;
	await shipped.close();
	const withPost = (operation: Operation): Operation => {
		const policy = operation.policies.get('HSO');
		if (operation.name !== 'Get sensors' || !policy) return operation;
		return { ...operation, policies: new Map(operation.policies).set('HSO', { ...policy, post: [post] }) };
	};
	return startTestProxy({ policies: { ...policies, operations: policies.operations.map(withPost) } });
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
		const byPrefix = await site.ask('cp-operator', 'GET', `/bmc/node1${report}`);
		t.deepEqual(
			sourcesOf(byPrefix.json),
			left.map(source => `/bmc/node1${source}`),
		);
	});
}

test('an attachment passes as it is, a Range of it as the whole', async t => {
	const site = await startTestProxy();
	t.teardown(() => site.close());
	const dumps = '/redfish/v1/Managers/bmc/LogServices/Dump';
	const collect = `${dumps}/Actions/LogService.CollectDiagnosticData`;
	await site.at('cp-operator')('POST', collect, { body: { DiagnosticDataType: 'Manager' } });
	site.clock.advance(10_000);
	const { json } = await site.at('cp-operator')('GET', `${dumps}/Entries`);
	const attachment = String(
		json.Members[0].AdditionalDataURI ?? `${json.Members[0]['@odata.id']}/attachment`,
	);
	const whole = await site.at('cp-operator')('GET', attachment);
	t.is(whole.status, 200);
	t.is(whole.headers['content-type'], 'application/octet-stream');
	const range = await site.at('cp-operator')('GET', attachment, { headers: { range: 'bytes=0-3' } });
	t.is(range.status, 200);
	t.is(range.text, whole.text);
	t.is((await site.ask('cp-operator', 'GET', `/bmc/node1${attachment}`)).text, whole.text);
	for (const method of ['POST', 'DELETE'])
		t.is(
			(await site.at('cp-operator')(method, attachment, method === 'POST' ? { body: {} } : {})).status,
			405,
		);
});
