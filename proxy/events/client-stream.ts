import type { ServerResponse } from 'node:http';
import type { Clock } from '../../common/clock.ts';
import { addPrefix } from '../forward/links.ts';
import type { View } from './event-message.ts';
import type { ViewFilter } from './sse-filter.ts';

/** Why a stream ended, for metrics and the record. */
export type StreamEnd = 'client' | 'slow' | 'denied' | 'logged out' | 'deleted' | 'shutdown' | 'fault';

export interface ClientStreamOptions {
	readonly response: ServerResponse;
	readonly prefix: string;
	/** `$filter`; undefined shows everything. */
	readonly filter: ViewFilter | undefined;
	/** Whether its client is still who it was: throws, or rejects, when the session has ended and the like. */
	readonly stillIs: () => unknown;
	readonly clock: Clock;
	/** Milliseconds between comments that keep the connection from being taken for dead. */
	readonly keepAlive: number;
	/** Bytes that a slow reader may leave unread. */
	readonly buffer: number;
	/** Called once, when it is over. */
	readonly onEnd: (why: StreamEnd) => void;
}

export interface ClientStream {
	tell(view: View): void;
	/** Ends it if its client is no longer who it was. */
	check(): void;
	end(why: StreamEnd): void;
}

/** Events that may wait for the answer whether the client still is who it was. */
const mostUntold = 1000;

/** The server-sent events of one client, from the head of the answer to its end. */
export function openClientStream(options: ClientStreamOptions): ClientStream {
	const { response, prefix, filter, clock } = options;
	let isOver = false;
	let cancel: () => void = () => undefined;
	/** What is told, one after the other: to ask whether the client still is who it was may take its time. */
	let telling: Promise<void> | undefined;
	let untold = 0;

	const end = (why: StreamEnd): void => {
		if (isOver) return;
		isOver = true;
		cancel();
		// A slow reader would never read the end either.
		if (why === 'slow' || why === 'fault') response.destroy();
		else response.end();
		options.onEnd(why);
	};
	const write = (text: string): void => {
		if (isOver) return;
		// What is being written counts only once its reader has had the time to take it.
		if (response.writableLength > options.buffer) end('slow');
		else response.write(text);
	};
	const beat = (): void => {
		cancel = clock.after(options.keepAlive, () => {
			check();
			write(': keep-alive\n\n');
			if (!isOver) beat();
		});
	};
	/** Calls `then` unless the client is no longer who it was; at once where that can be told at once. */
	const whileStill = (then: () => void): void => {
		const run = (): void | Promise<void> => {
			if (isOver) return;
			try {
				const asked = options.stillIs();
				if (!(asked instanceof Promise)) return then();
				return asked.then(then, () => end('logged out'));
			} catch {
				end('logged out');
			}
		};
		const next = telling ? telling.then(run) : run();
		if (!(next instanceof Promise)) return;
		if (++untold > mostUntold) end('slow');
		telling = next;
		void next.finally(() => {
			untold--;
			if (telling === next) telling = undefined;
		});
	};
	const check = (): void => whileStill(() => undefined);

	response.once('close', () => end('client'));
	response.writeHead(200, {
		'content-type': 'text/event-stream',
		'cache-control': 'no-store',
		'odata-version': '4.0',
		'x-content-type-options': 'nosniff',
	});
	// A head alone tells the client that it is being listened for it.
	response.write(': following\n\n');
	beat();
	return {
		tell: view =>
			whileStill(() => {
				const wanted = filter ? filter(view) : view;
				if (wanted) write(renderSse(wanted, prefix));
			}),
		check,
		end,
	};
}

function renderSse({ id, body }: View, prefix: string): string {
	const shown = prefix === '' ? body : addPrefix(body, prefix);
	return `id: ${id}\ndata: ${JSON.stringify(shown)}\n\n`;
}
