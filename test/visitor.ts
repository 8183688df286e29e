import { Agent, request } from 'undici';

/** What came back. The body is parsed JSON where it is JSON, else text. */
export interface VisitorAnswer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
	readonly body: any;
}

/** An HTTP client that knows nothing of our own client code: JSON over undici with Basic log-in. */
export interface Visitor {
	get(path: string, headers?: Record<string, string>): Promise<VisitorAnswer>;
	post(path: string, body?: unknown): Promise<VisitorAnswer>;
	patch(path: string, body: unknown): Promise<VisitorAnswer>;
	close(): Promise<void>;
}

export interface VisitorOptions {
	readonly url: string;
	/** PEM; certificates are checked against it, never waved through. */
	readonly ca: string;
	readonly username: string;
	readonly password: string;
}

export function createVisitor(options: VisitorOptions): Visitor {
	const dispatcher = new Agent({ connect: { ca: options.ca } });
	const authorization = `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`;
	const send = async (
		method: 'GET' | 'POST' | 'PATCH',
		path: string,
		more: Record<string, string>,
		body?: unknown,
	) => {
		const answer = await request(new URL(path, options.url), {
			method,
			dispatcher,
			headers: {
				authorization,
				...(body === undefined ? {} : { 'content-type': 'application/json' }),
				...more,
			},
			...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
		});
		const text = await answer.body.text();
		return { status: answer.statusCode, headers: answer.headers, body: parsed(text) };
	};
	return {
		get: (path, headers = {}) => send('GET', path, headers),
		post: (path, body) => send('POST', path, {}, body),
		patch: (path, body) => send('PATCH', path, {}, body),
		close: () => dispatcher.destroy(),
	};
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

/** Repeats a question until the answer pleases; throws with the last answer after `seconds`. */
export async function until<T>(
	ask: () => Promise<T>,
	pleases: (answer: T) => boolean,
	seconds = 60,
): Promise<T> {
	const end = Date.now() + seconds * 1000;
	for (;;) {
		const answer = await ask();
		if (pleases(answer)) return answer;
		if (Date.now() > end) throw new Error(`not within ${seconds} s; last: ${JSON.stringify(answer)}`);
		await new Promise(resolve => setTimeout(resolve, 50));
	}
}
