import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import { Incoming, LARGEST_TRANSFER, NBD, type NbdDisk, type NbdRequest } from './nbd.ts';

export interface NbdServer {
	close(): Promise<void>;
}

/**
 * Serves a disk over NBD on a UNIX socket in a folder, for QEMU. What is behind `disk` may be slow or hostile: QEMU's
 * negotiation, in which its whole machine waits, is answered from here.
 */
export async function serveNbd(folder: string, name: string, disk: NbdDisk): Promise<NbdServer> {
	const sockets = new Set<Socket>();
	const server = createServer(socket => {
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
		socket.on('error', () => undefined);
		serve(socket, disk);
	});
	await rm(path.join(folder, name), { force: true });
	// By the folder's descriptor: the path of a UNIX socket has room for 107 bytes only.
	const descriptor = openSync(folder, 'r');
	try {
		await new Promise<void>((resolve, reject) => {
			server.once('error', reject);
			server.listen({ path: `/proc/self/fd/${descriptor}/${name}` }, resolve);
		});
	} catch (fault) {
		closeSync(descriptor);
		throw fault;
	}
	return {
		async close() {
			for (const socket of sockets) socket.destroy();
			await new Promise(resolve => server.close(resolve));
			closeSync(descriptor);
			await rm(path.join(folder, name), { force: true });
		},
	};
}

function serve(socket: Socket, disk: NbdDisk): void {
	const incoming = new Incoming();
	let stage: 'flags' | 'options' | 'running' = 'flags';
	let hasZeroes = true;
	const flags = NBD.flags.has | NBD.flags.flush | (disk.readOnly ? NBD.flags.readOnly : 0);

	const exported = (): Buffer => {
		const described = Buffer.alloc(10);
		described.writeBigUInt64BE(BigInt(disk.size), 0);
		described.writeUInt16BE(flags, 8);
		return described;
	};
	const answerOption = (option: number, kind: number, data: Buffer = Buffer.alloc(0)): void => {
		const head = Buffer.alloc(20);
		head.writeBigUInt64BE(NBD.optionReply, 0);
		head.writeUInt32BE(option, 8);
		head.writeUInt32BE(kind, 12);
		head.writeUInt32BE(data.length, 16);
		socket.write(Buffer.concat([head, data]));
	};
	const info = (type: number, ...rest: Buffer[]): Buffer => {
		const head = Buffer.alloc(2);
		head.writeUInt16BE(type, 0);
		return Buffer.concat([head, ...rest]);
	};
	const blockSizes = (): Buffer => {
		const sizes = Buffer.alloc(12);
		sizes.writeUInt32BE(1, 0);
		sizes.writeUInt32BE(4096, 4);
		sizes.writeUInt32BE(LARGEST_TRANSFER, 8);
		return sizes;
	};
	const takeOption = (option: number): boolean => {
		switch (option) {
			case NBD.options.exportName:
				socket.write(Buffer.concat([exported(), Buffer.alloc(hasZeroes ? 124 : 0)]));
				stage = 'running';
				return true;
			case NBD.options.info:
			case NBD.options.go:
				answerOption(option, NBD.replies.info, info(NBD.info.export, exported()));
				answerOption(option, NBD.replies.info, info(NBD.info.blockSize, blockSizes()));
				answerOption(option, NBD.replies.ack);
				if (option === NBD.options.go) stage = 'running';
				return true;
			case NBD.options.abort:
				answerOption(option, NBD.replies.ack);
				socket.end();
				return false;
			default:
				answerOption(option, NBD.replies.unsupported);
				return true;
		}
	};
	const reply = (handle: Buffer, error: number, data?: Buffer): void => {
		const head = Buffer.alloc(16);
		head.writeUInt32BE(NBD.reply, 0);
		head.writeUInt32BE(error, 4);
		handle.copy(head, 8);
		socket.write(data ? Buffer.concat([head, data]) : head);
	};
	const ask = (handle: Buffer, request: NbdRequest): void => {
		disk.request(request).then(
			data => reply(handle, NBD.errors.none, request.kind === 'read' ? data : undefined),
			() => reply(handle, NBD.errors.io),
		);
	};
	const takeRequest = (): boolean => {
		const head = incoming.peek(28);
		if (!head) return false;
		if (head.readUInt32BE(0) !== NBD.request) return drop();
		const command = head.readUInt16BE(6);
		const length = head.readUInt32BE(24);
		if (command === NBD.commands.write && length > LARGEST_TRANSFER) return drop();
		const whole = incoming.take(28 + (command === NBD.commands.write ? length : 0));
		if (!whole) return false;
		const handle = Buffer.from(whole.subarray(8, 16));
		const offset = whole.readBigUInt64BE(16);
		const isInside = length <= LARGEST_TRANSFER && offset + BigInt(length) <= BigInt(disk.size);
		switch (command) {
			case NBD.commands.read:
				if (isInside) ask(handle, { kind: 'read', offset, length });
				else reply(handle, NBD.errors.invalid);
				return true;
			case NBD.commands.write:
				if (disk.readOnly) reply(handle, NBD.errors.notPermitted);
				else if (!isInside) reply(handle, NBD.errors.invalid);
				else ask(handle, { kind: 'write', offset, data: Buffer.from(whole.subarray(28)) });
				return true;
			case NBD.commands.flush:
				ask(handle, { kind: 'flush' });
				return true;
			case NBD.commands.disconnect:
				socket.end();
				return false;
			default:
				reply(handle, NBD.errors.invalid);
				return true;
		}
	};
	const drop = (): false => {
		socket.destroy();
		return false;
	};
	const step = (): boolean => {
		switch (stage) {
			case 'flags': {
				const chosen = incoming.take(4);
				if (!chosen) return false;
				hasZeroes = (chosen.readUInt32BE(0) & NBD.handshake.noZeroes) === 0;
				stage = 'options';
				return true;
			}
			case 'options': {
				const head = incoming.peek(16);
				if (!head) return false;
				const length = head.readUInt32BE(12);
				if (!head.subarray(0, 8).equals(NBD.option) || length > 4096) return drop();
				const option = head.readUInt32BE(8);
				return incoming.take(16 + length) !== undefined && takeOption(option);
			}
			case 'running':
				return takeRequest();
		}
	};

	socket.on('data', bytes => {
		incoming.add(bytes);
		while (!socket.destroyed && step()) {}
	});
	const offered = Buffer.alloc(2);
	offered.writeUInt16BE(NBD.handshake.fixedNewstyle | NBD.handshake.noZeroes, 0);
	socket.write(Buffer.concat([NBD.greeting, offered]));
}
