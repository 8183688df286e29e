import { connect, type TLSSocket } from 'node:tls';

/** One kept-alive TLS connection to a verifier, for one call at a time: a client that costs little beside what it measures. */
export interface Line {
	/** The verifier closes it when nothing comes for a while. */
	readonly isOpen: boolean;
	/** Throws unless the answer is 200. */
	post(path: string, body: string): Promise<Record<string, unknown>>;
	close(): void;
}

interface Waiting {
	resolve(answer: Record<string, unknown>): void;
	reject(fault: Error): void;
}

/** Milliseconds: a verifier that is overloaded takes long, one that hangs for ever. */
const patience = 120_000;

/** @param ca PEM: who certifies the verifier */
export async function openLine(url: string, ca: string): Promise<Line> {
	const { hostname, port } = new URL(url);
	const socket = connect({ host: hostname, port: Number(port), ca });
	await new Promise<void>((resolve, reject) => {
		socket.once('secureConnect', resolve);
		socket.once('error', reject);
	});
	socket.setNoDelay(true);
	return lineOver(socket, hostname);
}

function lineOver(socket: TLSSocket, host: string): Line {
	let waiting: Waiting | undefined;
	let received = '';
	const settle = (act: (waited: Waiting) => void): void => {
		const waited = waiting;
		waiting = undefined;
		if (waited) act(waited);
	};
	const fail = (fault: Error): void => settle(({ reject }) => reject(fault));
	socket.on('error', fail);
	socket.on('close', () => fail(new Error('the verifier has closed the connection')));
	socket.setTimeout(patience, () => {
		if (waiting) socket.destroy(new Error(`the verifier does not answer within ${patience / 1000} s`));
	});
	// Whatever a verifier says to an agent is ASCII.
	socket.setEncoding('latin1');
	socket.on('data', (text: string) => {
		received += text;
		const end = received.indexOf('\r\n\r\n') + 4;
		const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1]);
		if (end < 4 || received.length < end + length) return;
		const body = received.slice(end, end + length);
		const isGood = received.startsWith('HTTP/1.1 200 ');
		received = received.slice(end + length);
		settle(({ resolve, reject }) => {
			if (isGood) resolve(JSON.parse(body) as Record<string, unknown>);
			else reject(new Error(body));
		});
	});
	return {
		get isOpen() {
			return !socket.destroyed && socket.readyState === 'open';
		},
		post: (path, body) =>
			new Promise((resolve, reject) => {
				if (waiting) throw new Error('a call is under way on this connection');
				waiting = { resolve, reject };
				socket.write(
					`POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
				);
			}),
		close: () => socket.destroy(),
	};
}
