import net from 'node:net';

/** What came back over one connection. */
export interface WireAnswer {
	readonly status: number;
	/** Names as they came; several of one name are kept apart. */
	readonly headers: readonly (readonly [string, string])[];
	readonly body: string;
}

export interface WireOptions {
	readonly expected?: number;
	readonly until?: (text: string) => boolean;
	readonly waitMs?: number;
}

/**
 * Sends bytes as they are over plain TCP and waits for `expected` answers, for `until` to hold, for the end of
 * the connection, or for `waitMs` to pass, whichever comes first. For tests that need requests which no HTTP
 * client would send.
 */
export function sendRaw(
	port: number,
	request: string | Buffer,
	{ expected = 1, until, waitMs = 30_000 }: WireOptions = {},
): Promise<{ answers: WireAnswer[]; closed: boolean; text: string }> {
	return new Promise(resolve => {
		const socket = net.connect(port, '127.0.0.1');
		let text = '';
		let closed = false;
		const finish = () => {
			clearTimeout(timer);
			socket.destroy();
			resolve({ answers: splitAnswers(text), closed, text });
		};
		const timer = setTimeout(finish, waitMs);
		socket.on('data', bytes => {
			text += bytes.toString('latin1');
			if (until ? until(text) : splitAnswers(text).length >= expected) finish();
		});
		socket.on('close', () => {
			closed = true;
			finish();
		});
		socket.on('error', () => {});
		socket.write(request);
	});
}

/** The complete answers in a piece of wire text; bodies are UTF-8. */
export function splitAnswers(text: string): WireAnswer[] {
	const answers: WireAnswer[] = [];
	let rest = text;
	for (;;) {
		const end = rest.indexOf('\r\n\r\n');
		if (end < 0) return answers;
		const [start = '', ...lines] = rest.slice(0, end).split('\r\n');
		const headers = lines.map((line): [string, string] => {
			const colon = line.indexOf(':');
			return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
		});
		const length = Number(headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0);
		if (rest.length < end + 4 + length) return answers;
		const body = Buffer.from(rest.slice(end + 4, end + 4 + length), 'latin1').toString('utf8');
		answers.push({ status: Number(start.split(' ')[1]), headers, body });
		rest = rest.slice(end + 4 + length);
	}
}
