// What an answer tells: tags, counts, links and query options of resources that are filtered for their reader.
import test from 'ava';
import fc from 'fast-check';
import type { Reply } from './ask.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const chassis = '/redfish/v1/Chassis/chassis';
const entries = `${system}/LogServices/EventLog/Entries`;

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

/** The BMC's own answer, as the proxy got it and nobody else may. */
async function direct(path: string, headers: Record<string, string> = {}): Promise<Response> {
	const authorization = `Basic ${Buffer.from('root:the-BMCs-own-password').toString('base64')}`;
	return fetch(site.bmcs.node1.url + path, { headers: { authorization, ...headers } });
}
const get = (who: string, target: string, headers: Record<string, string> = {}) =>
	site.at(who)('GET', target, { headers });
const ids = (reply: Reply): string[] =>
	reply.json.Members.map((member: { '@odata.id': string }) => member['@odata.id']);

test('an unfiltered answer has the BMC’s bytes and tag', async t => {
	const own = await direct(system);
	const shown = await get('cp-operator', system);
	t.is(shown.text, await own.text());
	t.is(shown.headers.etag, own.headers.get('etag') ?? undefined);
	t.is((await get('cp-operator', system, { 'if-none-match': String(shown.headers.etag) })).status, 304);
	const head = await site.at('cp-operator')('HEAD', system);
	t.is(head.status, 200);
	t.is(head.text, '');
});

test('a filtered answer has a tag of the proxy’s own; the BMC’s is neither shown nor known', async t => {
	const bmcTag = String((await direct(chassis)).headers.get('etag'));
	const shown = await get('cp-operator', chassis);
	const tag = String(shown.headers.etag);
	t.not(tag, bmcTag);
	t.false(shown.whole.includes(bmcTag.replaceAll('"', '')));
	t.is((await get('cp-operator', chassis, { 'if-none-match': bmcTag })).status, 200);
	const fresh = await get('cp-operator', chassis, { 'if-none-match': `"other", ${tag}` });
	t.is(fresh.status, 304);
	t.is(fresh.text, '');
	t.is(fresh.headers.etag, tag);
	t.is(
		(await get('hso-operator', chassis, { 'if-none-match': tag })).status,
		200,
		'another reader, another tag',
	);
	const byPrefix = await site.ask('cp-operator', 'GET', `/bmc/node1${chassis}`);
	t.is(byPrefix.headers.etag, tag);
});

test('If-Match counts by the tag that was shown, and the BMC receives its own', async t => {
	const body = { LocationIndicatorActive: true };
	const patch = (who: string, tag: string, light: boolean) =>
		site.at(who, 'node2')('PATCH', chassis, {
			body: { LocationIndicatorActive: light },
			headers: { 'if-match': tag },
		});
	const before = site.bmcs.node2.executed.filter(({ method }) => method === 'PATCH').length;
	const bmcTag = String(
		(
			await fetch(site.bmcs.node2.url + chassis, {
				headers: { authorization: `Basic ${Buffer.from('root:the-BMCs-own-password').toString('base64')}` },
			})
		).headers.get('etag'),
	);
	const { headers } = await site.at('cp-operator', 'node2')('GET', chassis);
	t.is((await patch('cp-operator', bmcTag, true)).status, 412, 'the tag of what is hidden is no key');
	t.is((await patch('cp-operator', '"made-up"', true)).status, 412);
	t.is((await patch('cp-operator', `W/${headers.etag}`, true)).status, 412, 'weak tags never match');
	t.is(site.bmcs.node2.executed.filter(({ method }) => method === 'PATCH').length, before);
	t.true((await patch('cp-operator', String(headers.etag), true)).status < 300);
	t.is((await patch('cp-operator', String(headers.etag), false)).status, 412, 'it has changed since');
	t.true((await patch('cp-operator', '*', false)).status < 300);
	t.is(site.bmcs.node2.executed.filter(({ method }) => method === 'PATCH').length, before + 2);
	t.deepEqual(site.bmcs.node2.executed.findLast(({ method }) => method === 'PATCH')?.body, {
		...body,
		LocationIndicatorActive: false,
	});
});

test('HEAD has the headers of the filtered GET, and no body', async t => {
	for (const target of [chassis, entries, `${entries}?$top=1`]) {
		const [head, full] = [await site.at('cp-operator')('HEAD', target), await get('cp-operator', target)];
		t.is(head.status, 200);
		t.is(head.text, '');
		t.is(head.headers.etag, full.headers.etag);
		t.is(Number(head.headers['content-length']), Buffer.byteLength(full.text));
	}
});

