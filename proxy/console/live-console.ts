import type { WebSocket } from 'ws';
import type { Clock } from '../../common/clock.ts';
import type { Operator } from '../operator.ts';
import { couple } from './bridge.ts';
import { type ConsoleState, nextConsole } from './console-state.ts';
import { createScrollback } from './scrollback.ts';
import type { Transcript } from './transcript.ts';

/** Why a session ends, as the WebSocket's close code says it (4000 and up are the application's: RFC 6455 §7.4.2). */
export const closeCodes = {
	normal: 1000,
	goingAway: 1001,
	fault: 1011,
	tooSlow: 1013,
	timedOut: 4001,
	endedByParty: 4002,
	notAllowed: 4003,
} as const;
export type CloseReason = keyof typeof closeCodes;

export interface Ending {
	readonly by: Operator | null;
	readonly reason: string;
	readonly why: CloseReason;
}

export interface LiveOptions {
	readonly operator: WebSocket;
	readonly bmc: WebSocket;
	/** A serial console is text: it is kept for watchers, and told in words why it ends. */
	readonly isSerial: boolean;
	readonly transcript: Transcript | undefined;
	readonly clock: Clock;
	/** Milliseconds. */
	readonly idleTimeout: number;
	readonly lifetime: number;
	readonly scrollback: number;
	/** Looks whether it may still go on: why not, or undefined. Called before input goes on, and every few seconds. */
	readonly findObstacle: () => string | undefined;
	/** The same, of what must be looked up. Called every few seconds. */
	readonly findShutWindow: () => Promise<string | undefined>;
	/** Called now and then while the operator types. */
	readonly onUse: () => void;
	/** Called once, when both sides have been told. */
	readonly onEnd: (ending: Ending) => void;
}

/** A console that is open: what goes through it, who looks on, and when it is over. */
export interface LiveConsole {
	state(): ConsoleState;
	/** Bytes from the operator, and from the BMC. */
	bytes(): { readonly in: number; readonly out: number };
	/** Shows what is kept, then everything that comes; the socket's own `close` tells when it no longer does. */
	watch(watcher: WebSocket): void;
	watchers(): number;
	end(ending: Ending): void;
}

/** Milliseconds between two looks at what time may have changed; every sixth asks both sides for a sign of life. */
const lookEvery = 5000;
const looksPerPing = 6;
const mostMissed = 2;
/** Milliseconds that the sides have for closing. */
const patience = 2000;
/** Bytes that may wait for a watcher: it is let go, so that it slows down nobody. */
const watcherHighWater = 1024 * 1024;
/** Milliseconds between two calls of `onUse`. */
const useEvery = 10_000;

