// The shipped policies, asked through the whole proxy: who may do what at once, and what is said to whom.
import test from 'ava';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const chassis = '/redfish/v1/Chassis/chassis';
const entries = `${system}/LogServices/EventLog/Entries`;

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());
test.beforeEach(() => {
	Object.assign(site.world, { up: 8, watts: 880, unavailable: false, whileReading: async () => {} });
});

/** What BMCs executed beside the proxy's own log-in and log-out. */
const executed = (name: 'node1' | 'node2' | 'node3' = 'node1') =>
	site.bmcs[name].executed.filter(({ path }) => !path.startsWith('/redfish/v1/SessionService'));
const decisions = () => site.records.flatMap(record => (record.kind === 'decision' ? [record] : []));

test.serial('reset: each party alone while the other one’s policy holds', async t => {
	for (const [who, clause] of [
		['hso-operator', 'HSO and cp'],
		['cp-operator', 'CP and hso'],
	] as const) {
		const { status } = await site.at(who)('POST', reset, { body: { ResetType: 'ForceRestart' } });
		t.is(status, 204);
		t.like(executed().at(-1), { method: 'POST', path: reset, body: { ResetType: 'ForceRestart' } });
		t.like(decisions().at(-1), { verdict: 'execute', clause, operator: who, bmc: 'node1', path: reset });
		t.is(site.changed.at(-1), 'node1', 'what External sources read before is stale now');
	}
});

test.serial(
	'reset: waits for the other party where the requester’s own would do, else it is denied',
	async t => {
		const before = executed().length;
		site.world.up = 5;
		const waits = await site.at('hso-operator')('POST', reset, { body: { ResetType: 'ForceOff' } });
		t.is(waits.status, 202);
		t.is((await site.at('cp-operator')('POST', reset, { body: { ResetType: 'On' } })).status, 204);
		site.world.watts = 1000;
		for (const who of ['hso-operator', 'cp-operator']) {
			const denied = await site.at(who)('POST', reset, { body: { ResetType: 'ForceOff' } });
			t.is(denied.status, 403);
			t.is(denied.json.error.code, 'Bimetal.1.0.PolicyDenied');
			t.regex(denied.json.error.message, /COUNT\(External\.Servers\.State=="Up"\) is 5/);
			t.regex(denied.json.error.message, /SUM\(External\.PDU\.Outlets\.Power\) is 1000/);
		}
		site.world.unavailable = true;
		t.is((await site.at('cp-operator')('POST', reset, { body: { ResetType: 'On' } })).status, 403);
		t.is(executed().length, before + 1);
	},
);

test.serial('chassis: the site sees all of it, the provider without the certificates', async t => {
	const own = await site.at('hso-operator')('GET', chassis);
	const other = await site.at('cp-operator')('GET', chassis);
	t.is(own.status, 200);
	t.is(other.status, 200);
	t.truthy(own.json.Certificates);
	t.is(other.json.Certificates, null);
	t.deepEqual({ ...other.json, Certificates: own.json.Certificates }, own.json);
});

test.serial(
	'event log: the site sees critical entries only, the provider nothing of the site’s equipment',
	async t => {
		const forSite = (await site.at('hso-operator')('GET', entries)).json;
		const forProvider = (await site.at('cp-operator')('GET', entries)).json;
		t.true(forProvider.Members.length > forSite.Members.length);
		t.true(forSite.Members.length > 0);
		for (const entry of forSite.Members) t.is(entry.Severity, 'Critical');
		for (const entry of forProvider.Members) t.is(entry.Oem ?? null, null);
		t.is(forSite['Members@odata.count'], forSite.Members.length);
		t.is(forProvider['Members@odata.count'], forProvider.Members.length);

		const hidden = forProvider.Members.find((entry: { Severity: string }) => entry.Severity !== 'Critical');
		const gone = await site.at('hso-operator')('GET', hidden['@odata.id']);
		const never = await site.at('hso-operator')('GET', `${entries}/999999`);
		t.is(gone.status, 404);
		t.is(never.status, 404);
		t.is(gone.text, never.text, 'what is hidden is answered for as what is not there');
		t.deepEqual({ ...gone.headers, date: '' }, { ...never.headers, date: '' });
		const shown = await site.at('hso-operator')('GET', forSite.Members[0]['@odata.id']);
		t.is(shown.status, 200);
	},
);

