import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test from 'ava';
import { choosePorts, freeOr, reachable } from './ports.ts';

test('a port that is taken becomes a free one, and so do all when the main one is', async t => {
	const taken = createServer().listen(0, '127.0.0.1');
	t.teardown(() => taken.close());
	await once(taken, 'listening');
	const { port } = taken.address() as AddressInfo;
	t.is(await freeOr('127.0.0.1', port), 0);
	t.is(await freeOr('127.0.0.1', 0), 0);
	t.is((await choosePorts('127.0.0.1', port - 1, ['node1'])).node1, 0);
	t.deepEqual(await choosePorts('127.0.0.1', 0, ['node1', 'node2']), { node1: 0, node2: 0 });
	t.deepEqual(await choosePorts('127.0.0.1', 65535, ['node1']), { node1: 0 });
});

test('what listens on all addresses is spoken to on this machine', t => {
	t.is(reachable('https://0.0.0.0:8443'), 'https://127.0.0.1:8443');
	t.is(reachable('https://[::]:8443'), 'https://127.0.0.1:8443');
	t.is(reachable('https://10.0.0.7:8443'), 'https://10.0.0.7:8443');
});
