import type { Clock } from '../../../common/clock.ts';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import type { ConsoleSocket } from '../../redfish/socket-route.ts';
import { Incoming, NBD, type NbdDisk, type NbdRequest } from './nbd.ts';

/** Milliseconds that a client may take to answer. */
const ANSWER_LIMIT_MS = 30_000;

type Stage = 'greeting' | 'export' | 'running' | 'ended';

/**
 * The disk that a client serves over a WebSocket: it speaks first, and answers one request after the other or as it
 * likes. Resolves once it has said what it serves; throws MediumUnusable when that is not NBD, or never comes. The
 * socket is closed when the client breaks the protocol, or leaves a request without an answer.
 */
export function openNbdSource(socket: ConsoleSocket, clock: Clock): Promise<NbdDisk> {
	const incoming = new Incoming();
	const asked = new Map<
		bigint,
		{ readonly length: number; resolve(bytes: Buffer): void; reject(fault: Error): void; cancel(): void }
	>();
	let stage: Stage = 'greeting';
	let hasZeroes = true;
	let flags = 0;
	let lastHandle = 0n;

	return new Promise((resolve, reject) => {
		const end = (reason: string): false => {
			if (stage === 'ended') return false;
			stage = 'ended';
			cancelOpening();
			reject(unusable(reason));
			for (const one of asked.values()) {
				one.cancel();
				one.reject(unusable(reason));
			}
			asked.clear();
			socket.close(reason);
			return false;
		};
		const cancelOpening = clock.after(ANSWER_LIMIT_MS, () => end('it does not answer'));

		const send = (handle: bigint, request: NbdRequest): void => {
			const head = Buffer.alloc(28);
			head.writeUInt32BE(NBD.request, 0);
			head.writeUInt16BE(NBD.commands[request.kind], 6);
			head.writeBigUInt64BE(handle, 8);
			if (request.kind !== 'flush') {
				head.writeBigUInt64BE(request.offset, 16);
				head.writeUInt32BE(request.kind === 'read' ? request.length : request.data.length, 24);
			}
			socket.send(request.kind === 'write' ? Buffer.concat([head, request.data]) : head);
		};
		const disk = (size: number): NbdDisk => ({
			size,
			readOnly: (flags & NBD.flags.readOnly) !== 0,
			request(request) {
				if (stage !== 'running') return Promise.reject(unusable('it is gone'));
				// Who does not know flushing has nothing to flush.
				if (request.kind === 'flush' && (flags & NBD.flags.flush) === 0)
					return Promise.resolve(Buffer.alloc(0));
				return new Promise((done, failed) => {
					const handle = ++lastHandle;
					asked.set(handle, {
						length: request.kind === 'read' ? request.length : 0,
						resolve: done,
						reject: failed,
						cancel: clock.after(ANSWER_LIMIT_MS, () => end('it does not answer')),
					});
					send(handle, request);
				});
			},
		});

		const step = (): boolean => {
			switch (stage) {
				case 'greeting': {
					const greeting = incoming.take(18);
					if (!greeting) return false;
					if (!greeting.subarray(0, 16).equals(NBD.greeting)) return end('not an NBD server');
					const offered = greeting.readUInt16BE(16);
					hasZeroes = (offered & NBD.handshake.noZeroes) === 0;
					const answer = Buffer.alloc(20);
					answer.writeUInt32BE(offered & (NBD.handshake.fixedNewstyle | NBD.handshake.noZeroes), 0);
					NBD.option.copy(answer, 4);
					answer.writeUInt32BE(NBD.options.exportName, 12);
					socket.send(answer);
					stage = 'export';
					return true;
				}
				case 'export': {
					const described = incoming.take(hasZeroes ? 134 : 10);
					if (!described) return false;
					const size = described.readBigUInt64BE(0);
					if (size === 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) return end('no disk has this size');
					flags = described.readUInt16BE(8);
					stage = 'running';
					cancelOpening();
					resolve(disk(Number(size)));
					return true;
				}
				case 'running': {
					const head = incoming.peek(16);
					if (!head) return false;
					if (head.readUInt32BE(0) !== NBD.reply) return end('not an NBD reply');
					const handle = head.readBigUInt64BE(8);
					const one = asked.get(handle);
					if (!one) return end('a reply that nobody asked for');
					const error = head.readUInt32BE(4);
					const reply = incoming.take(16 + (error === 0 ? one.length : 0));
					if (!reply) return false;
					asked.delete(handle);
					one.cancel();
					if (error === 0) one.resolve(reply.subarray(16));
					else one.reject(unusable(`the client has error ${error}`));
					return true;
				}
				case 'ended':
					return false;
			}
		};

		socket.onClose(() => end('it is gone'));
		socket.onMessage(bytes => {
			incoming.add(bytes);
			while (step()) {}
		});
	});
}

const unusable = (reason: string) =>
	new BimetalError('MediumUnusable', `the medium cannot be used: ${reason}`);