export function startLiveConsole(options: LiveOptions): LiveConsole {
	const { operator, bmc, clock, transcript } = options;
	const openedAt = clock.elapsed();
	const scrollback = createScrollback(options.scrollback);
	const watchers = new Set<WebSocket>();
	let state: ConsoleState = { kind: 'open' };
	let bytesIn = 0;
	let bytesOut = 0;
	let lastInput = openedAt;
	let lastUse = openedAt;
	let looks = 0;
	let cancel: () => void = () => undefined;
	/** Signs of life that were asked for and have not come. */
	const awaited = new Map<WebSocket, number>();

	const end = (ending: Ending): void => {
		if (state.kind === 'ended') return;
		state = nextConsole(state, { kind: 'end', by: ending.by, reason: ending.reason, at: clock.now() });
		cancel();
		const code = closeCodes[ending.why];
		const text = Buffer.from(`\r\n[bimetal: ended: ${printable(ending.reason)}]\r\n`);
		const close = ending.why === 'goingAway' ? closeNow : closeSoon;
		for (const socket of [operator, ...watchers]) {
			if (options.isSerial && socket.readyState === socket.OPEN) socket.send(text, { binary: true });
			close(socket, code, ending.reason, clock);
		}
		close(bmc, closeCodes.normal, '', clock);
		options.onEnd(ending);
	};

	const stopped = (why: CloseReason, reason: string) => end({ by: null, reason, why });
	const askForLife = (socket: WebSocket, who: string): void => {
		// What is held back cannot answer: the side that holds it back must.
		const missed = socket.isPaused ? 0 : (awaited.get(socket) ?? 0);
		awaited.set(socket, missed + 1);
		if (missed >= mostMissed) stopped('goingAway', `${who} gives no sign of life`);
		else if (socket.readyState === socket.OPEN) socket.ping();
	};
	const look = (): void => {
		const now = clock.elapsed();
		const obstacle = options.findObstacle();
		if (obstacle !== undefined) stopped('notAllowed', obstacle);
		options.findShutWindow().then(
			shut => {
				if (shut !== undefined) stopped('notAllowed', shut);
			},
			() => stopped('notAllowed', 'it could not be learnt whether it may go on'),
		);
		if (now - openedAt >= options.lifetime) stopped('timedOut', 'the longest time for a session is over');
		if (now - lastInput >= options.idleTimeout)
			stopped('timedOut', `nothing was sent for ${Math.round(options.idleTimeout / 1000)} s`);
		looks++;
		if (looks % looksPerPing === 0) {
			askForLife(operator, 'the operator’s program');
			askForLife(bmc, 'the BMC');
		}
		if (state.kind === 'open') cancel = clock.after(lookEvery, look);
	};
	cancel = clock.after(lookEvery, look);

	const bridge = couple(operator, bmc, {
		fromOperator(bytes) {
			const obstacle = options.findObstacle();
			if (obstacle !== undefined) stopped('notAllowed', obstacle);
			// It may have ended just now.
			if ((state as ConsoleState).kind !== 'open') return false;
			lastInput = clock.elapsed();
			if (lastInput - lastUse >= useEvery) {
				lastUse = lastInput;
				options.onUse();
			}
			bytesIn += bytes.length;
			transcript?.add('i', bytes);
			return true;
		},
		fromBmc(bytes) {
			bytesOut += bytes.length;
			transcript?.add('o', bytes);
			if (!options.isSerial) return;
			scrollback.add(bytes);
			for (const watcher of watchers) {
				if (watcher.bufferedAmount > watcherHighWater) letGo(watcher);
				else if (watcher.readyState === watcher.OPEN) watcher.send(bytes, { binary: true });
			}
		},
		pending: () => transcript?.pending() ?? 0,
	});
	const letGo = (watcher: WebSocket): void => {
		watchers.delete(watcher);
		closeSoon(watcher, closeCodes.tooSlow, 'it reads too slowly', clock);
	};
	transcript?.onDrained(() => bridge.drained());
	transcript?.onFault(reason => stopped('fault', reason));

	for (const [socket, gone] of [
		[operator, 'the operator closed it'],
		[bmc, 'the BMC closed it'],
	] as const) {
		socket.on('pong', () => awaited.delete(socket));
		socket.on('error', fault => stopped('fault', `${gone}: ${fault.message}`));
		socket.on('close', (_code, reason) => {
			const said = printable(reason.toString());
			stopped('normal', said === '' ? gone : `${gone}: ${said}`);
		});
	}
	bmc.resume();

	return {
		state: () => state,
		bytes: () => ({ in: bytesIn, out: bytesOut }),
		watch(watcher) {
			watchers.add(watcher);
			watcher.on('error', () => watcher.terminate());
			watcher.on('close', () => watchers.delete(watcher));
			watcher.on('message', () => {
				watchers.delete(watcher);
				closeSoon(watcher, 1008, 'who watches does not type', clock);
			});
			const shown = scrollback.whole();
			if (shown.length > 0) watcher.send(shown, { binary: true });
		},
		watchers: () => watchers.size,
		end,
	};
}

/** Close frames hold 123 bytes of reason at most (RFC 6455 §5.5). Who does not answer is cut off. */
export function closeSoon(socket: WebSocket, code: number, reason: string, clock: Clock): void {
	if (socket.readyState === socket.CLOSED) return;
	const cancel = clock.after(patience, () => socket.terminate());
	socket.once('close', cancel);
	socket.resume();
	socket.close(code, cut(reason, 123));
}

/**
 * The same for a side that nobody waits for, because it gives no sign of life or the proxy itself is about to end: what
 * the socket can take is written, and then it is cut off.
 */
function closeNow(socket: WebSocket, code: number, reason: string, clock: Clock): void {
	closeSoon(socket, code, reason, clock);
	setImmediate(() => setImmediate(() => socket.terminate()));
}

function cut(text: string, bytes: number): string {
	const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
	return text.slice(0, read);
}

/** What others wrote must not steer a terminal. */
const printable = (text: string): string =>
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
	text.replace(/[\x00-\x1f\x7f-\x9f]/g, ' ').trim();
