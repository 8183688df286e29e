// Conditions on what is partly hidden: nobody's update is lost, and nobody learns from a 412 that something hidden changed.
import test from 'ava';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const chassis = '/redfish/v1/Chassis/chassis';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const patch = (who: string, bmc: string, light: boolean, tag: string) =>
	site.at(who, bmc)('PATCH', chassis, {
		body: { LocationIndicatorActive: light },
		headers: { 'if-match': tag },
	});
const tagOf = async (who: string, bmc: string) =>
	String((await site.at(who, bmc)('GET', chassis)).headers.etag);

test('of many who change what they have all read, exactly one succeeds; the others are told', async t => {
	for (const who of ['cp-operator', 'hso-operator']) {
		const light = (await site.at(who)('GET', chassis)).json.LocationIndicatorActive;
		const tag = await tagOf(who, 'node1');
		const before = site.bmcs.node1.executed.filter(
			({ method, status }) => method === 'PATCH' && status < 300,
		).length;
		const replies = await Promise.all(Array.from({ length: 8 }, () => patch(who, 'node1', !light, tag)));
		const done = replies.filter(({ status }) => status < 300);
		t.is(done.length, 1, `${who}: ${replies.map(({ status }) => status)}`);
		t.is(replies.filter(({ status }) => status === 412).length, 7);
		const after = site.bmcs.node1.executed.filter(
			({ method, status }) => method === 'PATCH' && status < 300,
		).length;
		t.is(after - before, 1);
	}
});

test('to whom nothing is hidden, the BMC compares its own tags, in lists as well', async t => {
	const tag = await tagOf('hso-operator', 'node2');
	t.true((await patch('hso-operator', 'node2', true, `"other", ${tag}`)).status < 300);
	t.is((await patch('hso-operator', 'node2', false, tag)).status, 412);
});

test('a refused change tells who may not see everything no more than its own words', async t => {
	const wrong = { body: { LocationIndicatorActive: 'not a boolean' } };
	const whole = await site.at('hso-operator', 'node3')('PATCH', chassis, wrong);
	const partly = await site.at('cp-operator', 'node3')('PATCH', chassis, wrong);
	t.is(whole.status, 400);
	t.is(partly.status, 400);
	const find = (json: unknown): unknown[] =>
		[...JSON.stringify(json).matchAll(/"MessageId":"([^"]*)"/g)].map(([, id]) => id);
	t.deepEqual(find(partly.json), find(whole.json));
	t.regex(partly.text, /PropertyValueTypeError \(the request names LocationIndicatorActive\)/);
	t.regex(whole.text, /is not a type that the property can accept/);
});

test('If-Match and If-None-Match on reads', async t => {
	const tag = await tagOf('cp-operator', 'node3');
	const get = (headers: Record<string, string>) =>
		site.at('cp-operator', 'node3')('GET', chassis, { headers });
	t.is((await get({ 'if-match': tag })).status, 200);
	t.is((await get({ 'if-match': '"other"' })).status, 412);
	t.is((await get({ 'if-match': '*' })).status, 200);
	t.is((await get({ 'if-none-match': `W/${tag}` })).status, 304, 'compared weakly');
	t.is((await get({ 'if-none-match': '*' })).status, 304);
	const selected = await site.at('cp-operator', 'node3')('GET', `${chassis}?$select=Name`);
	t.is(selected.headers.etag, tag, 'good for If-Match of a change of the whole');
});
