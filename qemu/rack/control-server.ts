import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { PortVlans } from '../../common/ovsdb/port-vlans.ts';
import {
	type ControlAnswer,
	type ControlRequest,
	controlRequest,
	controlSocket,
	longestLine,
} from './control-protocol.ts';

/** What a rack does for who asks on its control socket. */
export interface ControlHandlers {
	up(on: boolean, onProgress: (text: string) => void): Promise<void>;
	status(): Promise<ControlAnswer & { status: unknown }>;
	vlans(port: string, vlans: PortVlans): Promise<void>;
	/** Gives the serial line of a node to a socket. Throws NodeUnknown. */
	console(node: string, socket: Socket, first: Buffer): void;
	down(patienceMs: number, onProgress: (text: string) => void): Promise<void>;
	/** A fault that is nobody's answer. */
	onFault(fault: unknown): void;
}

/** Milliseconds in which answers that are on their way get out. */
const lastWords = 1000;

/**
 * Listens in the run folder, which nobody but its owner can enter. The returned function ends it, once who has asked
 * has the answer.
 */
export async function serveControl(
	runFolder: string,
	handlers: ControlHandlers,
): Promise<() => Promise<void>> {
	const path = join(runFolder, controlSocket);
	const sockets = new Set<Socket>();
	const answering = new Set<Promise<void>>();
	const server = createServer(socket => {
		sockets.add(socket);
		socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
		readLine(socket, (line, rest) => {
			const answered = answer(socket, line, rest, handlers)
				.catch(handlers.onFault)
				.finally(() => answering.delete(answered));
			answering.add(answered);
		});
	});
	await rm(path, { force: true });
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject).listen(path, () => {
			server.off('error', reject).on('error', handlers.onFault);
			resolve();
		});
	});
	return async () => {
		server.close();
		await Promise.race([Promise.all(answering), sleep(lastWords)]);
		for (const socket of sockets) socket.destroySoon();
		const gone = [...sockets].map(socket => new Promise(resolve => socket.once('close', resolve)));
		await Promise.race([Promise.all(gone), sleep(lastWords)]);
	};
}

async function answer(socket: Socket, line: string, rest: Buffer, handlers: ControlHandlers): Promise<void> {
	const say = (message: ControlAnswer): void => void socket.write(`${JSON.stringify(message)}\n`);
	const progress = (text: string): void => say({ progress: text });
	try {
		const request = parse(line);
		switch (request.do) {
			case 'up':
				await handlers.up(request.on, progress);
				break;
			case 'status':
				say(await handlers.status());
				break;
			case 'console':
				// The first line first: bytes follow it.
				handlers.console(request.node, socket, rest);
				return;
			case 'vlans':
				await handlers.vlans(request.port, request);
				break;
			case 'down':
				await handlers.down(request.patienceMs, progress);
		}
		say({ done: true });
	} catch (fault) {
		const { code, status } = fault instanceof BimetalError ? fault : { code: 'Fault', status: 500 };
		say({ failed: { code, status, message: fault instanceof Error ? fault.message : String(fault) } });
		if (code === 'Fault') handlers.onFault(fault);
	}
	socket.end();
}

function parse(line: string): ControlRequest {
	try {
		return controlRequest.parse(JSON.parse(line));
	} catch (cause) {
		throw new BimetalError('RequestUnreadable', 'this is no request to a rack of this version', { cause });
	}
}

/** The first line, and what came after it. */
export function readLine(socket: Socket, take: (line: string, rest: Buffer) => void): void {
	let got = Buffer.alloc(0);
	const onData = (bytes: Buffer): void => {
		got = Buffer.concat([got, bytes]);
		const end = got.indexOf(0x0a);
		if (end === -1) {
			if (got.length > longestLine) socket.destroy();
			return;
		}
		socket.off('data', onData);
		socket.pause();
		take(got.toString('utf8', 0, end), got.subarray(end + 1));
	};
	socket.on('data', onData);
}