test.serial('boot device: the provider at any time, the site while nobody uses the server', async t => {
	const body = { Boot: { BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' } };
	t.true((await site.at('cp-operator', 'node2')('PATCH', system, { body })).status < 300);
	t.is((await site.at('hso-operator', 'node2')('PATCH', system, { body })).status, 202);
	site.bmcs.node2.press('ForceOff');
	t.true((await site.at('hso-operator', 'node2')('PATCH', system, { body })).status < 300);
});

test.serial(
	'host console: the provider alone; both parties for attachments; nobody for closed rows',
	async t => {
		const console = `${system}/LogServices/HostLogger/Entries`;
		t.is((await site.at('cp-operator')('GET', console)).status, 200);
		t.is((await site.at('hso-operator')('GET', console)).status, 202);
		t.is((await site.at('cp-operator')('GET', `${entries}/1/attachment`)).status, 202);
		const closed = await site.at('cp-operator')('POST', '/redfish/v1/AggregationService/AggregationSources', {
			body: { HostName: 'x' },
		});
		t.is(closed.status, 403);
		t.regex(closed.json.error.message, /closed/);
	},
);

test.serial('a dump: collected by the provider, who alone gets its contents', async t => {
	const dumps = '/redfish/v1/Managers/bmc/LogServices/Dump';
	const collect = `${dumps}/Actions/LogService.CollectDiagnosticData`;
	const begun = await site.at('cp-operator')('POST', collect, { body: { DiagnosticDataType: 'Manager' } });
	t.is(begun.status, 202);
	site.clock.advance(10_000);
	const { json } = await site.at('cp-operator')('GET', `${dumps}/Entries`);
	const attachment = `${json.Members[0]['@odata.id']}/attachment`;
	const contents = await site.at('cp-operator')('GET', attachment);
	t.is(contents.status, 200);
	t.is(contents.headers['content-type'], 'application/octet-stream');
	t.is((await site.at('hso-operator')('GET', attachment)).status, 202);
});

test.serial('what no row covers is denied with the row that is missing, and no BMC hears of it', async t => {
	const before = executed().length;
	for (const [method, path, body, row] of [
		[
			'GET',
			`${system}/Unheard`,
			undefined,
			'\n  match: GET /redfish/v1/Systems/{system}/Unheard\n  p2c: HSO and CP',
		],
		['DELETE', system, undefined, '\n  match: DELETE /redfish/v1/Systems/{system}\n'],
		['POST', system, {}, '\n  match: POST /redfish/v1/Systems/{system}\n'],
		['PATCH', system, { Boot: { Unheard: 1 } }, '\n  properties: [Boot.Unheard]\n'],
		['PATCH', system, { Oem: { Vendor: { Fast: true } } }, '\n  properties: [Oem.Vendor.Fast]\n'],
		['PATCH', system, { AssetTag: 'a', 'Boot.BootSourceOverrideTarget': 'Pxe' }, 'covers Boot.BootSource'],
		['PATCH', system, {}, 'sets no property'],
		['PATCH', '/redfish/v1/EventService', { Subscriptions: { Members: [] } }, 'resource of its own'],
		[
			'POST',
			`${system}/Actions/Oem/Vendor.Do`,
			{},
			'match: POST /redfish/v1/Systems/{system}/Actions/Oem/Vendor.Do',
		],
		['HEAD', '/redfish/v1/Unheard', undefined, undefined],
	] as const) {
		const { status, json, headers } = await site.at('hso-operator')(method, path, { body });
		// A resource that has rows for other methods is there: it does not offer this one.
		const isThere = path === system && method !== 'PATCH';
		t.is(status, isThere ? 405 : 403, `${method} ${path}`);
		t.is(headers.allow, isThere ? 'GET, HEAD, PATCH' : undefined);
		if (row === undefined) continue;
		t.true(json.error.message.includes(row), json.error.message);
		const id = isThere ? 'Base.1.19.OperationNotAllowed' : 'Bimetal.1.0.UnknownOperation';
		t.is(json.error['@Message.ExtendedInfo'][0].MessageId, id);
		t.like(decisions().at(-1), { verdict: 'deny', method, path, operations: [] });
	}
	t.is(executed().length, before);
});

test.serial('a PATCH over two rows needs both of them', async t => {
	const body = { AssetTag: 'rack-7', Boot: { BootSourceOverrideTarget: 'Hdd' } };
	t.true((await site.at('cp-operator')('PATCH', system, { body })).status < 300);
	t.deepEqual(decisions().at(-1)?.operations, ['Set the boot device of $system', 'Label the hardware']);
	const waits = await site.at('hso-operator')('PATCH', system, { body });
	t.is(waits.status, 202);
	t.like(decisions().at(-1), {
		verdict: 'wait',
		operations: ['Set the boot device of $system', 'Label the hardware'],
	});
	const mixed = { ...body, Unheard: 1 };
	t.is((await site.at('cp-operator')('PATCH', system, { body: mixed })).status, 403);
});

test.serial(
	'changed policies count from the next request on, and end what waits under the old ones',
	async t => {
		const console = `${system}/LogServices/HostLogger/Entries`;
		const waits = await site.at('hso-operator', 'node3')('GET', console);
		t.is(waits.status, 202);
		const { Id: id, Oem: oem } = waits.json;
		const { policies } = site;
		const operations = policies.operations.map(operation =>
			operation.name === 'Get host console text'
				? { ...operation, authorization: { source: 'closed', closed: true, clauses: [] } }
				: operation,
		);
		await site.proxy.usePolicies({ ...policies, version: 'another', operations });
		t.teardown(() => site.proxy.usePolicies(policies));
		t.is((await site.at('cp-operator', 'node3')('GET', console)).status, 403);
		const approved = await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
			body: { digest: oem.Bimetal.Digest },
		});
		t.is(approved.json.state, 'denied');
		t.is((await site.at('hso-operator', 'node3')('GET', waits.headers.location as string)).status, 403);
		t.is(executed('node3').length, 0);
	},
);

