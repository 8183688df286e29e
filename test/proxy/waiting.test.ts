// A request that waits, from the 202 to its answer, as the operators of both parties see it over HTTP.
import test from 'ava';
import * as schemas from '../../proxy/api/schemas.ts';
import { requests } from '../../proxy/approve/request-document.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const console = `${system}/LogServices/HostLogger/Entries`;
const clearLog = `${system}/LogServices/EventLog/Actions/LogService.ClearLog`;
const tasks = '/redfish/v1/TaskService/Tasks';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const executed = (name: 'node1' | 'node2' | 'node3' = 'node1') =>
	site.bmcs[name].executed.filter(({ path }) => !path.startsWith('/redfish/v1/SessionService'));

/** A request of hso-operator that waits for CP. */
async function makeWait(path = clearLog, body: unknown = {}, bmc = 'node1') {
	const method = path === clearLog ? 'POST' : 'GET';
	const answer = await site.at('hso-operator', bmc)(method, path, method === 'POST' ? { body } : {});
	if (answer.status !== 202) throw new Error(`it does not wait: ${answer.whole}`);
	const { Id: id, Oem: oem } = answer.json;
	return { id, digest: oem.Bimetal.Digest, monitor: String(answer.headers.location), answer };
}
const act = (who: string, id: string, action: string, body: unknown) =>
	site.ask(who, 'POST', `/p2c/v1/requests/${id}/${action}`, { body });

test.serial('202 with a Task that says who is needed, and a TaskMonitor', async t => {
	const before = executed().length;
	const { id, monitor, answer } = await makeWait();
	t.is(monitor, `/redfish/v1/TaskService/TaskMonitors/${id}`);
	t.is(
		answer.headers['retry-after'],
		undefined,
		'sushy cannot sleep for seconds, redfishtool not for a date',
	);
	t.like(answer.json, {
		'@odata.id': monitor,
		'@odata.type': '#Task.v1_4_3.Task',
		TaskState: 'Pending',
		TaskMonitor: monitor,
		HidePayload: true,
	});
	t.deepEqual(answer.json.Oem.Bimetal.NeedsAuthorizationOf, [['CP']]);
	const polled = await site.at('hso-operator')('GET', monitor);
	t.is(polled.status, 202);
	t.is(polled.headers.location, monitor);
	t.deepEqual(polled.json, answer.json);
	const task = (await site.at('hso-operator')('GET', `${tasks}/${id}`)).json;
	t.deepEqual(task, { ...answer.json, '@odata.id': `${tasks}/${id}` });
	t.is(executed().length, before);
});

test.serial('a Task is seen by those it concerns, a TaskMonitor by its requester alone', async t => {
	const { id, monitor } = await makeWait();
	const statuses = async (target: string) =>
		Promise.all(
			['hso-operator', 'hso-two', 'cp-operator', null].map(
				async who => (await site.at(who)('GET', target)).status,
			),
		);
	t.deepEqual(await statuses(`${tasks}/${id}`), [200, 200, 200, 401]);
	t.deepEqual(await statuses(monitor), [202, 404, 404, 401]);
	for (const who of ['hso-two', 'cp-operator']) t.is((await site.at(who)('DELETE', monitor)).status, 404);
	t.is((await site.at('hso-operator', 'node2')('GET', monitor)).status, 404, 'it is another BMC’s');
	t.is((await site.at('hso-operator', 'node2')('GET', `${tasks}/${id}`)).status, 404);
	t.is((await site.at('hso-operator')('DELETE', `${tasks}/${id}`)).status, 405);
	t.is((await site.at('hso-operator')('GET', `${tasks}/r000000000000`)).status, 404);

	const listed = await site.at('cp-operator')('GET', tasks);
	const links = listed.json.Members.map((member: { '@odata.id': string }) => member['@odata.id']);
	t.true(links.includes(`${tasks}/${id}`));
	t.is(listed.json['Members@odata.count'], links.length);
	const other = await site.at('cp-operator', 'node2')('GET', tasks);
	t.deepEqual(other.json.Members, []);
});

test.serial('paging and counting of Tasks include those of the proxy', async t => {
	for (let i = 0; i < 3; i++) await makeWait();
	const all = (await site.at('hso-operator')('GET', tasks)).json;
	const total = all.Members.length;
	t.true(total >= 3);
	const first = (await site.at('hso-operator')('GET', `${tasks}?$top=2`)).json;
	t.is(first.Members.length, 2);
	t.is(first['Members@odata.count'], total);
	const next = (await site.at('hso-operator')('GET', first['Members@odata.nextLink'])).json;
	t.deepEqual([...first.Members, ...next.Members].slice(0, 3), all.Members.slice(0, 3));
	const skipped = (await site.at('hso-operator')('GET', `${tasks}?$skip=${total - 1}`)).json;
	t.deepEqual(skipped.Members, all.Members.slice(-1));
	const selected = (await site.at('hso-operator')('GET', `${tasks}?$select=Name`)).json;
	t.is(selected.Members, undefined);
	const head = await site.at('hso-operator')('HEAD', tasks);
	t.is(Number(head.headers['content-length']), (await site.at('hso-operator')('GET', tasks)).text.length);
});

