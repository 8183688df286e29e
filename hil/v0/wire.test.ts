// How calls are read and refused, whatever they are about.
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import test from 'ava';
import { startHil } from '../hil.fixture.ts';
import { repeatedKey } from './read-arguments.ts';
import { v0Routes } from './routes.ts';

const refusal = (type: string, status: number) => ({ status, body: { type } });

test('what is missing, unknown, twice or no JSON is a ValidationError', async t => {
	const hil = await startHil(t);
	await hil.ok('PUT', '/v0/project/red');
	const cases: [method: string, path: string, body?: unknown][] = [
		['PUT', '/v0/project/blue', { more: 1 }],
		['PUT', '/v0/project/blue', { project: 'blue' }],
		['PUT', '/v0/project/blue', []],
		['PUT', '/v0/project/blue', '"text"'],
		['PUT', '/v0/project/blue', '{'],
		['PUT', '/v0/project/blue', '{"__proto__":{}}'],
		['POST', '/v0/project/red/connect_node'],
		['POST', '/v0/project/red/connect_node', { node: 5 }],
		['POST', '/v0/project/red/connect_node', '{"node":"a","node":"b"}'],
		['POST', '/v0/project/red/connect_node', { node: 'a\0b' }],
		['GET', '/v0/projects', '{}'],
		['GET', '/v0/projects?more=1'],
		['GET', '/v0/networks?project='],
		['GET', '/v0/network/n/attachments?project=a&project=b'],
		['GET', '/v0/network/n/attachments?network=m'],
		['PATCH', '/v0/auth/basic/user/root', { is_admin: 'yes' }],
		['PUT', '/v0/node/n1', { obmd: { uri: 'https://x/bmc/n1' } }],
		['PUT', '/v0/node/n1', { obm: { type: 'x' } }],
		['GET', '/v0/node/%00'],
	];
	for (const [method, path, body] of cases) {
		const answer = await hil.call(method, path, body);
		t.like(answer, refusal('ValidationError', 400), `${method} ${path} ${JSON.stringify(body)}`);
		t.deepEqual(Object.keys(answer.body as object), ['type', 'msg']);
	}
	t.deepEqual(await hil.ok('GET', '/v0/projects'), ['red'], 'nothing was changed');
});

test('a body is JSON whatever its Content-Type says', async t => {
	const hil = await startHil(t);
	const authorization = `Basic ${Buffer.from('root:root').toString('base64')}`;
	for (const [index, type] of [
		'application/x-www-form-urlencoded',
		'text/plain',
		'application/json',
	].entries()) {
		const answer = await fetch(`${hil.url}/v0/network/n${index}`, {
			method: 'PUT',
			headers: { authorization, 'content-type': type },
			body: '{"owner":"admin","access":"","net_id":""}',
		});
		t.is(answer.status, 200, type);
		t.is(await answer.text(), '');
	}
});

test("errors have HIL's types and statuses", async t => {
	const hil = await startHil(t, { pool: [] });
	await hil.ok('PUT', '/v0/project/red');
	t.like(await hil.call('PUT', '/v0/project/red'), refusal('DuplicateError', 409));
	t.like(await hil.call('GET', '/v0/node/none'), refusal('NotFoundError', 404));
	t.like(await hil.call('GET', '/v0/nothing'), refusal('NotFoundError', 404));
	t.like(await hil.call('PATCH', '/v0/projects'), refusal('MethodNotAllowed', 405));
	const network = { owner: 'admin', access: '', net_id: '' };
	t.like(await hil.call('PUT', '/v0/network/n', network), refusal('AllocationError', 500));
	t.like(
		await hil.call('PUT', '/v0/network/n', { ...network, net_id: '4095' }),
		refusal('BadArgumentError', 400),
	);
	await hil.ok('PUT', '/v0/node/n1', { obmd: { uri: 'https://x/bmc/n1', admin_token: '' } });
	t.like(await hil.call('POST', '/v0/node/n1/power_off'), refusal('BlockedError', 409));
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: true });
	t.like(await hil.call('POST', '/v0/node/n1/power_off'), refusal('OBMError', 500));
	t.like(
		await hil.call('PUT', '/v0/node/n1/boot_device', { bootdev: 'usb' }),
		refusal('BadArgumentError', 400),
	);
});

