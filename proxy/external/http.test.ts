import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../common/clock.ts';
import { listen } from '../../common/http/listen.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { externalSources } from './external-source.ts';
import { createExternalSources } from './external-sources.ts';

async function start(t: ExecutionContext, answer: RequestListener, declared: Record<string, unknown>) {
	const folder = mkdtempSync(join(tmpdir(), 'bimetal-external-'));
	writeFileSync(join(folder, 'password'), 'hunter2\n', { mode: 0o600 });
	const server = await listen(createServer(answer), { host: '127.0.0.1', port: 0 });
	const url = `http://127.0.0.1:${server.port}/load?unit=kW`;
	const sources = externalSources(folder).parse({ Load: { from: 'http', url, maxAge: '9s', ...declared } });
	const external = createExternalSources({
		sources,
		targets: [],
		fetchRedfish: () => Promise.reject(new Error('not asked')),
		clock: systemClock,
		logger: silentLogger,
	});
	t.teardown(async () => {
		external.close();
		await server.close(0);
		rmSync(folder, { recursive: true });
	});
	return async () => (await external.read(['Load'])).Load;
}

test('a JSON document over HTTP, with the password from its file', async t => {
	const seen: (string | undefined)[] = [];
	const read = await start(
		t,
		(request, response) => {
			seen.push(request.url, request.headers.authorization);
			response.end('{"zones":[{"name":"a","load":3},{"name":"b","load":4}]}');
		},
		{
			credentials: { username: 'u', password: 'password' },
			each: '$.zones[*]',
			under: 'Zones',
			fields: { Name: '$.name', Load: { path: '$.load', type: 'number' } },
		},
	);
	t.like(await read(), {
		status: 'fresh',
		value: {
			Zones: [
				{ Name: 'a', Load: 3 },
				{ Name: 'b', Load: 4 },
			],
		},
	});
	t.deepEqual(seen, ['/load?unit=kW', `Basic ${Buffer.from('u:hunter2').toString('base64')}`]);
});

test('errors, redirects, garbage, too much and a missing list are unavailable with the reason', async t => {
	const cases: readonly [answer: RequestListener, reason: RegExp][] = [
		[(_request, response) => response.writeHead(503).end('{}'), /status 503/],
		[(_request, response) => response.writeHead(302, { location: '/other' }).end(), /status 302/],
		[(_request, response) => response.end('<html>'), /not JSON/],
		[(_request, response) => response.end('{"zones":7}'), /no list/],
		[(_request, response) => response.end('{"zones":[{"name":1}]}'), /Load: there is nothing at/],
		[(_request, response) => response.end(`"${'x'.repeat(1_100_000)}"`), /over 1 MiB/],
		[(_request, response) => response.destroy(), /other side closed|ECONNRESET|socket/i],
	];
	for (const [answer, reason] of cases) {
		const read = await start(t, answer, { each: '$.zones', fields: { Load: '$.load' } });
		const value = await read();
		t.regex(value?.status === 'unavailable' ? value.reason : '', reason);
	}
});