test('paging is over what is left after filtering', async t => {
	const all = await get('hso-operator', entries);
	const total = all.json['Members@odata.count'];
	t.true(total >= 2);
	t.true(total < JSON.parse(await (await direct(entries)).text())['Members@odata.count']);
	await fc.assert(
		fc.asyncProperty(fc.nat(total + 2), fc.nat(total + 2), async (skip, top) => {
			const page = await get('hso-operator', `${entries}?$skip=${skip}&$top=${top}`);
			t.deepEqual(ids(page), ids(all).slice(skip, skip + top));
			t.is(page.json['Members@odata.count'], total);
		}),
		{ numRuns: 15 },
	);
	const seen: string[] = [];
	let next: string | undefined = `${entries}?$top=1`;
	while (next) {
		const page: Reply = await get('hso-operator', next);
		seen.push(...ids(page));
		next = page.json['Members@odata.nextLink'];
	}
	t.deepEqual(seen, ids(all));
	const upstream = site.spies.node1.received();
	t.false(/EventLog\/Entries\?/.test(upstream), 'the BMC never hears of the options');
});

test('$select, only and $expand show what a request of its own would show', async t => {
	const selected = await get('cp-operator', `${chassis}?$select=Certificates,Name`);
	t.is(selected.json.Certificates, null);
	t.is(typeof selected.json.Name, 'string');
	t.is(selected.json.PowerState, undefined);
	const expanded = await get('cp-operator', '/redfish/v1/Chassis?$expand=.($levels=1)');
	t.is(expanded.json.Members[0].Certificates, null);
	const only = await get('cp-operator', '/redfish/v1/Chassis?only');
	t.deepEqual(only.json, (await get('cp-operator', chassis)).json);
	t.is((await get('cp-operator', '/redfish/v1/Chassis?only&$top=1')).status, 400);
	const logs = await get('hso-operator', `${system}/LogServices?$expand=*($levels=1)`);
	for (const member of logs.json.Members) t.is(member['@odata.type'], '#LogService.v1_2_0.LogService');
	const log = await get('hso-operator', `${system}/LogServices/EventLog?$expand=.`);
	for (const entry of log.json.Entries.Members) t.is(entry.Severity, 'Critical');
	const host = await get('hso-operator', `${system}/LogServices/HostLogger?$expand=.`);
	t.deepEqual(Object.keys(host.json.Entries), ['@odata.id'], 'what would have to wait stays a link');
});

test('wrong query options are refused with the message of the Base registry, and reach no BMC', async t => {
	const before = site.bmcs.node3.executed.length;
	for (const [target, status, message] of [
		[`${entries}?$unheard=1`, 501, 'QueryNotSupported'],
		[`${entries}?$top=-1`, 400, 'QueryParameterOutOfRange'],
		[`${entries}?$top=x`, 400, 'QueryParameterValueFormatError'],
		[`${entries}?$top=1&$top=2`, 400, 'QueryCombinationInvalid'],
		[`${entries}?only&$top=1`, 400, 'QueryCombinationInvalid'],
		[`${entries}?$expand=x`, 400, 'QueryParameterValueFormatError'],
		[`${entries}?$expand=.($levels=7)`, 400, 'QueryParameterOutOfRange'],
		[`${entries}?$filter=Severity%20like%20%27Critical%27`, 400, 'QueryParameterValueFormatError'],
	] as const) {
		const refused = await site.at('hso-operator', 'node3')('GET', target);
		t.is(refused.status, status, target);
		t.is(refused.json.error['@Message.ExtendedInfo'][0].MessageId, `Base.1.19.${message}`, target);
	}
	t.is(site.bmcs.node3.executed.length, before);
	for (const option of ['only', '$top=1', '$skip=1', '$filter=Id%20eq%20%271%27']) {
		const refused = await get('hso-operator', `${system}?${option}`);
		t.is(refused.json.error.code, 'Base.1.19.QueryNotSupportedOnResource', option);
	}
	const ignored = await get('hso-operator', `${chassis}?unheard=1&excerpt`);
	t.is(ignored.status, 200, 'DSP0266 has unknown ones ignored');
	t.is(ignored.text, (await get('hso-operator', chassis)).text);
});

