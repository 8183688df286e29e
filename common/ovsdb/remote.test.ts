import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openRemote, parseRemote } from './remote.ts';

test('places are read as Open vSwitch writes them', t => {
	t.deepEqual(parseRemote('unix:/run/openvswitch/db.sock'), {
		kind: 'unix',
		path: '/run/openvswitch/db.sock',
	});
	t.deepEqual(parseRemote('ssl:switch1.example:6640'), { kind: 'ssl', host: 'switch1.example', port: 6640 });
	t.deepEqual(parseRemote('tcp:[::1]:6640'), { kind: 'tcp', host: '::1', port: 6640 });
	for (const text of [
		...['', 'unix:', 'unix:db.sock', 'ssl:host', 'ssl:host:0', 'ssl:host:65536', 'ssl:::1:6640'],
		...['ssl:a b:6640', 'pssl:6640', 'http://host:80', 'ssl:user@host:6640', ' tcp:host:1'],
	])
		t.is(parseRemote(text), undefined, text);
});

test('who is not there, or is given up, is an error', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-remote-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await t.throwsAsync(openRemote({ kind: 'unix', path: join(folder, 'none') }), { code: 'ENOENT' });
	const server = createServer().listen(0, '127.0.0.1');
	t.teardown(() => server.close());
	await once(server, 'listening');
	const { port } = server.address() as { port: number };
	// It takes the connection and says nothing, so that no TLS comes about.
	const giveUp = new AbortController();
	const opening = openRemote({ kind: 'ssl', host: '127.0.0.1', port }, {}, giveUp.signal);
	const [socket] = (await once(server, 'connection')) as [{ destroy(): void }];
	giveUp.abort(new Error('given up'));
	await t.throwsAsync(opening, { message: 'given up' });
	socket.destroy();
	await t.throwsAsync(
		openRemote({ kind: 'tcp', host: '127.0.0.1', port }, {}, AbortSignal.abort(new Error('no'))),
		{
			message: 'no',
		},
	);
});
