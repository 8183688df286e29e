import type { ClientChannel } from 'ssh2';

/** Bytes to and from a switch. What is not read waits at the switch: no more than a window of 2 MiB comes by itself. */
export interface SshChannel {
	/** What has come; waits for something. Throws SwitchAway when nothing more will, or the signal's reason. */
	read(signal: AbortSignal): Promise<Buffer>;
	/** Resolves when it was handed to the network. */
	write(bytes: string | Buffer, signal: AbortSignal): Promise<void>;
	/** False once nothing more comes, as far as is known. */
	readonly isOpen: boolean;
	close(): void;
}

export function openSshChannel(
	channel: ClientChannel,
	ended: AbortSignal,
	away: (why: string) => Error,
): SshChannel {
	let isOver = false;
	const over = (): void => {
		isOver = true;
	};
	channel.on('error', over);
	channel.on('end', over);
	channel.on('close', over);
	// Whoever waits for this listens anew each time; without one that stays the stream would change its mode each time.
	channel.on('readable', () => undefined);
	// Not read, it would fill the window of both.
	channel.stderr.resume();

	/** Resolves at one of the events, or when the connection ends; rejects when given up. */
	function when(events: readonly string[], signal: AbortSignal): Promise<void> {
		return new Promise((resolve, reject) => {
			const stop = (act: () => void): void => {
				for (const event of events) channel.removeListener(event, go);
				signal.removeEventListener('abort', giveUp);
				ended.removeEventListener('abort', go);
				act();
			};
			const go = (): void => stop(resolve);
			const giveUp = (): void => stop(() => reject(signal.reason));
			for (const event of events) channel.on(event, go);
			signal.addEventListener('abort', giveUp);
			ended.addEventListener('abort', go);
		});
	}

	return {
		async read(signal) {
			for (;;) {
				signal.throwIfAborted();
				const bytes = channel.read() as Buffer | null;
				if (bytes !== null) return bytes;
				ended.throwIfAborted();
				if (isOver) throw away('ended the session');
				await when(['readable', 'end', 'close', 'error'], signal);
			}
		},
		async write(bytes, signal) {
			signal.throwIfAborted();
			ended.throwIfAborted();
			if (isOver) throw away('ended the session');
			if (channel.write(bytes)) return;
			await when(['drain', 'close', 'error'], signal);
			ended.throwIfAborted();
		},
		get isOpen() {
			return !isOver && !ended.aborted;
		},
		close: () => channel.close(),
	};
}
