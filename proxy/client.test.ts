import anyTest, { type TestFn } from 'ava';
import { FakeClock } from '../common/clock.ts';
import {
	digest,
	type FakeProxy,
	passwords,
	problem,
	redfishError,
	requestView,
	startFakeProxy,
} from './client/test-proxy.ts';
import { createProxyClient, type ProxyClient, redfishMessages } from './client.ts';

const test = anyTest as TestFn<{ proxy: FakeProxy; client: ProxyClient }>;

const hso = { username: 'hso-operator', password: passwords['hso-operator'] ?? '' };

test.beforeEach(async t => {
	const proxy = await startFakeProxy();
	t.context = { proxy, client: createProxyClient({ url: proxy.url, ca: proxy.ca, credential: hso }) };
});
test.afterEach.always(async t => {
	await t.context.client.close();
	await t.context.proxy.close();
});

test('asks the management API and parses its answers', async t => {
	const { proxy, client } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	t.is((await client.service()).site, 'test');
	t.deepEqual(await client.me(), { name: 'hso-operator', party: 'HSO' });
	t.deepEqual(
		(await client.bmcs()).map(bmc => bmc.name),
		['node1', 'node2'],
	);
	t.is((await client.policies()).operations[0]?.p2c, '(HSO and cp) or (CP and hso)');
	t.deepEqual(await client.request('01K3Q8'), requestView());
	t.is(
		(await client.requests({ state: 'waiting', bmc: 'node 1', limit: 5, after: undefined })).requests.length,
		1,
	);
	t.is(proxy.calls.at(-1)?.url, '/p2c/v1/requests?state=waiting&bmc=node+1&limit=5');
	t.is((await client.approve('01K3Q8', { digest, comment: undefined })).state, 'executed');
	t.deepEqual(proxy.calls.at(-1)?.body, { digest });
	t.is((await client.deny('01K3Q8', { reason: 'no' })).ended?.reason, 'no');
	t.is((await client.withdraw('01K3Q8')).state, 'withdrawn');
	t.deepEqual(proxy.calls.at(-1)?.body, {});
});

test('an id cannot lead to another resource', async t => {
	const { proxy, client } = t.context;
	await t.throwsAsync(client.request('../bmcs?x=1'), { message: /there is no request|answered/ });
	t.is(proxy.calls.at(-1)?.url, '/p2c/v1/requests/..%2Fbmcs%3Fx%3D1');
	await client.redfish({ bmc: 'a/../b', method: 'GET', path: '/redfish/v1' });
	t.is(proxy.calls.at(-1)?.url, '/bmc/a%2F..%2Fb/redfish/v1');
	t.throws(() => client.redfish({ bmc: 'node1', method: 'GET', path: '/p2c/v1' }), { code: 'BadPath' });
});

test('a session is opened with the password, used by its token and ended', async t => {
	const { proxy, client } = t.context;
	const { token, session } = await client.login();
	const second = createProxyClient({ url: proxy.url, ca: proxy.ca, credential: { token } });
	t.is((await second.me()).name, 'hso-operator');
	t.is(proxy.calls.at(-1)?.headers['x-auth-token'], token);
	t.is(proxy.calls.at(-1)?.headers.authorization, undefined);
	await second.logout(session);
	await second.logout(session);
	await t.throwsAsync(second.me(), { code: 'Unauthenticated' });
	await t.throwsAsync(second.login(), { code: 'BadCredential' });
	await second.close();
	const wrong = createProxyClient({
		url: proxy.url,
		ca: proxy.ca,
		credential: { ...hso, password: 'guess' },
	});
	const refused = await t.throwsAsync(wrong.login(), { code: 'CredentialRefused' });
	t.false(refused?.message.includes('guess'));
	await wrong.close();
});

test('refusals carry the problem’s code and status, or the Redfish message', async t => {
	const { proxy, client } = t.context;
	proxy.handle = () => problem(409, 'AlreadyEnded', 'the request has ended');
	t.like(await t.throwsAsync(client.request('x')), {
		code: 'AlreadyEnded',
		status: 409,
		message: 'the request has ended',
	});
	proxy.handle = () => redfishError(403, 'Not you.');
	t.like(await t.throwsAsync(client.me()), { status: 403, message: 'Not you.' });
	const answer = await client.redfish({ bmc: 'node1', method: 'GET', path: '/redfish/v1' });
	t.is(answer.status, 403);
	t.is(redfishMessages(answer.body)[0]?.message, 'Not you.');
});

test('an answer that does not fit its schema is a fault, not a guess', async t => {
	const { proxy, client } = t.context;
	for (const body of [null, {}, { name: 'x', party: 'HSO', extra: 1 }, 'text', [1]]) {
		proxy.handle = () => ({ status: 200, body });
		await t.throwsAsync(client.me(), { code: 'BadAnswer' });
	}
	proxy.handle = () => ({ status: 200, body: requestView({ state: 'surprise' as 'waiting' }) });
	await t.throwsAsync(client.request('x'), { code: 'BadAnswer', message: /state/ });
});

test('only https, without credentials in the URL; the message does not repeat them', t => {
	for (const url of [
		'http://127.0.0.1:1',
		'https://u:secret@127.0.0.1',
		'https://127.0.0.1/path',
		'nonsense',
		'',
	]) {
		const error = t.throws(() => createProxyClient({ url }), { code: 'BadProxyUrl' });
		t.false(error?.message.includes('secret'));
	}
});

test('a proxy that is not trusted gets no credential', async t => {
	const { proxy } = t.context;
	const stranger = createProxyClient({ url: proxy.url, credential: hso });
	await t.throwsAsync(stranger.me(), { code: 'ProxyNotTrusted' });
	t.is(proxy.calls.length, 0);
	await stranger.close();
	const misnamed = createProxyClient({
		url: proxy.url.replace('127.0.0.1', 'localhost'),
		ca: proxy.ca,
		credential: hso,
	});
	await t.throwsAsync(misnamed.me(), { code: 'ProxyNotTrusted' });
	t.is(proxy.calls.length, 0);
	await misnamed.close();
});

test('nobody there, no answer in time, and an interruption are told apart', async t => {
	const { proxy } = t.context;
	const clock = new FakeClock();
	proxy.handle = () => {
		setImmediate(() => clock.advance(120_000));
		return { status: 200, headers: { 'content-length': '100' } };
	};
	const slow = createProxyClient({ url: proxy.url, ca: proxy.ca, credential: hso, clock });
	await t.throwsAsync(slow.me(), { code: 'NoAnswer' });
	await slow.close();

	const enough = new AbortController();
	proxy.handle = () => {
		enough.abort();
		return { status: 200, headers: { 'content-length': '100' } };
	};
	const impatient = createProxyClient({
		url: proxy.url,
		ca: proxy.ca,
		credential: hso,
		signal: enough.signal,
	});
	await t.throwsAsync(impatient.me(), { code: 'Interrupted' });
	await impatient.close();

	await proxy.close();
	await t.throwsAsync(t.context.client.me(), { code: 'ProxyUnreachable' });
});
