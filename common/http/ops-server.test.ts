import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { request } from 'undici';
import { FakeClock } from '../clock.ts';
import { createRegistry } from '../metrics/registry.ts';
import { listen } from './listen.ts';
import { type Check, createOpsServer, runChecks } from './ops-server.ts';

test('health, readiness by named checks, and metrics', async t => {
	const checks: Record<string, Check> = { store: () => undefined };
	const registry = createRegistry({ service: 'proxy', process: true });
	const ops = await listen(createOpsServer({ registry, checks }), { host: '127.0.0.1', port: 0 });
	t.teardown(() => ops.close(0));
	const get = async (path: string) => {
		const answer = await request(`http://127.0.0.1:${ops.port}${path}`);
		return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
	};
	t.is((await get('/healthz')).status, 200);
	t.deepEqual(JSON.parse((await get('/readyz')).text), { ready: true, checks: { store: { ok: true } } });
	checks.broker = async () => {
		throw new Error('mqtt://user:hunter2@broker refused');
	};
	const unready = await get('/readyz');
	t.is(unready.status, 503);
	t.like(JSON.parse(unready.text), { ready: false, checks: { store: { ok: true }, broker: { ok: false } } });
	t.false(unready.text.includes('hunter2'));
	t.is((await get('/healthz')).status, 200, 'alive, though not ready');
	const metrics = await get('/metrics');
	t.regex(String(metrics.headers['content-type']), /^text\/plain/);
	t.regex(metrics.text, /process_resident_memory_bytes\{service="proxy"\} \d+/);
});

test('a check that hangs counts as failed when its time is up, and is told to end', async t => {
	const clock = new FakeClock();
	let ended = false;
	const hangs: Check = signal =>
		new Promise(() => {
			signal.addEventListener('abort', () => {
				ended = true;
			});
		});
	const results = runChecks({ checks: { hangs, fine: () => true }, checkTimeout: 500, clock });
	await setImmediate();
	clock.advance(500);
	t.deepEqual(await results, { hangs: { ok: false, reason: 'no result within 500 ms' }, fine: { ok: true } });
	t.true(ended);
});