test.serial('approved, it is executed once; its requester reads the answer as often as wanted', async t => {
	const { id, digest, monitor } = await makeWait(console);
	const before = executed().length;
	const shown = schemas.requestView.parse(
		(await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).json,
	);
	t.like(shown, { id, digest, method: 'GET', path: console, state: 'waiting', bmc: 'node1', body: null });
	const approved = await act('cp-operator', id, 'approve', { digest, comment: 'fine' });
	t.is(approved.status, 200);
	const view = schemas.requestView.parse(approved.json);
	t.like(view, { state: 'executed', needs: [], ended: null });
	t.is(view.outcome?.status, 200);
	t.deepEqual(
		view.authorizations.map(({ name, comment }) => [name, comment]),
		[
			['hso-operator', null],
			['cp-operator', 'fine'],
		],
	);
	const answers = [];
	for (let i = 0; i < 3; i++) answers.push(await site.at('hso-operator')('GET', monitor));
	for (const answer of answers) {
		t.is(answer.status, 200);
		t.is(answer.json['@odata.id'], console);
		t.deepEqual(answer.json, answers[0]?.json);
	}
	t.is((await site.at('cp-operator')('GET', monitor)).status, 404);
	t.is((await site.at('hso-operator')('GET', `${tasks}/${id}`)).json.TaskState, 'Completed');
	t.deepEqual(
		executed()
			.slice(before)
			.map(({ method, path }) => `${method} ${path}`),
		[`GET ${console}`],
	);
	t.is((await act('cp-two', id, 'approve', { digest })).status, 409);
	t.is((await act('cp-two', id, 'deny', { reason: 'too late' })).status, 409);
	t.is((await site.at('hso-operator')('DELETE', monitor)).status, 409);
});

test.serial('its body is exactly what was sent, stored, shown and executed', async t => {
	const path = '/redfish/v1/Managers/bmc';
	const sent = '{ "DateTime" : "2026-02-03T04:05:06+00:00" }';
	const waits = await site.at('hso-operator')('PATCH', path, { body: sent });
	t.is(waits.status, 202);
	const { Id: id, Oem: oem } = waits.json;
	const shown = (await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).json;
	t.deepEqual(shown.body, JSON.parse(sent));
	await act('cp-operator', id, 'approve', { digest: oem.Bimetal.Digest });
	t.like(executed().at(-1), { method: 'PATCH', path });
	t.deepEqual(executed().at(-1)?.body, JSON.parse(sent));
	t.is(site.spies.node1.received().split('{"DateTime":"2026-02-03T04:05:06+00:00"}').length, 2);
});

test.serial('wrong approvals: status, code, and no effect', async t => {
	const { id, digest, monitor } = await makeWait();
	const before = executed().length;
	const wrong = [
		['cp-operator', { digest: '0'.repeat(64) }, 409, 'DigestMismatch'],
		['hso-operator', { digest }, 409, 'AlreadyAuthorized'],
		['hso-two', { digest }, 409, 'AlreadyAuthorized'],
		['cp-operator', {}, 400, 'InvalidRequest'],
		['cp-operator', { digest, more: 1 }, 400, 'InvalidRequest'],
		['cp-operator', { digest: [digest] }, 400, 'InvalidRequest'],
	] as const;
	for (const [who, body, status, code] of wrong) {
		const answer = await act(who, id, 'approve', body);
		t.is(answer.status, status, code);
		t.is(schemas.problem.parse(answer.json).code, code);
	}
	t.is((await act('cp-operator', id, 'withdraw', {})).json.code, 'NotYours');
	t.is((await site.ask(null, 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } })).status, 401);
	t.is((await site.at('hso-operator')('GET', monitor)).status, 202);
	t.is(executed().length, before);
});

test.serial('approvals at once from everybody execute it once', async t => {
	const { id, digest } = await makeWait();
	const before = executed().length;
	const who = ['cp-operator', 'cp-two', 'hso-two', 'hso-operator'];
	const answers = await Promise.all(
		[...who, ...who, ...who].map(async each => ({ each, ...(await act(each, id, 'approve', { digest })) })),
	);
	const counted = answers.filter(({ status }) => status === 200);
	t.is(new Set(counted.map(({ each }) => each)).size, 1);
	t.is(counted.length, 3, 'who repeats the own approval is told what became of it');
	t.is(executed().length, before + 1);
});

