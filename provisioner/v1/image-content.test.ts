import { createHash } from 'node:crypto';
import { once } from 'node:events';
import test from 'ava';
import { request } from 'undici';
import { until } from '../../test/visitor.ts';
import { startProvisioner } from '../provisioner.fixture.ts';
import { createMemoryStorage } from '../storage/memory-storage.fixture.ts';

const basic = (name: string) => ({
	authorization: `Basic ${Buffer.from(`${name}:${name}`).toString('base64')}`,
});

test('an image is exported with its digest, to those who may see it', async t => {
	const bench = await startProvisioner(t);
	await bench.image('red', 'debian', 'what it holds');
	const at = `${bench.url}/v1/images/debian/content`;
	const answer = await request(`${at}?format=raw`, { headers: basic('alice') });
	t.is(answer.headers['content-disposition'], 'attachment; filename="debian-1.img"');
	t.is(await answer.body.text(), 'what it holds');
	const digest = createHash('sha256').update('what it holds').digest('base64');
	t.is(answer.trailers['repr-digest'], `sha-256=:${digest}:`);
	t.is((await fetch(at, { headers: basic('bob') })).status, 404);
	t.is((await fetch(`${at}?format=vmdk`, { headers: basic('alice') })).status, 400);
	t.is((await fetch(at, { method: 'HEAD', headers: basic('alice') })).status, 200);
});

test('so many at once, and no more until one has ended, its reader gone away for instance', async t => {
	const storage = createMemoryStorage();
	const begun: AbortSignal[] = [];
	const bench = await startProvisioner(t, {
		storage: {
			...storage,
			// Made for as long as somebody waits for it.
			read: (_id, _format, signal) =>
				new Promise((_, reject) => {
					begun.push(signal);
					signal.addEventListener('abort', () => reject(signal.reason), { once: true });
				}),
		},
	});
	await bench.image('red', 'debian');
	const at = `${bench.url}/v1/images/debian/content`;
	const leaving = new AbortController();
	t.teardown(() => leaving.abort());
	const first = new AbortController();
	const waiting = [first.signal, leaving.signal].map(signal =>
		request(at, { headers: basic('alice'), signal }).catch(() => undefined),
	);
	await until(
		async () => begun.length,
		count => count === 2,
	);
	const refused = await request(at, { headers: basic('alice') });
	t.is(refused.statusCode, 429);
	t.is(refused.headers['retry-after'], '10');
	t.is(refused.headers['content-disposition'], undefined);
	t.like(await refused.body.json(), { code: 'TooManyExports' });
	t.is(
		(await fetch(at, { method: 'HEAD', headers: basic('alice') })).status,
		200,
		'no copy is made for that',
	);
	first.abort();
	await once(begun[0] as AbortSignal, 'abort');
	waiting.push(request(at, { headers: basic('alice'), signal: leaving.signal }).catch(() => undefined));
	await until(
		async () => begun.length,
		count => count === 3,
	);
	leaving.abort();
	await Promise.all(waiting);
	await until(
		async () => begun.filter(({ aborted }) => !aborted).length,
		left => left === 0,
	);
	t.is(begun.length, 3);
});