test('$filter sees what its reader sees: nothing is found by what is hidden', async t => {
	const filtered = (who: string, target: string, filter: string) =>
		get(who, `${target}?$filter=${encodeURIComponent(filter)}`);
	const all = await get('hso-operator', entries);
	const [one] = ids(all);
	t.deepEqual(ids(await filtered('hso-operator', entries, `@odata.id eq '${one}'`)), [one]);
	t.deepEqual(ids(await filtered('hso-operator', entries, "Severity ne 'Critical'")), []);
	const masked = await filtered('cp-operator', entries, 'Oem ne null');
	t.is(masked.json['Members@odata.count'], 0, 'what is masked is null to a filter as well');
	// Members that are links are looked at, each decided on like a request of its own.
	const found = await filtered('cp-operator', '/redfish/v1/Chassis', 'Certificates eq null');
	t.deepEqual(found.json.Members, (await get('cp-operator', '/redfish/v1/Chassis')).json.Members);
	t.is((await filtered('cp-operator', '/redfish/v1/Chassis', 'Certificates ne null')).json.Members.length, 0);
	t.is(
		(await filtered('hso-operator', '/redfish/v1/Chassis', 'Certificates ne null')).json.Members.length,
		1,
	);
	const page = await get('hso-operator', `${entries}?$filter=${encodeURIComponent("Id ne 'x'")}&$top=1`);
	const next: string = page.json['Members@odata.nextLink'];
	t.deepEqual(ids(await get('hso-operator', next)), ids(all).slice(1, 2), next);
});

test('$expand goes down as many levels as it says, and each resource is decided on', async t => {
	const deep = await get('hso-operator', '/redfish/v1/Systems?$expand=.($levels=3)');
	const [first] = deep.json.Members;
	t.is(first['@odata.type'].split('.')[0], '#ComputerSystem');
	const { Entries } = first.LogServices.Members.find((log: { Id: string }) => log.Id === 'HostLogger');
	t.deepEqual(Object.keys(Entries), ['@odata.id'], 'HostLogger waits for CP: still a link');
	const whole = await get('hso-operator', '/redfish/v1/Systems?$expand=.($levels=4)');
	t.false(
		whole.text.includes('"Severity":"Warning"'),
		'entries that are not critical are hidden at any depth',
	);
	const same = await get('hso-operator', '/redfish/v1/Systems?$expand=.($levels=4)');
	t.is(whole.headers.etag, same.headers.etag);
	const fresh = await get('hso-operator', '/redfish/v1/Systems?$expand=.($levels=4)', {
		'if-none-match': String(whole.headers.etag),
	});
	t.is(fresh.status, 304);
});

test('the service root says what the proxy offers, to everybody alike', async t => {
	const own = JSON.parse(await (await direct('/redfish/v1')).text());
	for (const who of [null, 'hso-operator', 'cp-operator']) {
		const root = await site.at(who)('GET', '/redfish/v1');
		const { ProtocolFeaturesSupported, ...rest } = root.json;
		t.like(ProtocolFeaturesSupported, {
			ExpandQuery: { ExpandAll: true, Levels: true, Links: true, MaxLevels: 6, NoLinks: true },
			FilterQuery: true,
			OnlyMemberQuery: true,
			SelectQuery: true,
			ExcerptQuery: false,
		});
		const { ProtocolFeaturesSupported: _, ...others } = own;
		t.deepEqual(rest, others);
		const head = await site.at(who)('HEAD', '/redfish/v1');
		t.is(head.headers['content-length'], root.headers['content-length']);
		t.is(head.headers.etag, root.headers.etag);
	}
});

/** Every string in an answer, with where it stands. */
function strings(value: unknown, at = ''): [string, string][] {
	if (typeof value === 'string') return [[at, value]];
	if (typeof value !== 'object' || value === null) return [];
	return Object.entries(value).flatMap(([name, child]) => strings(child, `${at}/${name}`));
}

