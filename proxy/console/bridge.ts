import type { WebSocket } from 'ws';

/** Bytes that may wait to be sent to one side before the other one is no longer read. */
const highWater = 256 * 1024;
const lowWater = 64 * 1024;

export interface Taps {
	/** What the operator sends, before it goes to the BMC; false keeps it from going there. */
	fromOperator(bytes: Buffer): boolean;
	fromBmc(bytes: Buffer): void;
	/** Bytes that wait for something else than the other side: both sides are held back meanwhile. */
	pending(): number;
}

export interface Bridge {
	/** To be called when `pending` has become small again. */
	drained(): void;
}

/**
 * Couples two WebSockets, message by message: text stays text, binary stays binary. Who reads slowly slows down who
 * sends: beyond the high-water mark the other side is not read, so that neither makes the proxy's memory grow.
 */
export function couple(operator: WebSocket, bmc: WebSocket, taps: Taps): Bridge {
	const pass = (from: WebSocket, to: WebSocket, tap: (bytes: Buffer) => boolean): (() => void) => {
		const goOn = (): void => {
			if (from.isPaused && to.bufferedAmount <= lowWater && taps.pending() <= lowWater) from.resume();
		};
		from.on('message', (data, isBinary) => {
			// `ws` gives Buffers with its default binaryType.
			const bytes = data as Buffer;
			if (!tap(bytes) || to.readyState !== to.OPEN) return;
			to.send(bytes, { binary: isBinary }, goOn);
			if (to.bufferedAmount > highWater || taps.pending() > highWater) from.pause();
		});
		return goOn;
	};
	const continueBmc = pass(bmc, operator, bytes => {
		taps.fromBmc(bytes);
		return true;
	});
	const continueOperator = pass(operator, bmc, taps.fromOperator);
	return {
		drained() {
			continueBmc();
			continueOperator();
		},
	};
}
