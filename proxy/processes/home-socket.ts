import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server as TlsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../common/log/logger.ts';
import { impersonate, readPreamble } from './preamble.ts';

export interface HomeSocket {
	readonly path: string;
	close(): Promise<void>;
}

/**
 * Where workers hand requests over: a unix socket in a folder that nobody but this user may enter. What comes in is
 * served by the very server of the port that it came in on, after TLS: with its limits and its handlers.
 */
export async function openHomeSocket(
	serverOf: (door: string) => TlsServer | undefined,
	onRequest: () => void,
	logger: Logger,
): Promise<HomeSocket> {
	// mkdtemp makes it 0700.
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-home-'));
	const path = join(folder, `${randomBytes(8).toString('hex')}.sock`);
	const sockets = new Set<Socket>();
	const server = createServer(socket => {
		sockets.add(socket);
		socket.once('close', () => sockets.delete(socket));
		socket.on('error', () => socket.destroy());
		readPreamble(socket).then(
			peer => {
				const to = serverOf(peer.door);
				if (!to) return socket.destroy();
				impersonate(socket, peer);
				onRequest();
				return to.emit('secureConnection', socket);
			},
			fault => {
				if (!socket.destroyed) logger.error({ err: fault }, 'what a worker handed over cannot be read');
				socket.destroy();
			},
		);
	});
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(path, resolve);
	});
	return {
		path,
		async close() {
			const closed = new Promise<void>(resolve => server.close(() => resolve()));
			for (const socket of sockets) socket.destroy();
			await closed;
			await rm(folder, { recursive: true, force: true });
		},
	};
}