test('by prefix, every link carries it, and can be followed as far as there are rows', async t => {
	const prefix = '/bmc/node1';
	const found = new Set([`${prefix}/redfish/v1`]);
	const followed = new Map<string, number>();
	for (const target of found) {
		if (followed.size > 250) break;
		const reply = await site.ask('hso-operator', 'GET', target);
		followed.set(target, reply.status);
		t.notRegex(String(reply.headers.link ?? ''), /<\/redfish/);
		t.notRegex(String(reply.headers.location ?? prefix), /^\/redfish/);
		t.true([200, 202, 400, 403, 404].includes(reply.status), `${target}: ${reply.status}`);
		for (const [at, text] of strings(reply.json)) {
			t.false(text.startsWith('/redfish'), `${target} has ${text} at ${at}`);
			if (!text.startsWith(prefix) || !at.endsWith('@odata.id')) continue;
			found.add(text.replace(/#.*$/, '').replace(/(.)\/$/, '$1'));
		}
	}
	t.true([...followed.values()].filter(status => status === 200).length > 60);
	t.deepEqual(
		[...followed].filter(([, status]) => status === 404),
		[],
	);
});

test('by prefix, links in bodies are taken for what they stand for', async t => {
	const link = `${system}/LogServices/EventLog/Entries/1`;
	const path = '/redfish/v1/Managers/bmc';
	const body = { Links: { ActiveSoftwareImage: { '@odata.id': `/bmc/node1${link}` } } };
	const waits = await site.ask('hso-operator', 'PATCH', `/bmc/node1${path}`, { body });
	t.is(waits.status, 202);
	t.regex(String(waits.headers.location), /^\/bmc\/node1\/redfish\/v1\/TaskService\/TaskMonitors\//);
	t.regex(waits.json.TaskMonitor, /^\/bmc\/node1\/redfish\//);
	t.is((await site.ask('hso-operator', 'GET', String(waits.headers.location))).status, 202);
	const view = (await site.ask('cp-operator', 'GET', `/p2c/v1/requests/${waits.json.Id}`)).json;
	t.is(view.path, path);
	t.deepEqual(view.body, { Links: { ActiveSoftwareImage: { '@odata.id': link } } });
});

test('a host name of its own and a port of its own show the plain paths', async t => {
	const byPort = await get('cp-operator', '/redfish/v1/Systems');
	const byName = await site.ask('cp-operator', 'GET', '/redfish/v1/Systems', {
		headers: { host: `NODE1.test:${new URL(site.url).port}` },
	});
	t.is(byName.text, byPort.text);
	t.is(byName.status, 200);
	const nowhere = await site.ask('cp-operator', 'GET', '/redfish/v1/Systems');
	t.is(nowhere.status, 404);
	t.is(nowhere.json.error.code, 'Bimetal.1.0.UnknownBmc');
	for (const target of [
		'/bmc/node9/redfish/v1',
		'/bmc/',
		'/bmc/NODE1/redfish/v1',
		'/bmc/__proto__/redfish/v1',
	]) {
		t.is((await site.ask('cp-operator', 'GET', target)).status, 404, target);
	}
	t.is((await site.ask('cp-operator', 'GET', '/bmc/node1/../node2/redfish/v1')).status, 400);
	t.is((await site.ask('cp-operator', 'GET', '/bmc/node1')).status, 404);
});

test('what is open to everybody, and nothing else', async t => {
	for (const target of [
		'/redfish',
		'/redfish/v1',
		'/redfish/v1/',
		'/redfish/v1/$metadata',
		'/redfish/v1/odata',
	]) {
		t.is((await site.at(null)('GET', target)).status, 200, target);
		t.is((await site.ask(null, 'GET', `/bmc/node1${target}`)).status, 200, target);
	}
	t.is((await site.at(null)('HEAD', '/redfish/v1')).status, 200);
	for (const [method, target] of [
		['GET', '/redfish/v1/Systems'],
		['GET', '/redfish/v1/SessionService'],
		['GET', '/redfish/v1/SessionService/Sessions'],
		['GET', '/redfish/v1/JsonSchemas'],
		['GET', '/redfish/v1/TaskService/Tasks/r000000000000'],
		['GET', '/redfish/v1?$expand=.'],
		['POST', '/redfish/v1'],
		['DELETE', '/redfish/v1'],
		['GET', '/redfish/v1/Unheard'],
	] as const) {
		const refused = await site.at(null)(method, target);
		t.is(refused.status, 401, `${method} ${target}`);
		t.regex(String(refused.headers['www-authenticate']), /^Basic realm=/);
	}
	for (const target of ['/p2c/v1', '/p2c/v1/openapi.json', '/p2c/v1/me', '/p2c', '/p2c/v1/unheard']) {
		t.is((await site.ask(null, 'GET', target)).status, 401, target);
	}
	const byPrefix = await site.ask(null, 'GET', '/bmc/node1/redfish/v1');
	t.is(byPrefix.json.Systems['@odata.id'], '/bmc/node1/redfish/v1/Systems');
});

test('a body over the limit is refused before it is read, at whatever length it says it has', async t => {
	const reset = `${system}/Actions/ComputerSystem.Reset`;
	const large = JSON.stringify({ ResetType: 'x'.repeat(1024 * 1024) });
	const before = site.bmcs.node3.executed.length;
	const said = await site.at('cp-operator', 'node3')('POST', reset, { body: large });
	t.is(said.status, 413);
	const chunked = await site.at('cp-operator', 'node3')('POST', reset, {
		body: large,
		headers: { 'transfer-encoding': 'chunked' },
	});
	t.true([400, 413].includes(chunked.status));
	t.is(site.bmcs.node3.executed.length, before);
});
