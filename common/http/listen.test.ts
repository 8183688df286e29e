import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import test from 'ava';
import { FakeClock } from '../clock.ts';
import { listen } from './listen.ts';

const HOST = '127.0.0.1';

test('a taken port is named, with what to do', async t => {
	const first = await listen(createServer(), { host: HOST, port: 0 });
	t.teardown(() => first.close(0));
	await t.throwsAsync(listen(createServer(), { host: HOST, port: first.port }), {
		code: 'PortTaken',
		message: new RegExp(`${HOST} port ${first.port}.*choose another port`),
	});
	await t.throwsAsync(listen(createServer(), { host: '203.0.113.77', port: 0 }), { code: 'AddressUnknown' });
});

test('closing ends idle kept-alive connections at once, and answers under way at their end', async t => {
	const agent = new Agent({ keepAlive: true });
	t.teardown(() => agent.destroy());
	const held: (() => void)[] = [];
	const server = createServer((request, response) => {
		if (request.url === '/slow') held.push(() => response.end('done'));
		else response.end('quick');
	});
	const listening = await listen(server, { host: HOST, port: 0 });
	const ask = async (path: string) => {
		const [answer] = (await once(get({ host: HOST, port: listening.port, path, agent }), 'response')) as [
			IncomingMessage,
		];
		answer.resume();
		await once(answer, 'end');
		return answer;
	};
	await ask('/');
	const arrived = once(server, 'request');
	const slow = ask('/slow');
	await arrived;
	await ask('/'); // leaves an idle connection beside the busy one
	const closed = listening.close(60_000);
	await t.throwsAsync(ask('/'), undefined, 'no new connections');
	for (const release of held) release();
	const answer = await slow;
	t.is(answer.headers.connection, 'close');
	await closed;
	await listening.close();
	t.pass();
});

test('what is still there after the grace is cut off', async t => {
	const clock = new FakeClock();
	const server = createServer(() => undefined);
	const listening = await listen(server, { host: HOST, port: 0, clock });
	const mute = connect(listening.port, HOST);
	const asking = connect(listening.port, HOST);
	t.teardown(() => [mute, asking].map(socket => socket.destroy()));
	const ends = Promise.all([mute, asking].map(socket => once(socket, 'close')));
	for (const socket of [mute, asking]) socket.on('error', () => undefined);
	await once(mute, 'connect');
	const arrived = once(server, 'request');
	asking.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
	await arrived;
	const closed = listening.close(1000);
	clock.advance(500);
	const sooner = listening.close(100);
	clock.advance(99);
	t.false(asking.destroyed);
	clock.advance(1);
	await sooner;
	await closed;
	await ends;
	t.pass();
});
