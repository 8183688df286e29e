import type { OpenConsole } from '../../proxy/client.ts';

/** What a reader may leave unread before its console is ended. */
const mostUnread = 1024 * 1024;

/** What a console shows, until it ends, the signal is aborted, or its reader does not keep up. */
export async function* consoleOutput(console: OpenConsole, signal: AbortSignal): AsyncGenerator<Uint8Array> {
	const pieces: Uint8Array[] = [];
	let unread = 0;
	let isOver = false;
	let wake: () => void = () => undefined;
	const end = (): void => {
		isOver = true;
		wake();
	};
	console.onData(bytes => {
		pieces.push(bytes);
		unread += bytes.length;
		if (unread > mostUnread) end();
		wake();
	});
	void console.closed.then(end);
	signal.addEventListener('abort', end, { once: true });
	try {
		while (!signal.aborted) {
			const piece = pieces.shift();
			if (piece) {
				unread -= piece.length;
				yield piece;
			} else if (isOver) return;
			else {
				await new Promise<void>(resolve => {
					wake = resolve;
				});
			}
		}
	} finally {
		signal.removeEventListener('abort', end);
		console.close();
	}
}
