// What takes a BMC its time: its tasks belong to whose request began them, and a request that waited goes on in them.
import test from 'ava';
import type { MaskPolicy } from '../../proxy/policy/policy-set.ts';
import { startHostileBmc } from '../no-way-round/hostile-bmc.ts';
import type { Reply } from './ask.ts';
import { bmcPassword, startTestProxy, type TestProxy } from './start-proxy.ts';

const dump = '/redfish/v1/Managers/bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData';
const body = { DiagnosticDataType: 'Manager' };
const tasks = '/redfish/v1/TaskService/Tasks';
const monitors = '/redfish/v1/TaskService/TaskMonitors';

async function start(t: { teardown(work: () => unknown): void }, options = {}): Promise<TestProxy> {
	const site = await startTestProxy({ bmcTimeout: 30_000, ...options });
	t.teardown(() => site.close());
	return site;
}
/** How often the BMC gave its task's result away. */
const given = (site: TestProxy) =>
	site.bmcs.node1.executed.filter(({ path, status }) => path.startsWith(monitors) && status === 204).length;
const direct = (site: TestProxy, method: string, path: string, content?: unknown) =>
	fetch(site.bmcs.node1.url + path, {
		method,
		headers: {
			authorization: `Basic ${Buffer.from(`root:${bmcPassword}`).toString('base64')}`,
			'content-type': 'application/json',
		},
		...(content !== undefined && { body: JSON.stringify(content) }),
	});

/** HSO's request, approved by CP: the BMC has begun a task for it. */
async function beginWaited(
	site: TestProxy,
	prefix = '',
): Promise<{ id: string; poll: () => Promise<Reply> }> {
	const ask = (method: string, target: string, more = {}) =>
		prefix === ''
			? site.at('hso-operator')(method, target, more)
			: site.ask('hso-operator', method, target, more);
	const waits = await ask('POST', prefix + dump, { body });
	if (waits.status !== 202) throw new Error(waits.text);
	const { Id: id, Oem: oem } = waits.json;
	const approved = await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
		body: { digest: oem.Bimetal.Digest },
	});
	if (approved.json.state !== 'executed') throw new Error(approved.text);
	return { id, poll: () => ask('GET', String(waits.headers.location)) };
}

test('a task that the BMC began: its result is the requester’s, asked for once and kept', async t => {
	const site = await start(t);
	const begun = await site.at('cp-operator')('POST', dump, { body });
	t.is(begun.status, 202);
	t.is(begun.headers['retry-after'], '30', 'as the BMC has it');
	const monitor = String(begun.headers.location);
	t.is(monitor, `${monitors}/0`);
	const poll = () => site.at('cp-operator')('GET', monitor);
	t.is((await poll()).status, 202);
	for (const who of ['cp-two', 'hso-operator']) t.is((await site.at(who)('GET', monitor)).status, 404);
	site.clock.advance(10_000);
	for (const who of ['cp-two', 'hso-operator']) t.is((await site.at(who)('GET', monitor)).status, 404);
	const answers = await Promise.all([poll(), poll(), poll(), poll()]);
	t.deepEqual(
		answers.map(({ status }) => status),
		[204, 204, 204, 204],
	);
	t.is((await site.ask('cp-operator', 'GET', `/bmc/node1${monitor}`)).status, 204);
	t.is(given(site), 1);
	t.is((await site.at('cp-operator', 'node2')('GET', monitor)).status, 404);
});