test.serial('denied: 403 with the reason; the Task stays to be looked at', async t => {
	const { id, monitor } = await makeWait();
	const denied = await act('cp-operator', id, 'deny', { reason: 'in the middle of a run' });
	t.is(schemas.requestView.parse(denied.json).state, 'denied');
	const answer = await site.at('hso-operator')('GET', monitor);
	t.is(answer.status, 403);
	t.regex(answer.json.error.message, /in the middle of a run/);
	t.is((await site.at('hso-operator')('GET', `${tasks}/${id}`)).json.TaskState, 'Cancelled');
});

test.serial('withdrawn by deleting its TaskMonitor: 410 from then on, and nobody can approve it', async t => {
	const { id, digest, monitor } = await makeWait();
	const before = executed().length;
	t.is((await site.at('hso-operator')('DELETE', monitor)).status, 204);
	t.is((await site.at('hso-operator')('GET', monitor)).status, 410);
	t.is((await act('cp-operator', id, 'approve', { digest })).json.code, 'RequestNotWaiting');
	t.is(executed().length, before);
});

test.serial('expired: ended by the clock, 410, on the record', async t => {
	const { id, digest, monitor } = await makeWait();
	site.clock.advance(15 * 60_000 + 5000);
	while ((await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).json.state === 'waiting');
	t.is((await site.at('hso-operator')('GET', monitor)).status, 410);
	t.is((await act('cp-operator', id, 'approve', { digest })).status, 409);
	t.true(
		site.records.some(
			record => record.kind === 'approval' && record.requestId === id && record.decision === 'expire',
		),
	);
});

test.serial('a poller’s read waits once', async t => {
	const ids = [];
	for (let i = 0; i < 3; i++) ids.push((await makeWait(console, undefined, 'node2')).id);
	t.is(new Set(ids).size, 1);
});

test.serial('a waiting request that another proxy finds half executed after a crash is unknown', async t => {
	const { id } = await makeWait();
	const found = await site.store.read(tx => tx.get(requests, id));
	if (!found) return t.fail();
	await site.store.transact(tx => tx.put(requests, id, { ...found, state: 'unknown', needs: [] }));
	const answer = await site.at('hso-operator')('GET', `/redfish/v1/TaskService/TaskMonitors/${id}`);
	t.is(answer.status, 504);
	t.is(answer.json.error.code, 'Bimetal.1.0.OutcomeUnknown');
});

test.serial('a BMC that is down when it is approved: failed with 502, and no second try', async t => {
	const { id, digest, monitor } = await makeWait(clearLog, {}, 'node3');
	site.bmcs.node3.fault({ down: true });
	const { json } = await act('cp-operator', id, 'approve', { digest });
	t.is(json.state, 'failed');
	site.bmcs.node3.fault({});
	t.is((await site.at('hso-operator', 'node3')('GET', monitor)).status, 502);
	t.deepEqual((await act('cp-operator', id, 'approve', { digest })).json, json);
	t.is((await act('cp-two', id, 'approve', { digest })).status, 409);
	t.is(executed('node3').length, 0);
});

test.serial('lists are paged; every request is there once; unknown parameters are refused', async t => {
	const all = schemas.requestPage.parse((await site.ask('cp-operator', 'GET', '/p2c/v1/requests')).json);
	const seen: string[] = [];
	let target = '/p2c/v1/requests?limit=3';
	for (;;) {
		const page = schemas.requestPage.parse((await site.ask('cp-operator', 'GET', target)).json);
		seen.push(...page.requests.map(({ id }) => id));
		if (page.next === null) break;
		target = `/p2c/v1/requests?limit=3&after=${page.next}`;
	}
	t.deepEqual(
		seen,
		all.requests.map(({ id }) => id),
	);
	for (const query of [
		'unheard=1',
		'limit=0',
		'limit=x',
		'state=gone',
		'state=waiting&state=denied',
		'bmc[a]=1',
	]) {
		t.is((await site.ask('cp-operator', 'GET', `/p2c/v1/requests?${query}`)).status, 400, query);
	}
	for (const after of ['%00', '%F0%9F%98%80', 'zzz', '%ED%A0%80']) {
		t.true((await site.ask('cp-operator', 'GET', `/p2c/v1/requests?after=${after}`)).status < 500, after);
	}
	for (const id of ['%00', 'x'.repeat(3000), '..%2f..', 'r000000000000', '%ED%A0%80']) {
		t.true([404, 400].includes((await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${id}`)).status), id);
	}
	const waiting = schemas.requestPage.parse(
		(await site.ask('cp-operator', 'GET', '/p2c/v1/requests?state=waiting&bmc=node2')).json,
	);
	t.true(waiting.requests.every(({ state, bmc }) => state === 'waiting' && bmc === 'node2'));
});
