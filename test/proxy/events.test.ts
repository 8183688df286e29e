// Events of a BMC, followed through the proxy by two parties that must not see each other's.
import test, { type ExecutionContext } from 'ava';
import { createRoster } from '../../proxy/authenticate/roster.ts';
import { parseAuthorization } from '../../proxy/policy/authorization.ts';
import type { PolicySet } from '../../proxy/policy/policy-set.ts';
import { basicOf, type Follower, follow } from './follow.ts';
import { bmcPassword, entries, loadShipped, parties, startTestProxy, type TestProxy } from './start-proxy.ts';

const stream = '/redfish/v1/EventService/SSE';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy({ streams: { perOperator: 3, buffer: 32 * 1024 } });
});
test.after.always(() => site?.close());
test.afterEach.always(async () => {
	site.proxy.usePolicies(await loadShipped());
	site.proxy.useRoster(createRoster(entries, parties));
	await until(() => site.bmcs.node1.listeners() === 0);
	site.records.length = 0;
	site.bmcs.node1.press('On');
});

async function followAs(
	t: ExecutionContext,
	who: string | Record<string, string>,
	target = stream,
	bmc = 'node1',
): Promise<Follower> {
	const headers = typeof who === 'string' ? basicOf(who) : who;
	const follower = await follow(`${site.bmcUrls[bmc]}${target}`, { ca: site.ca, headers });
	t.teardown(() => follower.close());
	return follower;
}

/** The shipped policies with other expressions for some rows. */
function changed(set: PolicySet, p2c: Readonly<Record<string, string>>): PolicySet {
	const operations = set.operations.map(operation => {
		const source = p2c[operation.name];
		if (source === undefined) return operation;
		const parsed = parseAuthorization(source, [...parties]);
		if (!parsed.ok) throw new Error(parsed.problem.message);
		return { ...operation, authorization: parsed.value };
	});
	return { ...set, version: JSON.stringify(p2c), operations };
}

const upstreams = (): number => site.spies.node1.received().split(`GET ${stream} HTTP/1.1`).length - 1;
/** What a client does at the BMC itself, with nobody in between. */
const atBmc = (method: string, path: string, body: unknown) =>
	fetch(site.bmcs.node1.url + path, {
		method,
		headers: {
			authorization: `Basic ${Buffer.from(`root:${bmcPassword}`).toString('base64')}`,
			'content-type': 'application/json',
		},
		body: JSON.stringify(body),
	});
const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
	while (!(await holds())) await new Promise(resolve => setImmediate(resolve));
};
const severity = (event: { json: { Events: { MessageSeverity: string }[] } }) =>
	event.json.Events[0]?.MessageSeverity;

test.serial(
	'two parties follow one BMC at once, over one stream from it, and each sees its own view',
	async t => {
		const before = upstreams();
		const hso = await followAs(t, 'hso-operator');
		const many = await Promise.all(['cp-operator', 'cp-two', 'cp-two'].map(who => followAs(t, who)));
		for (const { status, headers } of [hso, ...many]) {
			t.is(status, 200);
			t.is(headers['content-type'], 'text/event-stream');
		}
		site.bmcs.node1.press('ForceOff'); // severity OK
		site.bmcs.node1.press('On');
		site.bmcs.node1.press('Nmi'); // Critical
		for (const cp of many) {
			const seen = [await cp.next(), await cp.next(), await cp.next()];
			t.deepEqual(
				seen.map(({ id }) => id),
				['1', '2', '3'],
			);
			t.is(severity(seen[2] as never), 'Critical');
			for (const { json } of seen) t.is(json.Events[0].Oem, null);
		}
		const nmi = await hso.next();
		t.is(nmi.id, '1', 'the number tells nothing of what was hidden before');
		t.is(nmi.json.Id, '1');
		t.is(nmi.json['Events@odata.count'], 1);
		t.regex(nmi.json.Events[0].MessageId, /NMIRaised/);
		t.truthy(nmi.json.Events[0].Oem);
		t.deepEqual(hso.waiting(), []);
		t.is(upstreams(), before + 1);
		t.is(site.bmcs.node1.listeners(), 1);

		for (const one of [hso, ...many]) one.close();
		await until(() => site.bmcs.node1.listeners() === 0);
		t.deepEqual(
			site.records
				.flatMap(record => (record.kind === 'events' ? [`${record.action} ${record.party}`] : []))
				.sort(),
			['end CP', 'end CP', 'end CP', 'end HSO', 'follow CP', 'follow CP', 'follow CP', 'follow HSO'],
		);
		t.is(site.records.filter(record => record.kind === 'decision' && record.path === stream).length, 4);
	},
);