test('a request that waited and then takes the BMC its time: one TaskMonitor to the very end', async t => {
	const site = await start(t);
	for (const [prefix, number] of [
		['', 0],
		['/bmc/node1', 1],
	] as const) {
		const { id, poll } = await beginWaited(site, prefix);
		const running = await poll();
		t.is(running.status, 202);
		t.is(running.json['@odata.id'], `${prefix}${monitors}/${id}`, 'sushy polls what this names');
		t.is(running.headers['retry-after'], undefined);
		t.is(running.headers.location, `${prefix}${monitors}/${id}`);
		t.is(running.json.TaskState, 'Running');
		const task = (who: string) => site.at(who)('GET', `${tasks}/${id}`);
		t.is((await task('cp-operator')).json.TaskState, 'Running', 'approvers see it go on');
		t.is((await site.at('cp-operator')('GET', `${monitors}/${id}`)).status, 404);
		t.is((await site.at('cp-operator')('GET', `${monitors}/${number}`)).status, 404);
		site.clock.advance(10_000);
		const ended = await Promise.all([poll(), poll(), task('cp-operator'), poll()]);
		t.deepEqual(
			ended.map(({ status }) => status),
			[204, 204, 200, 204],
		);
		t.is((await poll()).status, 204);
		t.is(
			(await site.at('hso-operator')('GET', `${monitors}/${number}`)).status,
			204,
			'the BMC’s own as well',
		);
		const shown = (await task('hso-operator')).json;
		t.is(shown.TaskState, 'Completed');
		t.truthy(shown.EndTime);
		t.is(given(site), number + 1);
		t.is(site.records.filter(record => record.kind === 'answer' && record.requestId === id).length, 2);
	}
});

test('the BMC’s task fails: the Task says so, the TaskMonitor what the BMC’s said', async t => {
	const site = await start(t);
	const { id, poll } = await beginWaited(site);
	site.bmcs.node1.fault({ failTasks: true });
	site.clock.advance(10_000);
	t.is((await poll()).status, 204, 'as bmcweb’s');
	const task = (await site.at('hso-operator')('GET', `${tasks}/${id}`)).json;
	t.like(task, { TaskState: 'Exception', TaskStatus: 'Warning' });
	t.regex(task.Messages[0].Message, /ended as Exception/);
});

test('a BMC that is away while its task goes on; one that restarts and has forgotten it', async t => {
	const site = await start(t);
	const { id, poll } = await beginWaited(site);
	site.bmcs.node1.fault({ down: true });
	t.is((await poll()).status, 202);
	site.bmcs.node1.fault({ garbage: true });
	t.is((await poll()).status, 202);
	site.bmcs.node1.fault({});
	const restart = '/redfish/v1/Managers/bmc/Actions/Manager.Reset';
	t.is((await direct(site, 'POST', restart, { ResetType: 'ForceRestart' })).status, 200);
	for (let i = 0; i < 2; i++) {
		const lost = await poll();
		t.is(lost.status, 504);
		t.is(lost.json.error.code, 'Bimetal.1.0.OutcomeUnknown');
		t.regex(lost.json.error.message, /forgotten/);
	}
	t.is((await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).json.state, 'unknown');

	// It counts from 0 again: what was task 0 is somebody else's now.
	const begun = await site.at('cp-operator')('POST', dump, { body });
	t.is(begun.headers.location, `${monitors}/0`);
	t.is((await site.at('hso-operator')('GET', `${monitors}/0`)).status, 404);
	site.clock.advance(10_000);
	t.is((await site.at('cp-operator')('GET', `${monitors}/0`)).status, 204);
	t.is((await poll()).status, 504);
});

test('no Task shows a request to others than its requester, though no policy hides it', async t => {
	const shipped = await startTestProxy();
	const policies = {
		...shipped.policies,
		operations: shipped.policies.operations.map(operation => ({
			...operation,
			policies: new Map(
				[...operation.policies].map(([party, policy]) => [
					party,
					operation.name === 'Get tasks' ? { ...policy, post: [] as MaskPolicy[] } : policy,
				]),
			),
		})),
	};
	await shipped.close();
	const site = await start(t, { policies });
	t.is((await site.at('cp-operator')('POST', dump, { body })).status, 202);
	const own = await site.at('cp-operator')('GET', `${tasks}/0`);
	t.is(own.json.Payload.JsonBody, JSON.stringify(body));
	for (const [who, target] of [
		['hso-operator', `${tasks}/0`],
		['cp-two', `${tasks}/0`],
		['hso-operator', `${tasks}?$expand=.`],
		['hso-operator', `${tasks}?only`],
	] as const) {
		const seen = await site.at(who)('GET', target);
		t.is(seen.status, 200, target);
		t.false(seen.whole.includes('DiagnosticDataType'), `${who} ${target}`);
	}
});