test('nobody without a right password gets in, and unknown users look like wrong passwords', async t => {
	const hil = await startHil(t);
	const none = await hil.call('GET', '/v0/nodes/all', undefined, null);
	t.like(none, refusal('AuthorizationError', 401));
	t.regex(String(none.headers['www-authenticate']), /^Basic realm="hil"/);
	const wrong = (user: string, password: string) =>
		fetch(`${hil.url}/v0/nodes/all`, {
			headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
		});
	const texts = [await wrong('root', 'wrong'), await wrong('nobody', 'wrong'), await wrong('root', '')];
	t.deepEqual(
		texts.map(({ status }) => status),
		[401, 401, 401],
	);
	t.is(new Set(await Promise.all(texts.map(answer => answer.text()))).size, 1);
	for (let count = 0; count < 4; count++) await wrong('nobody', 'wrong');
	const late = await wrong('nobody', 'wrong');
	t.is(late.status, 503);
	t.true(Number(late.headers.get('retry-after')) >= 1);
	await late.arrayBuffer();
	hil.clock.advance(60_000);
	t.is((await wrong('nobody', 'wrong')).status, 401);
	t.is((await hil.call('GET', '/v0/nodes/all')).status, 200);
	for (const header of ['Basic', 'Basic !!', 'Bearer x', `Basic ${Buffer.from('root').toString('base64')}`]) {
		const answer = await fetch(`${hil.url}/v0/nodes/all`, { headers: { authorization: header } });
		t.is(answer.status, 401, header);
	}
});

test('pages of other sites cannot make a browser ask in the name of its reader', async t => {
	const hil = await startHil(t);
	const authorization = `Basic ${Buffer.from('root:root').toString('base64')}`;
	const from = async (site: string) => {
		const request = httpRequest(`${hil.url}/v0/project/red`, {
			method: 'PUT',
			headers: { authorization, 'sec-fetch-site': site },
		});
		request.end();
		const [response] = (await once(request, 'response')) as [IncomingMessage];
		response.resume();
		return response.statusCode;
	};
	for (const site of ['cross-site', 'same-site']) t.is(await from(site), 401, site);
	t.deepEqual(await hil.ok('GET', '/v0/projects'), []);
	t.is(await from('same-origin'), 200);
	t.is(await from('none'), 409, 'typed by hand: it is there already');
});

test('a path, a user or a network that looks like a part of the language is just a name', async t => {
	const hil = await startHil(t, { pool: [10, 11, 12] });
	for (const name of ['__proto__', 'constructor', 'toString']) {
		await hil.ok('PUT', `/v0/network/${name}`, { owner: 'admin', access: '', net_id: '' });
	}
	const list = JSON.parse((await hil.call('GET', '/v0/networks')).text) as object;
	t.deepEqual(Object.keys(list).sort(), ['__proto__', 'constructor', 'toString']);
});

test('the interface describes itself', async t => {
	const hil = await startHil(t);
	const description = (await hil.ok('GET', '/v0/openapi.json')) as {
		openapi: string;
		paths: Record<string, Record<string, unknown>>;
	};
	t.is(description.openapi, '3.1.0');
	t.truthy(description.paths['/v0/node/{node}/nic/{nic}/connect_network']?.post);
	t.truthy(description.paths['/v0/switch/{switch}/port/{port}/revert']?.post);
	t.is(Object.values(description.paths).flatMap(Object.keys).length, v0Routes().length);
	t.is((await hil.call('GET', '/v0/openapi.json', undefined, null)).status, 401);
	t.deepEqual(
		(description as unknown as { components: { securitySchemes: object } }).components.securitySchemes,
		{
			basic: { type: 'http', scheme: 'basic' },
		},
	);
});

test('a key that a JSON object has twice is found wherever it is', t => {
	t.is(repeatedKey('{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}'), undefined);
	t.is(repeatedKey('{"a":1,"b":{"x":[{"k":1,"\\u006b":2}]}}'), 'k');
	t.is(repeatedKey('{"a":"\\"a\\":","b":"}","a":1}'), 'a');
	t.is(repeatedKey('["a","a",{"b":"b"}]'), undefined);
});