test.serial('two resets in one rack never both count on the same watts', async t => {
	const body = { ResetType: 'ForceRestart' };
	let release = () => {};
	const gate = new Promise<void>(resolve => {
		release = resolve;
	});
	const before = site.changed.length;
	let reading = 0;
	let most = 0;
	site.world.up = 5;
	site.world.whileReading = async () => {
		most = Math.max(most, ++reading);
		await gate;
		// Each reset that is executed draws some more.
		site.world.watts = 960 + 60 * site.changed.slice(before).filter(bmc => bmc !== 'node3').length;
		reading--;
	};
	const resets = [
		site.at('cp-operator', 'node1')('POST', reset, { body }),
		site.at('cp-two', 'node2')('POST', reset, { body }),
		site.at('cp-operator', 'node2')('POST', reset, { body }),
	];
	const label = site.at('hso-operator', 'node3')('PATCH', system, { body: { AssetTag: 'meanwhile' } });
	t.true((await label).status < 300, 'what reads no shared fact goes on');
	release();
	const statuses = (await Promise.all(resets)).map(({ status }) => status);
	t.is(most, 1, 'one decision at a time');
	t.deepEqual(statuses.sort(), [204, 403, 403]);
});

test.serial('the record names each decision with what was asked, but for secrets', async t => {
	const kinds = new Set(decisions().map(({ verdict }) => verdict));
	t.deepEqual([...kinds].sort(), ['deny', 'execute', 'wait']);
	await site.at('hso-operator')('POST', '/redfish/v1/AccountService/Accounts', {
		body: { UserName: 'backdoor', Password: 'hunter2-in-a-body', RoleId: 'Administrator' },
	});
	const waited = decisions().at(-1);
	t.like(waited, { verdict: 'wait', operations: ['Change accounts'] });
	t.regex(waited?.digest ?? '', /^[0-9a-f]{64}$/);
	t.is(
		waited?.request?.body,
		'{"UserName":"backdoor","Password":"[redacted]","RoleId":"Administrator"}',
		'the other party can see later what was asked for',
	);
	const log = site.log.join('\n');
	for (const secret of ['hunter2', 'the-BMCs-own-password', 'pw-hso-operator']) {
		t.false((JSON.stringify(site.records) + log).includes(secret), secret);
	}
	for (const body of ['backdoor', 'rack-7']) t.false(log.includes(body), body);

	await site.at('hso-operator', 'node3')('PATCH', system, { body: { AssetTag: 'shelf-9' } });
	const [executed, answered] = site.records.slice(-2);
	t.like(executed, {
		kind: 'decision',
		verdict: 'execute',
		request: { body: '{"AssetTag":"shelf-9"}', size: 22 },
	});
	t.regex((executed?.kind === 'decision' && executed.digest) || '', /^[0-9a-f]{64}$/);
	t.like(answered, { kind: 'answer', requestId: null, status: 204 });
	t.is(typeof (answered?.kind === 'answer' && answered.decision), 'number');
	await site.at('hso-operator', 'node3')('GET', system);
	t.like(decisions().at(-1), { method: 'GET', digest: null, request: undefined });
});
