import { createServer, type IncomingMessage } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { createJsonClient } from './json-client.ts';
import { listen } from './listen.ts';

/** A service that answers each path in its own way, and tells what it was asked. */
async function start(t: ExecutionContext) {
	const asked: IncomingMessage[] = [];
	const server = createServer((request, response) => {
		asked.push(request);
		const say = (status: number, body: string) => response.writeHead(status).end(body);
		if (request.url === '/good') return say(200, '{"number":1}');
		if (request.url === '/odd') return say(200, '{"number":"one"}');
		if (request.url === '/text') return say(200, 'in words');
		if (request.url === '/refused')
			return say(409, '{"code":"InUse","detail":"Somebody has it.","status":409}');
		if (request.url === '/bare') return say(404, '');
		if (request.url === '/broken') return say(500, '<html>');
		response.writeHead(200, { 'content-length': 100 }).write('{"numb', () => response.destroy());
	});
	const { port, close } = await listen(server, { host: '127.0.0.1', port: 0 });
	t.teardown(() => close(0));
	return { url: `http://127.0.0.1:${port}`, asked };
}

const answer = z.strictObject({ number: z.int() });
const fault = (promise: Promise<unknown>) =>
	promise.then(
		() => undefined,
		({ code, status, message }: { code: string; status: number; message: string }) => ({
			code,
			status,
			message,
		}),
	);

test('what is answered is given as it was described; what is refused has the code and words of the service', async t => {
	const { url, asked } = await start(t);
	const credential = { username: 'alice', password: 'p' };
	const { call, text, send, close } = createJsonClient('Test', { url, credential });
	t.teardown(close);
	t.deepEqual(await call(answer, 'PUT', '/good', { a: 1 }), { number: 1 });
	t.like(asked[0]?.headers, { authorization: 'Basic YWxpY2U6cA==', 'content-type': 'application/json' });
	t.is(await text('/text'), 'in words');
	t.is(asked[1]?.headers['content-type'], undefined);
	const { body } = await send('/text', { headers: { range: 'bytes=3-' } });
	t.is(await body.text(), 'in words');
	t.is(asked[2]?.headers.range, 'bytes=3-');
	t.like(await fault(call(answer, 'GET', '/refused')), {
		code: 'InUse',
		status: 409,
		message: 'Somebody has it.',
	});
	t.like(await fault(send('/bare', { method: 'HEAD' })), { code: 'NotThere', status: 404 });
	t.like(await fault(text('/broken')), { code: 'BadAnswer', status: 500 });
	t.like(await fault(call(answer, 'GET', '/odd')), { code: 'BadAnswer', status: 502 });
	t.like(await fault(call(answer, 'GET', '/cut')), { code: 'TestUnreachable', status: 502 });
});

test('a token is shown as one; no answer and an end by its signal are told apart', async t => {
	const { url, asked } = await start(t);
	const ending = new AbortController();
	const { signal } = ending;
	const client = createJsonClient('Test', { url, credential: { token: 'of Keystone' }, signal });
	t.teardown(client.close);
	await client.text('/text');
	t.is(asked[0]?.headers['x-auth-token'], 'of Keystone');
	ending.abort();
	t.like(await fault(client.text('/text')), { code: 'Interrupted' });
	const away = createJsonClient('Test', { url: 'http://127.0.0.1:1' });
	t.teardown(away.close);
	const gone = await fault(away.text('/'));
	t.like(gone, { code: 'TestUnreachable', message: 'test at http://127.0.0.1:1 does not answer' });
});
