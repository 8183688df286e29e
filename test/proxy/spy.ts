import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** A wire between the proxy and a BMC that keeps what goes to the BMC. */
export interface Spy {
	readonly url: string;
	/** Everything that was sent to the BMC, connection by connection. */
	received(): string;
	/** What each connection carried since it was last taken; `received` forgets it. */
	take(): Buffer[];
	/** The same with the number of the connection. */
	takeEach(): readonly { readonly connection: number; readonly bytes: Buffer }[];
	isOver(connection: number): boolean;
	close(): Promise<void>;
}

export async function startSpy(target: string): Promise<Spy> {
	const { hostname, port } = new URL(target);
	const connections: Buffer[][] = [];
	const over = new Set<number>();
	const sockets = new Set<Socket>();
	const server = createServer(incoming => {
		const chunks: Buffer[] = [];
		const number = connections.push(chunks) - 1;
		incoming.on('close', () => over.add(number));
		const outgoing = connect(Number(port), hostname);
		for (const [socket, other] of [
			[incoming, outgoing],
			[outgoing, incoming],
		] as const) {
			sockets.add(socket);
			socket.on('error', () => other.destroy());
			socket.on('close', () => {
				sockets.delete(socket);
				other.destroy();
			});
		}
		incoming.on('data', (chunk: Buffer) => {
			chunks.push(chunk);
			outgoing.write(chunk);
		});
		outgoing.pipe(incoming);
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	const takeEach = () =>
		connections
			.map((chunks, connection) => ({
				connection,
				bytes: Buffer.concat(chunks.splice(0)),
			}))
			.filter(({ bytes }) => bytes.length > 0);
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		received: () => connections.map(chunks => Buffer.concat(chunks).toString('latin1')).join('\n'),
		take: () => takeEach().map(({ bytes }) => bytes),
		takeEach,
		isOver: connection => over.has(connection),
		close: () =>
			new Promise<void>(resolve => {
				for (const socket of sockets) socket.destroy();
				server.close(() => resolve());
			}),
	};
}
