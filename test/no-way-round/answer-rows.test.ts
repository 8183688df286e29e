// What answers tell beside what they show. Each title names its row in docs/no-way-round.md.
import test from 'ava';
import type { Json, JsonObject } from '../../qemu/redfish/json.ts';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';
import { maskedSite, type NaiveSite } from './naive-site.ts';
import { requestText } from './wire.ts';

const system = '/redfish/v1/Systems/system';
const chassis = '/redfish/v1/Chassis/chassis';
const entries = `${system}/LogServices/EventLog/Entries`;
const collect = '/redfish/v1/Managers/bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const get = (who: string, target: string, headers: Record<string, string> = {}) =>
	site.at(who)('GET', target, { headers });

/** Takes out what is not critical, as the naive proxies' authors would. */
const criticalOnly = (answer: JsonObject): JsonObject => {
	if (!Array.isArray(answer.Members)) return answer;
	const members = answer.Members.filter(member => (member as JsonObject).Severity === 'Critical');
	return { ...answer, Members: members, 'Members@odata.count': members.length };
};
const ask = async (naive: NaiveSite, target: string, lines: string[] = [], method = 'GET', body?: string) =>
	(await naive.send(requestText(`${method} ${target}`, lines, body))).answers[0];

test.serial('row $filter, $top, $skip and $select: rows and counts are those that are left', async t => {
	const all = (await get('hso-operator', entries)).json;
	const shown: string[] = all.Members.map((member: { Id: string }) => member.Id);
	t.true(shown.length >= 2);
	for (let skip = 0; skip <= shown.length + 1; skip++) {
		const page = (await get('hso-operator', `${entries}?$skip=${skip}&$top=1`)).json;
		t.deepEqual(
			page.Members.map((member: { Id: string }) => member.Id),
			shown.slice(skip, skip + 1),
		);
		t.is(page['Members@odata.count'], shown.length);
	}
	const selected = await get('cp-operator', `${chassis}?$select=Certificates`);
	t.is(selected.json.Certificates, null);
	// Whatever is made of $filter, a condition on what is hidden finds nothing.
	const found = await get('cp-operator', `${entries}?$filter=${encodeURIComponent('Oem ne null')}`);
	if (found.status === 200) t.is(found.json.Members.length, 0);
	else t.true(found.status === 501 || found.status === 400);
	t.false(/\?(%24|\$)/.test(site.spies.node1.received()), 'no option reaches the BMC');
	// Masked after paging, the pages that come back empty tell where the hidden rows are.
	const naive = await maskedSite(t, criticalOnly);
	const total = JSON.parse((await ask(naive, entries))?.body ?? '').Members.length;
	const page = JSON.parse((await ask(naive, `${entries}?$top=1`))?.body ?? '');
	t.true(total > 0);
	t.is(page.Members.length, 0, 'the first row is one of the hidden ones');
});

test.serial('row ETag oracle: a tag is of what its reader sees', async t => {
	const direct = async () => {
		const authorization = `Basic ${Buffer.from('root:the-BMCs-own-password').toString('base64')}`;
		const answer = await fetch(site.bmcs.node2.url + entries, { headers: { authorization } });
		return String(answer.headers.get('etag'));
	};
	const bmcTag = await direct();
	const own = await site.at('hso-operator', 'node2')('GET', entries);
	t.not(own.headers.etag, bmcTag);
	t.false(own.whole.includes(bmcTag.replaceAll('"', '')));
	for (const known of [bmcTag, `W/${bmcTag}`, `"x", ${bmcTag}`]) {
		const answer = await site.at('hso-operator', 'node2')('GET', entries, {
			headers: { 'if-none-match': known },
		});
		t.is(answer.status, 200, 'the BMC’s tag is no key');
	}
	site.bmcs.node2.press('ForceRestart'); // leaves entries that are not critical
	t.not(await direct(), bmcTag, 'what is hidden has changed');
	const after = await site.at('hso-operator', 'node2')('GET', entries);
	t.is(after.text, own.text);
	t.is(after.headers.etag, own.headers.etag);
	const chassisTag = String((await site.at('cp-operator', 'node2')('GET', chassis)).headers.etag);
	const patch = (tag: string) =>
		site.at('cp-operator', 'node2')('PATCH', chassis, {
			body: { LocationIndicatorActive: true },
			headers: { 'if-match': tag },
		});
	t.is((await patch('"AAAAAAAAAAAAAAAA"')).status, 412);
	t.true((await patch(chassisTag)).status < 300);
	const naive = await maskedSite(t, criticalOnly);
	const before = await ask(naive, entries);
	naive.bmc.press('ForceRestart');
	const later = await ask(naive, entries);
	t.is(later?.body, before?.body);
	t.not(later?.headers.etag, before?.headers.etag, 'the tag tells that something hidden happened');
	const match = await ask(naive, entries, [`If-None-Match: ${before?.headers.etag}`]);
	t.is(match?.status, 200);
});

