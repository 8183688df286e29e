// As root: a network namespace is entered, if only our own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { listenInNetwork } from './listen-in-network.ts';

const test = testNeeding('iproute2');
const here = { network: '/proc/self/ns/net', host: '127.0.0.1' };

test('a server answers where another process has bound it, cuts off who says nothing, and ends', async t => {
	const server = createServer((_request, response) => response.end('here'));
	const { port, close } = await listenInNetwork(server, { ...here, port: 0, lifetime: 1000 });
	t.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'here');
	const silent = connect(port, '127.0.0.1').resume();
	await once(silent, 'close');
	await t.throwsAsync(listenInNetwork(createServer(), { ...here, port, lifetime: 1000 }), {
		code: 'ListenFailed',
		message: /EADDRINUSE/,
	});
	await close();
	await t.throwsAsync(fetch(`http://127.0.0.1:${port}/`));
});
