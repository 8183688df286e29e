import { redfishError, requestView } from '../../proxy/client/test-proxy.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();

const RESET = 'Systems/system/Actions/ComputerSystem.Reset';
const MONITOR = '/redfish/v1/TaskService/TaskMonitors/01K3Q8';
const waiting = {
	status: 202,
	headers: { location: `/bmc/node1${MONITOR}`, 'retry-after': '2' },
	body: { Id: '01K3Q8' },
};

test('get prints the resource as JSON and nothing else', async t => {
	const { proxy, terminal } = t.context;
	proxy.handle = call =>
		call.url === '/bmc/node1/redfish/v1/Systems/system?$select=PowerState'
			? { status: 200, body: { PowerState: 'On' } }
			: undefined;
	const ran = await terminal().run(
		'get',
		'Systems/system',
		'--bmc',
		'node1',
		'--as',
		'hso',
		'--query',
		'$select=PowerState',
	);
	t.deepEqual(ran, { code: 0, out: '{\n  "PowerState": "On"\n}\n', err: '' });
});

test('post sends the body, patch the ETag; the BMC may come from the environment', async t => {
	const { proxy, terminal } = t.context;
	proxy.handle = () => ({ status: 204 });
	const cli = terminal({ env: { BIMETAL_BMC: 'node2' } });
	t.is((await cli.run('post', RESET, '-d', '{"ResetType":"On"}', '--as', 'hso')).code, 0);
	t.is((await cli.run('post', RESET, '--as', 'hso')).code, 0);
	t.is(
		(await cli.run('patch', 'Systems/system', '-d', '{"AssetTag":"x"}', '--if-match', '"1"', '--as', 'hso'))
			.code,
		0,
	);
	t.is((await cli.run('delete', 'EventService/Subscriptions/1', '--as', 'hso')).code, 0);
	t.deepEqual(
		proxy.calls.map(call => [call.method, call.url.slice(0, 24), call.body, call.headers['if-match']]),
		[
			['POST', '/bmc/node2/redfish/v1/Sy', { ResetType: 'On' }, undefined],
			['POST', '/bmc/node2/redfish/v1/Sy', {}, undefined],
			['PATCH', '/bmc/node2/redfish/v1/Sy', { AssetTag: 'x' }, '"1"'],
			['DELETE', '/bmc/node2/redfish/v1/Ev', undefined, undefined],
		],
	);
});

test('a waiting call tells who is needed, why, and the line for the other operator; exit 4', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	proxy.handle = call => (call.url.endsWith('Reset') ? waiting : undefined);
	const argv = ['post', RESET, '--bmc', 'node1', '--as', 'hso', '-d', '{"ResetType":"ForceRestart"}'];
	const ran = await terminal().run(...argv);
	t.is(ran.code, 4);
	t.is(ran.err, '');
	t.snapshot(ran.out);
	const json = await terminal().run(...argv, '--json');
	t.is(json.code, 4);
	const document = JSON.parse(json.out);
	t.is(document.waiting.id, '01K3Q8');
	t.is(document.approve.CP, 'bimetal approve 01K3Q8 --as cp');
	t.is(document.monitor, MONITOR);
});

test('--wait follows the TaskMonitor to the answer', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	let polls = 0;
	proxy.handle = call => {
		if (call.url.endsWith('Reset')) return waiting;
		if (!call.url.endsWith(MONITOR)) return undefined;
		return ++polls < 3 ? waiting : { status: 200, body: { done: true } };
	};
	const ran = await terminal().run('post', RESET, '--bmc', 'node1', '--as', 'hso', '--wait');
	t.is(ran.code, 0, ran.err);
	t.is(polls, 3);
	t.deepEqual(JSON.parse(ran.out), { done: true });
	t.regex(ran.err, /waiting for CP…\n$/);
});

test('--wait ends with 3 when the request is denied meanwhile', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	proxy.handle = call => {
		if (call.url.endsWith('Reset')) return waiting;
		return call.url.endsWith(MONITOR) ? redfishError(403, 'Denied by CP: not today.') : undefined;
	};
	const ran = await terminal().run('post', RESET, '--bmc', 'node1', '--as', 'hso', '--wait');
	t.is(ran.code, 3);
	t.is(ran.out, '');
	t.regex(ran.err, /bimetal: 403 for POST .* at node1: Denied by CP: not today\.\n {2}try: bimetal policies/);
});

test('Ctrl-C while waiting leaves the request waiting and says so', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	proxy.handle = call =>
		call.url.includes('TaskMonitors') || call.url.endsWith('Reset') ? waiting : undefined;
	const cli = terminal({ onError: text => text.includes('waiting for CP…') && cli.interrupt.abort() });
	const ran = await cli.run('post', RESET, '--bmc', 'node1', '--as', 'hso', '--wait');
	t.is(ran.code, 130);
	t.regex(
		ran.err,
		/interrupted; request 01K3Q8 goes on waiting for CP\n {2}try: bimetal get .*01K3Q8 .*--wait --as hso, or bimetal withdraw 01K3Q8 --as hso/,
	);
	t.is(proxy.requests.get('01K3Q8')?.state, 'waiting');
});

test("a BMC's own 202 is told apart from a waiting request", async t => {
	const { proxy, terminal } = t.context;
	const task = {
		...waiting,
		headers: { location: '/redfish/v1/TaskService/TaskMonitors/7' },
		body: { Id: '7' },
	};
	proxy.handle = call => (call.url.endsWith('Update') ? task : undefined);
	const ran = await terminal().run('post', 'UpdateService/Actions/Update', '--bmc', 'node1', '--as', 'hso');
	t.is(ran.code, 0);
	t.deepEqual(JSON.parse(ran.out), { Id: '7' });
	t.regex(ran.err, /the BMC has taken it/i);
});

test('a log is readable as a table', async t => {
	const { terminal, proxy } = t.context;
	const entry = (id: string, severity: string, message: string) => ({
		Id: id,
		Severity: severity,
		Created: '2026-01-01T00:00:00Z',
		Message: message,
	});
	const Members = [entry('1', 'OK', 'Power on'), entry('2', 'Critical', `Fan ${'very '.repeat(40)}slow`)];
	proxy.handle = () => ({ status: 200, body: { Members, 'Members@odata.count': 12 } });
	const ran = await terminal().run(
		'get',
		'Systems/system/LogServices/EventLog/Entries',
		'--bmc',
		'node1',
		'--as',
		'hso',
		'--table',
	);
	t.snapshot(ran.out);
});

test('a link of an answer can be pasted; it names its BMC', async t => {
	const { proxy, terminal } = t.context;
	proxy.handle = () => ({ status: 200, body: {} });
	t.is((await terminal().run('get', '/bmc/node2/redfish/v1/Systems/system', '--as', 'hso')).code, 0);
	t.is(proxy.calls.at(-1)?.url, '/bmc/node2/redfish/v1/Systems/system');
	const other = await terminal().run('get', '/bmc/node2/redfish/v1', '--bmc', 'node1', '--as', 'hso');
	t.is(other.code, 2);
	t.is(proxy.calls.length, 1);
});
