import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { BimetalError } from '../errors/bimetal-error.ts';

const eventMessage = z.object({
	event: z.string(),
	data: z.record(z.string(), z.unknown()).default({}),
	timestamp: z.object({ seconds: z.number(), microseconds: z.number() }),
});
const message = z.union([
	z.object({ QMP: z.object({ version: z.unknown() }) }),
	z.object({ return: z.unknown(), id: z.number() }),
	z.object({ error: z.object({ class: z.string(), desc: z.string() }), id: z.number().optional() }),
	eventMessage,
]);

/** Something that happened in the machine (QEMU QMP Reference Manual, for instance SHUTDOWN, RESET, GUEST_PANICKED). */
export interface QmpEvent {
	readonly event: string;
	readonly data: Readonly<Record<string, unknown>>;
	/** Milliseconds since the epoch. */
	readonly at: number;
}

/** QEMU's machine protocol over its socket. */
export interface Qmp {
	/** Throws QmpRefused with QEMU's own words, QmpClosed when the machine is gone. */
	execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
	/** The returned function ends it. */
	onEvent(listener: (event: QmpEvent) => void): () => void;
	/** Resolves when the connection has ended. */
	readonly closed: Promise<void>;
	close(): void;
}

/** Connects and negotiates capabilities. Throws QmpClosed, or the error of connecting (ENOENT, ECONNREFUSED). */
export async function connectQmp(socketPath: string): Promise<Qmp> {
	const socket = connect(socketPath);
	await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
	socket.removeAllListeners('error').on('error', () => undefined);
	const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (fault: Error) => void }>();
	const listeners = new Set<(event: QmpEvent) => void>();
	let lastId = 0;
	let isClosed = false;
	const closed = new Promise<void>(resolve =>
		socket.once('close', () => {
			isClosed = true;
			for (const { reject } of waiting.values()) reject(gone());
			waiting.clear();
			resolve();
		}),
	);

	const lines = createInterface({ input: socket });
	// It hands on the socket's own faults; `closed` tells.
	lines.on('error', () => undefined);
	lines.on('line', line => {
		const read = message.safeParse(parse(line));
		// Whatever speaks there, it is no QEMU.
		if (!read.success) return void socket.destroy();
		const { data } = read;
		if ('event' in data) {
			const at = data.timestamp.seconds * 1000 + Math.round(data.timestamp.microseconds / 1000);
			for (const listener of listeners) listener({ event: data.event, data: data.data, at });
		} else if ('id' in data && data.id !== undefined) {
			const asked = waiting.get(data.id);
			waiting.delete(data.id);
			if ('error' in data) asked?.reject(new BimetalError('QmpRefused', data.error.desc));
			else asked?.resolve(data.return);
		}
	});

	const execute: Qmp['execute'] = (command, args = {}) =>
		new Promise((resolve, reject) => {
			if (isClosed) return reject(gone());
			const id = ++lastId;
			waiting.set(id, { resolve, reject });
			socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
		});
	await execute('qmp_capabilities');
	return {
		execute,
		onEvent(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		closed,
		close: () => void socket.destroy(),
	};
}

const gone = () => new BimetalError('QmpClosed', 'the machine is gone');

function parse(line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		return undefined;
	}
}
