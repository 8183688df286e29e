import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A BMC that logs the proxy in and answers everything else with bytes of one's own. */
export interface HostileBmc {
	readonly url: string;
	/** Request lines that came, in order. */
	readonly heard: string[];
	/** What to do with the next requests: bytes to answer with, before or after the body was read. */
	answer: (start: string, socket: Socket) => string | Buffer | undefined;
	close(): Promise<void>;
}

export async function startHostileBmc(): Promise<HostileBmc> {
	const sockets = new Set<Socket>();
	const heard: string[] = [];
	const bmc = { heard, answer: (() => undefined) as HostileBmc['answer'] };
	const server = createServer(socket => {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		socket.on('error', () => undefined);
		let text = '';
		socket.on('data', (bytes: Buffer) => {
			text += bytes.toString('latin1');
			for (;;) {
				const end = text.indexOf('\r\n\r\n');
				if (end < 0) return;
				const head = text.slice(0, end);
				const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
				if (text.length < end + 4 + length) return;
				text = text.slice(end + 4 + length);
				const [start = ''] = head.split('\r\n');
				heard.push(start);
				const logsIn = start.startsWith('POST /redfish/v1/SessionService/Sessions');
				const reply = logsIn
					? 'HTTP/1.1 201 Created\r\nX-Auth-Token: the-BMCs-token\r\nLocation: /redfish/v1/SessionService/Sessions/1\r\nContent-Length: 2\r\n\r\n{}'
					: bmc.answer(start, socket);
				if (reply !== undefined && !socket.destroyed) socket.write(reply);
			}
		});
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	return Object.assign(bmc, {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		close: () =>
			new Promise<void>(resolve => {
				for (const socket of sockets) socket.destroy();
				server.close(() => resolve());
			}),
	});
}
