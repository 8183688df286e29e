// Readers that do not read an answer that is passed on as it comes: the BMC is slowed down, nothing piles up.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import test from 'ava';
import { startTestProxy } from '../proxy/start-proxy.ts';

const chassis = '/redfish/v1/Chassis/chassis';
const whole = 64 * 1024 * 1024;

test('of answers that nobody reads only buffers are taken from the BMC', async t => {
	t.timeout(60_000);
	let taken = 0;
	const answering = new Set<ServerResponse>();
	const origin = createServer((request, response) => {
		if (request.method === 'POST') {
			response.writeHead(201, { 'x-auth-token': 'token', location: '/redfish/v1/SessionService/Sessions/1' });
			return void response.end('{}');
		}
		answering.add(response);
		response.once('close', () => answering.delete(response));
		response.writeHead(200, { 'content-type': 'application/json', 'content-length': whole });
		const piece = Buffer.alloc(64 * 1024, ' ');
		let left = whole;
		const go = (): void => {
			while (left > 0 && !response.destroyed) {
				left -= piece.length;
				taken += piece.length;
				if (!response.write(piece)) return void response.once('drain', go);
			}
			response.end();
		};
		go();
	});
	origin.listen(0, '127.0.0.1');
	await once(origin, 'listening');
	t.teardown(() => origin.closeAllConnections());
	t.teardown(() => origin.close());
	const waiting = (): number => answering.size;
	const { port } = origin.address() as AddressInfo;
	const site = await startTestProxy({
		target: { node1: `http://127.0.0.1:${port}` },
		workers: 0,
		coalesce: false,
		bmcTimeout: 4000,
	});
	t.teardown(() => site.close());
	const { hostname, port: own } = new URL(site.bmcUrls.node1 ?? '');
	const sockets: TLSSocket[] = [];
	t.teardown(() => sockets.map(socket => socket.destroy()));
	const credential = Buffer.from('cp-operator:pw-cp-operator').toString('base64');
	for (let i = 0; i < 5; i++) {
		const socket = connect({ host: hostname, port: Number(own), ca: site.ca });
		socket.on('error', () => undefined);
		await once(socket, 'secureConnect');
		socket.pause();
		socket.write(`GET ${chassis} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${credential}\r\n\r\n`);
		sockets.push(socket);
	}
	// Until nothing more is taken for a while.
	for (let before = -1; taken === 0 || before !== taken; ) {
		before = taken;
		await new Promise(resolve => setTimeout(resolve, 500));
	}
	t.true(taken < (sockets.length * whole) / 4, `${taken} bytes of ${sockets.length * whole}`);
	t.true(process.memoryUsage().arrayBuffers < whole, `${process.memoryUsage().arrayBuffers} bytes`);
	t.is((await site.at('hso-operator', 'node2')('GET', chassis)).status, 200);

	// Whoever goes on not reading for as long as a BMC may be silent is cut off, and the BMC's connections are free.
	while (waiting() > 0) await new Promise(resolve => setTimeout(resolve, 50));
});
