// Query options are the proxy's: a BMC that has none of them, and pages whatever it can, is shown as any other.
import test from 'ava';
import type { Reply } from './ask.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const entries = `${system}/LogServices/EventLog/Entries`;

let full: TestProxy;
let bare: TestProxy;
test.before(async () => {
	full = await startTestProxy();
	bare = await startTestProxy({ bmc: { query: 'none', pageSize: 2 } });
});
test.after.always(async () => {
	await full?.close();
	await bare?.close();
});

const targets = [
	'/redfish/v1/Chassis?only',
	'/redfish/v1/Chassis?only&$select=Id,Status/Health',
	'/redfish/v1/Systems?$expand=.',
	'/redfish/v1/Systems?$expand=*($levels=2)&$select=Members/Id,Members/LogServices',
	`${system}/LogServices?$expand=.($levels=2)`,
	`${system}/LogServices?$top=1&$skip=1`,
	`${entries}?$filter=Severity%20eq%20'Critical'`,
	`${entries}?$filter=not%20(Id%20eq%20'1')%20and%20Created%20gt%20'2000-01-01T00:00:00Z'&$select=Members/Id`,
	`${entries}?$skip=1&$top=2`,
	"/redfish/v1/Chassis/chassis/Sensors?$filter=ReadingUnits%20eq%20'Cel'&$expand=.&$top=2",
	'/redfish/v1/JsonSchemas?$top=3',
	'/redfish/v1/JsonSchemas?$skip=3',
	entries,
];

/** What an answer shows, without what is of the moment. */
const shownOf = (reply: Reply): string =>
	JSON.stringify(reply.json)
		.replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"a time"')
		.replaceAll(/"Reading":[\d.]+/g, '"Reading":0');

for (const target of targets) {
	test(`the same from a BMC that has query parameters and one that has none: ${target}`, async t => {
		for (const who of ['hso-operator', 'cp-operator']) {
			const [one, other] = [await full.at(who)('GET', target), await bare.at(who)('GET', target)];
			t.is(one.status, other.status, who);
			if (target === entries && who === 'hso-operator') t.is(one.status, 200);
			t.is(shownOf(one), shownOf(other), who);
			const head = await bare.at(who)('HEAD', target);
			t.is(head.status, other.status);
			t.is(head.headers['content-length'], String(Buffer.byteLength(other.text)));
		}
	});
}

for (const options of [{}, { coalesce: true }]) {
	test(`who follows the links to the next page sees every member once, filtered or not ${JSON.stringify(options)}`, async t => {
		const site = await startTestProxy({ bmc: { pageSize: 2 }, ...options });
		t.teardown(() => site.close());
		const walk = async (who: string, target: string, prefix: string) => {
			const members: string[] = [];
			let pages = 0;
			for (let next: string | undefined = target; next !== undefined; pages++) {
				t.true(pages < 50, `${next} leads on for ever`);
				const asked: Promise<Reply> =
					prefix === '' ? site.at(who)('GET', next) : site.ask(who, 'GET', prefix + next);
				const { status, json } = await asked;
				if (status !== 200) return undefined;
				members.push(
					...json.Members.map((member: { '@odata.id': string }) => member['@odata.id'].slice(prefix.length)),
				);
				t.is(json['Members@odata.count'] >= json.Members.length, true);
				next = json['Members@odata.nextLink']?.slice(prefix.length);
			}
			return members;
		};
		for (const collection of [
			'/redfish/v1/Chassis/chassis/Sensors',
			'/redfish/v1/JsonSchemas',
			'/redfish/v1/AccountService/Roles',
			`${system}/Memory`,
			`${system}/LogServices`,
			entries,
		]) {
			for (const who of ['hso-operator', 'cp-operator']) {
				const { json } = await full.at(who)('GET', collection);
				const all = json.Members?.map((member: { '@odata.id': string }) => member['@odata.id']);
				t.deepEqual(await walk(who, collection, ''), all, collection);
				t.deepEqual(await walk(who, collection, '/bmc/node1'), all, `${collection} under a prefix`);
				t.deepEqual(await walk(who, `${collection}?$top=3`, ''), all, `${collection} by three`);
				if (all) t.is(new Set(all).size, all.length);
			}
		}
		t.true(site.spies.node1.received().includes('?page=1'), 'the BMC hands them out in pages');
	});
}

test('the emulated BMC without query parameters is one', async t => {
	const authorization = `Basic ${Buffer.from('root:the-BMCs-own-password').toString('base64')}`;
	const ask = (target: string) => fetch(bare.bmcs.node1.url + target, { headers: { authorization } });
	t.is((await ask(`${entries}?$top=1`)).status, 501);
	const root = (await (await ask('/redfish/v1')).json()) as { ProtocolFeaturesSupported: object };
	t.like(root.ProtocolFeaturesSupported, { FilterQuery: false, OnlyMemberQuery: false, SelectQuery: false });
	t.false('ExpandQuery' in root.ProtocolFeaturesSupported);
	const first = (await (await ask(entries)).json()) as {
		Members: unknown[];
		'Members@odata.nextLink': string;
	};
	t.is(first.Members.length, 2);
	const second = (await (await ask(first['Members@odata.nextLink'])).json()) as { Members: unknown[] };
	t.notDeepEqual(second.Members, first.Members);
	const shown = await bare.at('hso-operator')('GET', '/redfish/v1');
	t.like(shown.json.ProtocolFeaturesSupported, {
		FilterQuery: true,
		OnlyMemberQuery: true,
		SelectQuery: true,
	});
	t.false(/GET \S*\?(?!page=)/.test(bare.spies.node1.received()), 'no query option reaches it');
});
