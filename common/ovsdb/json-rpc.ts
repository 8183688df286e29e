import type { Socket } from 'node:net';
import { z } from 'zod';
import { type Clock, systemClock } from '../clock.ts';
import { BimetalError } from '../errors/bimetal-error.ts';
import { createJsonStream } from './json-stream.ts';

/** JSON-RPC 1.0, as Open vSwitch's daemons speak it (RFC 7047 section 4; ovs-appctl(8)). */
export interface JsonRpc {
	/** Throws SwitchRefused with the daemon's own words, SwitchSilent, SwitchGone. */
	ask(method: string, params: readonly unknown[]): Promise<unknown>;
	/** Ends the connection as a fault of the other side. */
	fail(why: string, cause?: unknown): void;
	/** Undefined while it is connected. */
	fault(): BimetalError | undefined;
	readonly closed: Promise<void>;
	close(): void;
}

/** Milliseconds for an answer. */
const patience = 10_000;

const answer = z.object({ id: z.int(), result: z.unknown(), error: z.unknown() });
const question = z.object({ id: z.unknown(), method: z.string(), params: z.array(z.unknown()) });
const message = z.union([question, answer]);

/** Speaks over a connected socket, which is its own from then on; `onNotice` takes what the daemon says by itself. */
export function speakJsonRpc(
	socket: Socket,
	onNotice: (method: string, params: readonly unknown[]) => void = () => undefined,
	clock: Clock = systemClock,
): JsonRpc {
	socket.on('error', () => undefined);
	const waiting = new Map<number, { resolve(result: unknown): void; reject(fault: Error): void }>();
	let lastId = 0;
	let fault: BimetalError | undefined;

	const fail = (why: string, cause?: unknown): void => {
		fault ??= new BimetalError('SwitchGone', `the connection to the switch is gone: ${why}`, { cause });
		for (const { reject } of waiting.values()) reject(fault);
		waiting.clear();
		socket.destroy();
	};
	const closed = new Promise<void>(resolve => {
		socket.once('close', () => {
			fail('it has ended');
			resolve();
		});
	});
	const take = createJsonStream(value => {
		const read = message.parse(value);
		if (!('method' in read)) {
			const asked = waiting.get(read.id);
			waiting.delete(read.id);
			if (read.error === null || read.error === undefined) asked?.resolve(read.result);
			else asked?.reject(switchRefused(read.error));
		} else if (read.method === 'echo') {
			// Section 4.1.11: whoever does not answer is cut off.
			socket.write(JSON.stringify({ id: read.id, result: read.params, error: null }));
		} else onNotice(read.method, read.params);
	});
	socket.on('data', bytes => {
		try {
			take(bytes);
		} catch (cause) {
			fail('it says what nobody can understand', cause);
		}
	});

	return {
		ask(method, params) {
			if (fault) return Promise.reject(fault);
			const id = ++lastId;
			return new Promise((resolve, reject) => {
				const cancel = clock.after(patience, () => {
					waiting.delete(id);
					reject(switchSilent(`no answer to ${method} within ${patience / 1000} s`));
				});
				waiting.set(id, {
					resolve: result => {
						cancel();
						resolve(result);
					},
					reject: why => {
						cancel();
						reject(why);
					},
				});
				socket.write(JSON.stringify({ method, params, id }));
			});
		},
		fail,
		fault: () => fault,
		closed,
		close: () => void socket.destroy(),
	};
}

export const switchRefused = (words: unknown): BimetalError =>
	new BimetalError(
		'SwitchRefused',
		`the switch refuses: ${typeof words === 'string' ? words.trim() : JSON.stringify(words)}`,
	);

export const switchSilent = (what: string): BimetalError =>
	new BimetalError('SwitchSilent', `the switch does not answer: ${what}`);
