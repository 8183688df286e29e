// What an approver is shown: the request, and what it meets at that moment, through the whole proxy.
import test from 'ava';
import * as schemas from '../../proxy/api/schemas.ts';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const review = async (who: string, id: string) => {
	const { status, json } = await site.ask(who, 'GET', `/p2c/v1/requests/${id}/review`);
	if (status !== 200) throw new Error(`${status}: ${json.code}`);
	return schemas.reviewView.parse(json);
};
const wait = async (method: string, path: string, options: object): Promise<string> => {
	const answer = await site.at('hso-operator')(method, path, options);
	if (answer.status !== 202) throw new Error(`it does not wait: ${answer.whole}`);
	return answer.json.Id;
};

test.serial('a PATCH is shown property by property, against the resource as it is now', async t => {
	const path = '/redfish/v1/Managers/bmc';
	const id = await wait('PATCH', path, { body: { DateTime: '2026-02-03T04:05:06+00:00' } });
	const shown = await review('cp-operator', id);
	const now = await site.at('cp-operator')('GET', path);
	t.is(now.status, 200);
	t.is(shown.resource?.path, path);
	t.like(shown.resource?.body, { Id: now.json.Id });
	t.is(shown.changes?.length, 1);
	t.like(shown.changes?.[0], { property: 'DateTime', after: '2026-02-03T04:05:06+00:00' });
	t.is(typeof shown.changes?.[0]?.before, 'string');
	t.is(shown.upload, null);
	t.is(shown.ifApproved?.outcome, 'execute');
	t.is((await review('hso-operator', id)).ifApproved, null, 'who asked has nothing to approve');
});

test.serial('policies are looked at anew, and what an approval would lead to', async t => {
	const reset = '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset';
	site.world.up = 5;
	const id = await wait('POST', reset, { body: { ResetType: 'ForceRestart' } });
	const held = async (party: string) =>
		(await review('cp-operator', id)).policies.find(policy => policy.party === party)?.holds;
	t.deepEqual([await held('CP'), await held('HSO')], [false, true]);
	t.is((await review('cp-operator', id)).ifApproved?.outcome, 'execute');
	site.world.watts = 1200;
	t.is(await held('HSO'), false);
	t.is((await review('cp-operator', id)).ifApproved?.outcome, 'deny');
	Object.assign(site.world, { up: 8, watts: 880 });
	const { request } = await review('cp-operator', id);
	t.is(request.state, 'waiting', 'looking changes nothing');
	t.is(request.policies.find(({ party }) => party === 'CP')?.holds, false, 'as when it was made');
});

const clearLog = '/redfish/v1/Systems/system/LogServices/EventLog/Actions/LogService.ClearLog';

test.serial('an image is shown by its hash, and its target is the update service', async t => {
	const id = await wait('POST', '/redfish/v1/UpdateService/update', {
		body: Buffer.from('not really an image'),
		headers: { 'content-type': 'application/octet-stream' },
	});
	const shown = await review('cp-operator', id);
	t.like(shown.upload, { contentType: 'application/octet-stream', size: 19, parameters: null });
	t.deepEqual(shown.request.body, {
		contentType: 'application/octet-stream',
		size: 19,
		sha256: shown.upload?.sha256,
		fileName: null,
		parameters: null,
	});
	t.is(shown.resource?.path, '/redfish/v1/UpdateService');
});

test.serial('what its party may not see at once is not shown, nor what cannot be reached', async t => {
	const console = '/redfish/v1/Systems/system/LogServices/HostLogger/Entries';
	const id = await wait('GET', console, {});
	const shown = await review('hso-two', id);
	t.deepEqual([shown.resource?.path, shown.resource?.body], [console, null]);
	t.regex(shown.resource?.reason ?? '', /HSO may not see it/);
	site.bmcs.node1.fault({ down: true });
	const dark = await review('cp-operator', id);
	site.bmcs.node1.fault({});
	t.is(dark.resource?.body, null);
	t.true((dark.resource?.reason ?? '').length > 0);
});

test.serial('of what has ended only the request is shown; of what is not one’s concern nothing', async t => {
	const id = await wait('POST', clearLog, { body: {} });
	const { digest } = (await review('cp-operator', id)).request;
	await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });
	const shown = await review('cp-operator', id);
	t.like(shown, { resource: null, changes: null, ifApproved: null });
	t.is(shown.request.state, 'executed');
	t.is((await site.ask('cp-operator', 'GET', '/p2c/v1/requests/r000000000000/review')).status, 404);
	t.is((await site.ask(null, 'GET', `/p2c/v1/requests/${id}/review`)).status, 401);
});
