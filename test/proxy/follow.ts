import { request } from 'node:https';
import { createSseParser, type SseMessage } from '../../proxy/events/sse-parser.ts';

/** A client that follows server-sent events. */
export interface Follower {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	/** Everything that came, as one text. */
	text(): string;
	/** The next event that nobody has taken yet; rejects when the stream ends before it comes. */
	next(): Promise<FollowedEvent>;
	/** Events that came and nobody has taken. */
	waiting(): readonly FollowedEvent[];
	/** Resolves when the stream has ended, whoever ended it. */
	readonly ended: Promise<void>;
	/** Reads no more, and keeps the connection. */
	stall(): void;
	close(): void;
}

export interface FollowedEvent extends SseMessage {
	// biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
	readonly json: any;
}

export async function follow(
	url: string,
	options: { readonly ca: string; readonly headers: Readonly<Record<string, string>> },
): Promise<Follower> {
	const parser = createSseParser({ event: 1024 * 1024 });
	const events: FollowedEvent[] = [];
	const waiting: { resolve: (event: FollowedEvent) => void; reject: (fault: Error) => void }[] = [];
	let text = '';
	const { response, close } = await new Promise<{
		response: import('node:http').IncomingMessage;
		close(): void;
	}>((resolve, reject) => {
		const headers = { accept: 'text/event-stream', ...options.headers };
		const sent = request(url, { ca: options.ca, headers, agent: false }, answered =>
			resolve({ response: answered, close: () => sent.destroy() }),
		);
		sent.on('error', reject);
		sent.end();
	});
	const isStream = response.headers['content-type'] === 'text/event-stream';
	response.on('data', (chunk: Buffer) => {
		text += chunk.toString('utf8');
		if (!isStream) return;
		for (const message of parser.push(chunk)) {
			const event = { ...message, json: JSON.parse(message.data) };
			const first = waiting.shift();
			if (first) first.resolve(event);
			else events.push(event);
		}
	});
	response.on('error', () => undefined);
	const ended = new Promise<void>(resolve =>
		response.on('close', () => {
			for (const { reject } of waiting.splice(0)) reject(new Error('the stream has ended'));
			resolve();
		}),
	);
	return {
		status: response.statusCode ?? 0,
		headers: response.headers,
		text: () => text,
		next() {
			const event = events.shift();
			if (event) return Promise.resolve(event);
			if (response.destroyed) return Promise.reject(new Error('the stream has ended'));
			return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
		},
		waiting: () => events,
		ended,
		stall: () => response.pause(),
		close,
	};
}

export const basicOf = (name: string): Record<string, string> => ({
	authorization: `Basic ${Buffer.from(`${name}:pw-${name}`).toString('base64')}`,
});