test.serial(
	'an event shows what the log shows of its entry, and nothing else, for every entry and both parties',
	async t => {
		const who = { HSO: 'hso-operator', CP: 'cp-operator' } as const;
		const followers = { HSO: await followAs(t, who.HSO), CP: await followAs(t, who.CP) };
		const log = '/redfish/v1/Systems/system/LogServices/EventLog/Entries';
		const last = (await site.at(who.CP)('GET', log)).json.Members.at(-1).Id;
		for (const type of ['ForceOff', 'On', 'Nmi', 'ForceRestart', 'Nmi', 'ForceOff'] as const)
			site.bmcs.node1.press(type);
		for (const party of parties) {
			const { Members } = (await site.at(who[party])('GET', log)).json;
			const fresh = Members.filter((entry: { Id: string }) => Number(entry.Id) > Number(last));
			for (const entry of fresh) {
				const { json } = await followers[party].next();
				const [record] = json.Events;
				t.is(record.OriginOfCondition['@odata.id'], entry['@odata.id']);
				t.is(record.Message, entry.Message);
				t.is(record.MessageSeverity, entry.Severity);
				t.deepEqual(record.Oem, entry.Oem ?? null);
			}
			t.true(fresh.length > 1);
			t.deepEqual(followers[party].waiting(), []);
		}
	},
);

test.serial('links carry the prefix under which the client addresses the BMC', async t => {
	const cp = await follow(`${site.url}/bmc/node2${stream}`, { ca: site.ca, headers: basicOf('cp-operator') });
	t.teardown(() => cp.close());
	site.bmcs.node2.press('Nmi');
	const { json } = await cp.next();
	t.true(json.Events[0].OriginOfCondition['@odata.id'].startsWith('/bmc/node2/redfish/v1/'));
});

test.serial('who may not follow is told why, before a stream is opened at the BMC', async t => {
	site.proxy.usePolicies(changed(site.policies, { 'Follow events': 'HSO and CP' }));
	const before = upstreams();
	const refused = await followAs(t, 'hso-operator');
	t.is(refused.status, 403);
	await refused.ended;
	t.regex(refused.text(), /needs CP as well, and what goes on .* cannot wait/);
	t.is((await followAs(t, {})).status, 401);
	t.is((await followAs(t, 'cp-operator', `${stream}?$top=1`)).status, 400);
	t.is(upstreams(), before);
});

test.serial(
	'a stream ends with its session, with its operator and with the policies that allowed it',
	async t => {
		const login = await site.at(null)('POST', '/redfish/v1/SessionService/Sessions', {
			body: { UserName: 'cp-operator', Password: 'pw-cp-operator' },
		});
		const token = { 'x-auth-token': String(login.headers['x-auth-token']) };
		const bySession = await followAs(t, token);
		const byPassword = await followAs(t, 'cp-two');
		const hso = await followAs(t, 'hso-operator');
		const ended = await site.at({ token: token['x-auth-token'] })('DELETE', String(login.headers.location));
		t.is(ended.status, 204);
		await bySession.ended;
		site.proxy.useRoster(
			createRoster(
				entries.filter(({ name }) => name !== 'cp-two'),
				parties,
			),
		);
		await byPassword.ended;
		site.proxy.usePolicies(changed(site.policies, { 'Follow events': 'CP and hso' }));
		await hso.ended;
		await until(() => site.bmcs.node1.listeners() === 0);
		t.deepEqual(
			site.records.flatMap(record =>
				record.kind === 'events' && record.action === 'end' ? [record.detail] : [],
			),
			['logged out', 'denied', 'denied'],
		);
	},
);

test.serial('a log that an operator may not read does not come to it as events either', async t => {
	site.proxy.usePolicies(changed(site.policies, { 'Get EventLog entries': 'CP' }));
	const hso = await followAs(t, 'hso-operator');
	const cp = await followAs(t, 'cp-operator');
	site.bmcs.node1.press('Nmi');
	await cp.next();
	site.proxy.usePolicies(site.policies);
	site.bmcs.node1.press('Nmi');
	await cp.next();
	t.is((await hso.next()).id, '1');
	t.is(hso.text().split('data:').length, 2);
});

