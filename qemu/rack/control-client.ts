import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type ControlRequest, controlAnswer, controlSocket, type RackStatus } from './control-protocol.ts';
import { readLine } from './control-server.ts';

/** Milliseconds for a supervisor to say anything at all when it is asked for its status. */
const patience = 15_000;

/** Undefined where no supervisor listens: there is no rack, or what is left of one. */
async function open(runFolder: string): Promise<Socket | undefined> {
	const socket = connect(join(runFolder, controlSocket));
	try {
		await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return undefined;
		throw error;
	}
	socket.removeAllListeners('error').on('error', () => undefined);
	return socket;
}

/**
 * Asks the supervisor of a rack and waits until it is done; false where none listens. Throws what it failed with;
 * RackGone when it ends before it has answered.
 */
export async function askRack(
	runFolder: string,
	request: ControlRequest,
	options: {
		readonly onProgress?: (text: string) => void;
		readonly onStatus?: (status: RackStatus) => void;
		readonly signal?: AbortSignal | undefined;
	} = {},
): Promise<boolean> {
	const socket = await open(runFolder);
	if (!socket) return false;
	const abort = (): void => void socket.destroy();
	options.signal?.addEventListener('abort', abort, { once: true });
	const timer = request.do === 'status' ? setTimeout(abort, patience) : undefined;
	socket.write(`${JSON.stringify(request)}\n`);
	const lines = createInterface({ input: socket });
	// A connection that is cut ends them as well.
	socket.once('close', () => lines.close());
	try {
		for await (const line of lines) {
			const answer = controlAnswer.parse(JSON.parse(line));
			if ('done' in answer) return true;
			if ('failed' in answer) throw told(answer.failed);
			if ('progress' in answer) options.onProgress?.(answer.progress);
			else options.onStatus?.(answer.status);
		}
		if (options.signal?.aborted) throw new BimetalError('Interrupted', 'interrupted');
		throw new BimetalError('RackGone', 'the rack ended before it had answered', { expose: true });
	} finally {
		clearTimeout(timer);
		options.signal?.removeEventListener('abort', abort);
		socket.destroy();
	}
}

/** What the supervisor has failed with, as it was there. */
const told = ({ code, message, status }: { code: string; message: string; status: number }): BimetalError =>
	new BimetalError(code, message, { status, expose: true });

/** Undefined where no supervisor listens. Throws RackGone. */
export async function askStatus(runFolder: string): Promise<RackStatus | undefined> {
	let status: RackStatus | undefined;
	await askRack(
		runFolder,
		{ do: 'status' },
		{
			onStatus: given => {
				status = given;
			},
		},
	);
	return status;
}

/** A node's serial line. */
export interface RackConsole {
	send(bytes: Uint8Array): void;
	onData(take: (bytes: Buffer) => void): void;
	/** Resolves when it has ended, whoever ended it. */
	readonly closed: Promise<void>;
	close(): void;
}

/** Undefined where no supervisor listens. Throws NodeUnknown. */
export async function openRackConsole(runFolder: string, node: string): Promise<RackConsole | undefined> {
	const socket = await open(runFolder);
	if (!socket) return undefined;
	const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));
	socket.write(`${JSON.stringify({ do: 'console', node })}\n`);
	const first = await new Promise<{ line: string; rest: Buffer }>((resolve, reject) => {
		readLine(socket, (line, rest) => resolve({ line, rest }));
		void closed.then(() => reject(new BimetalError('RackGone', 'the rack ended before it had answered')));
	});
	const answer = controlAnswer.parse(JSON.parse(first.line));
	if ('failed' in answer) {
		socket.destroy();
		throw told(answer.failed);
	}
	return {
		send: bytes => void socket.write(bytes),
		onData(take) {
			if (first.rest.length > 0) take(first.rest);
			socket.on('data', take).resume();
		},
		closed,
		close: () => void socket.destroy(),
	};
}
