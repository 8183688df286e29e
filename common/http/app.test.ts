import { createServer } from 'node:http';
import test from 'ava';
import { request } from 'undici';
import { z } from 'zod';
import { BimetalError } from '../errors/bimetal-error.ts';
import { createLogger } from '../log/logger.ts';
import { createRegistry } from '../metrics/registry.ts';
import { type AppDeps, createApp, type Route } from './app.ts';
import { listen } from './listen.ts';
import { parse } from './parse.ts';

const routes: readonly Route[] = [
	{ method: 'GET', path: '/things/:id', handle: (req, res) => res.json({ id: req.params.id }) },
	{ method: 'DELETE', path: '/things/:id', handle: (_req, res) => res.status(204).end() },
	{
		method: 'POST',
		path: '/things',
		handle: async (req, res) => {
			const body = parse(z.strictObject({ name: z.string(), size: z.int() }), req.body);
			res.status(201).json(body);
		},
	},
	{
		method: 'GET',
		path: '/fails/:how',
		handle: async (req, res) => {
			switch (req.params.how) {
				case 'coded':
					throw new BimetalError('Taken', 'The name is taken.', { status: 409 });
				case 'hidden':
					throw new BimetalError('Secret', 'the vault is open', { status: 403, expose: false });
				case 'unauthenticated':
					throw new BimetalError('NotLoggedIn', 'Log in first.', { status: 401 });
				case 'late':
					res.write('{"half":');
					throw new Error('too late');
				default:
					throw Object.assign(new Error('the vault is open'), { body: 'hunter2' });
			}
		},
	},
];

async function start(t: { teardown(fn: () => unknown): void }, deps: Partial<AppDeps> = {}) {
	const written: string[] = [];
	const destination = { write: (line: string) => void written.push(line) };
	const logger = createLogger({ service: 'test', level: 'debug', destination });
	const app = createApp({ routes, logger, newRequestId: () => 'id-1', bodyLimit: 1000, ...deps });
	const server = await listen(createServer(app), { host: '127.0.0.1', port: 0 });
	t.teardown(() => server.close(0));
	const call = async (path: string, options: Parameters<typeof request>[1] = {}) => {
		const answer = await request(`http://127.0.0.1:${server.port}${path}`, options);
		const text = await answer.body.text();
		return {
			status: answer.statusCode,
			headers: answer.headers,
			text,
			json: () => JSON.parse(text) as Record<string, unknown>,
		};
	};
	return { call, written };
}

const json = { 'content-type': 'application/json' };

test('answers carry an id and headers that leave browsers nothing to guess', async t => {
	const { call } = await start(t);
	const { status, headers, json: body } = await call('/things/7');
	t.is(status, 200);
	t.deepEqual(body(), { id: '7' });
	t.like(headers, {
		'x-request-id': 'id-1',
		'cache-control': 'no-store',
		'x-content-type-options': 'nosniff',
		'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
	});
	t.false('x-powered-by' in headers);
});

test('unknown paths are 404, known paths with another method 405 with what is allowed', async t => {
	const { call } = await start(t);
	const none = await call('/nothing');
	t.is(none.headers['content-type'], 'application/problem+json; charset=utf-8');
	t.deepEqual(none.json(), {
		type: 'urn:bimetal:problem:NotFound',
		title: 'Not Found',
		status: 404,
		code: 'NotFound',
		detail: 'There is nothing at this path.',
	});
	const wrong = await call('/things/7', { method: 'PUT' });
	t.is(wrong.status, 405);
	t.is(wrong.headers.allow, 'DELETE, GET, HEAD');
	t.is(wrong.json().code, 'MethodNotAllowed');
	const asked = await call('/things/7', { method: 'OPTIONS' });
	t.is(asked.status, 204);
	t.is(asked.headers.allow, 'DELETE, GET, HEAD');
	t.is((await call('/things/7', { method: 'HEAD' })).status, 200);
	t.is((await call('/Things/7')).status, 404, 'paths mean what they say');
	t.is((await call('/things/7/')).status, 404);
	t.is((await call('/things/%zz')).json().code, 'BadRequest');
});

test('bodies: only JSON, within the limit, that fits the schema', async t => {
	const { call } = await start(t);
	const post = (body: string, headers: Record<string, string> = json) =>
		call('/things', { method: 'POST', body, headers });
	t.is((await post('{"name":"a","size":1}')).status, 201);
	t.is((await post('{"name":"a"')).json().code, 'BodyNotJson');
	t.is((await post('{"name":"a","size":1,"__proto__":{}}')).json().code, 'BodyNotJson');
	t.is((await post(JSON.stringify({ name: 'x'.repeat(2000) }))).status, 413);
	t.is((await post('name=a', { 'content-type': 'application/x-www-form-urlencoded' })).status, 415);
	t.is((await post('{"name":"a","size":1}', {})).status, 415);
	t.is((await post('x', { ...json, 'content-encoding': 'gzip' })).status, 415);
	const misfit = await post('{"name":1,"size":"2","colour":"red"}');
	t.is(misfit.status, 400);
	const detail = String(misfit.json().detail);
	t.regex(detail, /body\.name: .*body\.size: .*body: .*"colour"/);
});

test('errors show what they may show, and the log has the rest without secrets', async t => {
	const { call, written } = await start(t);
	t.like((await call('/fails/coded')).json(), { status: 409, code: 'Taken', detail: 'The name is taken.' });
	const hidden = await call('/fails/hidden');
	t.like(hidden.json(), { status: 403, code: 'Forbidden' });
	const unexpected = await call('/fails/otherwise?password=hunter2');
	t.like(unexpected.json(), { status: 500, code: 'Internal' });
	t.false((hidden.text + unexpected.text).includes('vault'));
	const unauthenticated = await call('/fails/unauthenticated');
	t.is(unauthenticated.status, 401);
	t.is(unauthenticated.headers['www-authenticate'], 'Basic realm="bimetal"');
	await t.throwsAsync(call('/fails/late'), undefined, 'an answer that failed half way is cut off');
	t.regex(written.join(''), /the vault is open.*"requestId":"id-1"/);
	t.false(written.join('').includes('hunter2'));
});

test('requests are counted by route, never by path', async t => {
	const registry = createRegistry({ service: 'test' });
	const { call } = await start(t, { registry });
	for (const path of ['/things/1', '/things/2', '/other']) await call(path);
	const text = await registry.metrics();
	t.regex(text, /seconds_count\{.*method="GET",route="\/things\/:id",status="200".*\} 2/);
	t.regex(text, /seconds_count\{.*route="none",status="404".*\} 1/);
});

test('handlers that go before the routes may refuse', async t => {
	const { call } = await start(t, {
		before: [
			() => {
				throw new BimetalError('NotLoggedIn', 'Log in first.', { status: 401 });
			},
		],
	});
	t.is((await call('/things/7')).status, 401);
	t.is((await call('/nothing')).status, 401, 'strangers do not learn which paths there are');
});