test.serial(
	'a BMC that cannot be followed is an error before the stream, and a gap that is told after it',
	async t => {
		site.clock.advance(10_000); // the host has booted: nothing happens by itself
		site.bmcs.node1.fault({ down: true });
		const failed = await followAs(t, 'cp-operator');
		t.true([502, 504].includes(failed.status));
		site.bmcs.node1.fault({});
		const cp = await followAs(t, 'cp-operator');
		t.is(cp.status, 200);
		site.bmcs.node1.press('Nmi');
		t.is((await cp.next()).id, '1');

		site.bmcs.node1.fault({ down: true });
		await until(() => site.log.some(line => line.includes('broke off')));
		site.clock.advance(60_000);
		site.bmcs.node1.fault({});
		await until(() => {
			site.clock.advance(100);
			return cp.waiting().length > 0;
		});
		const gap = await cp.next();
		t.is(gap.json.Events[0].MessageId, 'Bimetal.1.0.EventsMissed');
		t.is(gap.json.Events[0].MessageArgs[0], 'node1');
		site.bmcs.node1.press('Nmi');
		t.regex((await cp.next()).json.Events[0].MessageId, /NMIRaised/);
	},
);

test.serial('$filter picks from what is shown, never from what is hidden', async t => {
	const filter = (text: string) => `${stream}?$filter=${encodeURIComponent(text)}`;
	const critical = await followAs(t, 'hso-operator', filter("MessageId eq 'OpenBMC.0.5.NMIRaised'"));
	const other = await followAs(
		t,
		'cp-operator',
		filter('(RegistryPrefix eq Base) or (EventFormatType eq MetricReport)'),
	);
	const all = await followAs(t, 'cp-two', filter('RegistryPrefix ne Base'));
	const strange = await followAs(t, 'cp-operator', filter("Severity eq 'OK'"));
	t.is(strange.status, 400);
	site.bmcs.node1.press('ForceOff');
	site.bmcs.node1.press('On');
	site.bmcs.node1.press('Nmi');
	t.is((await critical.next()).json.Events[0].MessageSeverity, 'Critical');
	for (let i = 0; i < 3; i++) await all.next();
	t.deepEqual(other.waiting(), []);
});

test.serial('streams are kept alive, and there are only so many of them', async t => {
	const first = await followAs(t, 'cp-operator');
	await followAs(t, 'cp-operator');
	await followAs(t, 'cp-operator');
	t.is((await followAs(t, 'cp-operator')).status, 429);
	t.is((await followAs(t, 'cp-two')).status, 200);
	site.clock.advance(31_000);
	await until(() => first.text().includes(': keep-alive\n\n'));
	first.close();
	await until(
		() =>
			site.bmcs.node1.listeners() === 1 && site.records.some(r => r.kind === 'events' && r.action === 'end'),
	);
	t.is((await followAs(t, 'cp-operator')).status, 200);
});

test.serial('who does not read is cut off; the others go on', async t => {
	const slow = await followAs(t, 'cp-operator');
	const other = await followAs(t, 'cp-two');
	slow.stall();
	const isCut = () => site.records.some(record => record.kind === 'events' && record.detail === 'slow');
	const long = { MessageId: 'OpenBMC.0.5.Long', Message: 'x'.repeat(100_000), Severity: 'Critical' };
	for (let i = 0; i < 1000 && !isCut(); i++) {
		await atBmc('POST', '/redfish/v1/EventService/Actions/EventService.SubmitTestEvent', long);
		await other.next();
	}
	t.true(isCut());
	const metrics = await (await fetch(`${site.ops}/metrics`)).text();
	t.regex(metrics, /bimetal_event_streams_ended_total\{reason="slow"[^}]*\} 1/);
});

test.serial(
	'what a client missed while it was away is said to be missed; nothing is left when the proxy stops',
	async t => {
		const own = await startTestProxy();
		const headers = { ...basicOf('cp-operator'), 'last-event-id': '7' };
		const cp = await follow(`${own.bmcUrls.node1}${stream}`, { ca: own.ca, headers });
		t.is((await cp.next()).json.Events[0].MessageId, 'Bimetal.1.0.EventsMissed');
		const closing = own.close();
		await cp.ended;
		await closing;
		t.true(cp.text().startsWith(': following\n\n'));
	},
);