test.serial('row HEAD: the headers of the filtered GET', async t => {
	for (const target of [chassis, entries, system, `${entries}/1`, `${entries}/999`]) {
		for (const who of ['cp-operator', 'hso-operator']) {
			const [head, full] = [await site.at(who)('HEAD', target), await get(who, target)];
			t.is(head.status, full.status, target);
			t.is(head.text, '');
			if (head.status !== 200) continue;
			// bmcweb says 0; here the length is that of what its reader is shown.
			t.is(Number(head.headers['content-length']), Buffer.byteLength(full.text), target);
			if (head.headers.etag !== undefined) t.is(String(head.headers.etag), String(full.headers.etag));
		}
	}
});

test.serial('row Side collections: the same event is as hidden by every other way', async t => {
	const hidden = (await get('cp-operator', entries)).json.Members.filter(
		(entry: { Severity: string }) => entry.Severity !== 'Critical',
	);
	t.true(hidden.length > 0);
	const journal = '/redfish/v1/Managers/bmc/LogServices/Journal/Entries';
	for (const target of [
		entries,
		`${entries}?$skip=0&$top=1000`,
		journal,
		`${system}/LogServices?$expand=*($levels=6)`,
		`${system}/LogServices/EventLog?$expand=*`,
		`${system}?$expand=*($levels=6)`,
		...hidden.map((entry: { '@odata.id': string }) => entry['@odata.id']),
		...hidden.map((entry: { '@odata.id': string }) => `${entry['@odata.id']}/attachment`),
	]) {
		const answer = await get('hso-operator', target);
		for (const { Id, Created, Message } of hidden) {
			t.false(answer.text.includes(`${entries}/${Id}"`), `${target} names ${Id}`);
			if (target.startsWith(entries)) t.false(answer.text.includes(Message), `${target} tells ${Message}`);
			t.false(answer.text.includes(Created) && answer.text.includes(Message), target);
		}
	}
	// What goes past the proxy is never one party's to arrange.
	for (const [method, path, body] of [
		[
			'POST',
			'/redfish/v1/EventService/Subscriptions',
			{ Destination: 'https://192.0.2.1/', Protocol: 'Redfish' },
		],
		['POST', '/redfish/v1/TelemetryService/Triggers', { Id: 'x' }],
	] as const) {
		const before = site.bmcs.node1.executed.length;
		const { status } = await site.at('hso-operator')(method, path, { body });
		if (path.includes('Subscriptions'))
			t.false(
				site.bmcs.node1.executed.slice(before).some(done => done.method === 'POST' && done.path === path),
				`${path}: ${status}`,
			);
	}
	const naive = await maskedSite(t, criticalOnly);
	const whole = JSON.parse((await ask(naive, `${entries}/1`))?.body ?? '') as { [name: string]: Json };
	t.not(whole.Severity, 'Critical', 'the collection is filtered, its member is not');
});

test.serial('row Tasks: a task’s payload and its result are its requester’s', async t => {
	const begun = await site.at('cp-operator')('POST', collect, { body: { DiagnosticDataType: 'Manager' } });
	t.is(begun.status, 202);
	const monitor = String(begun.headers.location);
	const tasks = (await get('hso-operator', '/redfish/v1/TaskService/Tasks')).json.Members;
	for (const { '@odata.id': task } of tasks) {
		const shown = await get('hso-operator', task);
		t.notRegex(shown.text, /DiagnosticDataType/, 'no payload');
		t.is((await get('hso-operator', `${task}?$select=Payload`)).json?.Payload ?? null, null);
	}
	site.clock.advance(60_000);
	for (const who of ['hso-operator', 'hso-two', 'cp-two']) {
		t.is((await get(who, monitor)).status, 404, `${who} takes nothing`);
		t.is((await site.at(who)('HEAD', monitor)).status, 404);
		t.is((await get(who, `${monitor}/`)).status, 404);
	}
	const result = await get('cp-operator', monitor);
	t.true(result.status === 204 || result.status === 200, `the requester still gets it: ${result.status}`);
	const naive = await maskedSite(t);
	const other = await ask(naive, collect, [], 'POST', '{"DiagnosticDataType":"Manager"}');
	naive.clock.advance(60_000);
	const path = String(other?.headers.location ?? '/redfish/v1/TaskService/TaskMonitors/0');
	t.is((await ask(naive, path))?.status, 204, 'whoever comes first gets it');
	t.is((await ask(naive, path))?.status, 404, 'and its requester nothing');
	t.regex((await ask(naive, path.replace('TaskMonitors', 'Tasks')))?.body ?? '', /DiagnosticDataType/);
});