test('who began a task cancels it, where the BMC offers that', async t => {
	const site = await start(t, { bmc: { cancellableTasks: true } });
	const begin = () => site.at('cp-operator')('POST', dump, { body });
	t.is((await begin()).status, 202);
	for (const path of [`${tasks}/0`, `${monitors}/0`]) {
		for (const who of ['hso-operator', 'cp-two']) t.is((await site.at(who)('DELETE', path)).status, 404);
	}
	t.is((await site.at('cp-operator')('DELETE', `${tasks}/0`)).status, 204);
	t.is((await site.at('cp-operator')('GET', `${tasks}/0`)).json.TaskState, 'Cancelled');
	t.is((await begin()).status, 202);
	t.is((await site.at('cp-operator')('DELETE', `${monitors}/1`)).status, 204);
	site.clock.advance(10_000);
	const entries = await site.at('cp-operator')('GET', '/redfish/v1/Managers/bmc/LogServices/Dump/Entries');
	t.deepEqual(entries.json.Members, []);

	const plain = await start(t);
	t.is((await plain.at('cp-operator')('POST', dump, { body })).status, 202);
	t.is((await plain.at('cp-operator')('DELETE', `${tasks}/0`)).status, 405, 'the BMC’s own answer');
});

test('a result shows of any resource what reading that resource shows, to each party', async t => {
	const source = await start(t);
	const bmc = await startHostileBmc();
	t.teardown(() => bmc.close());
	const site = await start(t, { target: { node1: bmc.url } });
	const log = '/redfish/v1/Systems/system/LogServices/EventLog/Entries';
	const paths = [
		'/redfish/v1/Systems/system',
		'/redfish/v1/Chassis/chassis',
		'/redfish/v1/Managers/bmc/NetworkProtocol',
		'/redfish/v1/AccountService/Accounts/root',
		'/redfish/v1/Nowhere/thing',
		log,
		...[1, 2, 7, 11].map(id => `${log}/${id}`),
	];
	const resources = new Map<string, string>();
	for (const path of paths) {
		const answer = await direct(source, 'GET', path);
		const own = { '@odata.id': path, '@odata.type': '#Thing.v1_0_0.Thing', Secret: 'known to nobody' };
		resources.set(path, answer.status === 200 ? await answer.text() : JSON.stringify(own));
	}
	const json = (status: string, text: string, more = '') =>
		`HTTP/1.1 ${status}\r\n${more}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
	let result = '';
	let count = 0;
	bmc.answer = line => {
		const [method = '', path = ''] = line.split(' ');
		if (method === 'POST') return json('202 Accepted', '{}', `Location: ${monitors}/${count++}\r\n`);
		if (path.startsWith(monitors)) return json('200 OK', result);
		const text = resources.get(path);
		return text === undefined ? json('404 Not Found', '{}') : json('200 OK', text);
	};
	let hidden = 0;
	for (const path of paths) {
		result = resources.get(path) ?? '';
		for (const who of ['cp-operator', 'hso-operator'] as const) {
			const read = await site.at(who)('GET', path);
			let location: string;
			if (who === 'cp-operator') {
				location = String((await site.at(who)('POST', dump, { body })).headers.location);
			} else {
				const waits = await site.at(who)('POST', dump, { body });
				location = String(waits.headers.location);
				await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${waits.json.Id}/approve`, {
					body: { digest: waits.json.Oem.Bimetal.Digest },
				});
			}
			const shown = await site.at(who)('GET', location);
			t.is(shown.status, 200, `${who} ${path}: ${shown.text}`);
			if (read.status === 200) t.deepEqual(shown.json, read.json, `${who} ${path}`);
			else t.is(shown.text, '', `${who} ${path}`);
			if (shown.text !== result) hidden++;
		}
	}
	t.true(hidden >= 4, `something is hidden of ${hidden} results`);
});
