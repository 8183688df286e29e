import { Agent, createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { createProxyServer } from 'http-proxy';
import legacy from 'http-proxy-legacy';
import type { JsonObject } from '../../qemu/redfish/json.ts';

/**
 * Proxies as they are often written: a rule over the request as the library shows it, and what is let through is
 * passed on as it came. They are the proof that a test has teeth: what must not happen happens behind them.
 */
export interface NaiveProxy {
	readonly port: number;
	close(): Promise<void>;
}

export interface NaiveOptions {
	/** Origin of the BMC. */
	readonly target: string;
	/** The proxy's own credential on the BMC, which takes the place of the client's. */
	readonly authorization: string;
	/** True: refused with 403. `body` is the whole of it, as text. */
	readonly forbids: (request: NaiveRequest, body: string) => boolean;
}

export interface NaiveRequest {
	readonly method: string;
	/** As node:http shows it. */
	readonly url: string;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The libraries that the deny rule stands before. */
export const libraries = ['httpxy', 'http-proxy 1.18.1'] as const;

/** A reverse proxy made of one of the usual libraries and a rule. */
export async function startLibraryProxy(
	library: (typeof libraries)[number],
	{ target, authorization, forbids }: NaiveOptions,
): Promise<NaiveProxy> {
	const agent = new Agent({ keepAlive: true });
	const server = createServer(async (request, response) => {
		const body = await readAll(request);
		const { method = '', url = '', headers } = request;
		if (forbids({ method, url, headers }, body.toString('utf8'))) {
			response.writeHead(403, { 'content-length': '0' }).end();
			return;
		}
		request.headers.authorization = authorization;
		const failed = () => {
			if (!response.headersSent) response.writeHead(502, { 'content-length': '0' }).end();
		};
		const buffer = Readable.from([body]);
		if (library === 'httpxy') {
			const proxy = createProxyServer({ target, agent, buffer });
			proxy.on('error', failed);
			proxy.web(request, response).catch(failed);
		} else {
			const proxy = legacy.createProxyServer({ target, agent, secure: true, buffer });
			proxy.on('error', failed);
			proxy.web(request, response);
		}
	});
	const port = await new Promise<number>(resolve =>
		server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
	);
	return {
		port,
		close: () =>
			new Promise(resolve => {
				agent.destroy();
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks);
}

/** Looks at the first request of a connection, joins equal headers as node:http does, and lets the rest through. */
export async function startTunnel({
	target,
	forbids,
}: Pick<NaiveOptions, 'target' | 'forbids'>): Promise<NaiveProxy> {
	const { hostname, port: bmcPort } = new URL(target);
	const sockets = new Set<Socket>();
	const keep = (socket: Socket, other: () => Socket | undefined) => {
		sockets.add(socket);
		socket.on('error', () => other()?.destroy());
		socket.on('close', () => {
			sockets.delete(socket);
			other()?.destroy();
		});
	};
	const server = createTcpServer(incoming => {
		let outgoing: Socket | undefined;
		keep(incoming, () => outgoing);
		incoming.once('data', (bytes: Buffer) => {
			const [head = '', body = ''] = bytes.toString('latin1').split('\r\n\r\n');
			const [start = '', ...lines] = head.split('\r\n');
			const [method = '', url = ''] = start.split(' ');
			const headers: Record<string, string> = {};
			for (const line of lines) {
				const [name = '', ...value] = line.split(':');
				const key = name.toLowerCase();
				headers[key] = [...(headers[key] === undefined ? [] : [headers[key]]), value.join(':').trim()].join(
					', ',
				);
			}
			if (forbids({ method, url, headers }, body)) {
				incoming.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
				return;
			}
			outgoing = connect(Number(bmcPort), hostname);
			keep(outgoing, () => incoming);
			outgoing.write(bytes);
			incoming.pipe(outgoing).pipe(incoming);
		});
	});
	const port = await new Promise<number>(resolve =>
		server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
	);
	return {
		port,
		close: () =>
			new Promise(resolve => {
				for (const socket of sockets) socket.destroy();
				server.close(() => resolve());
			}),
	};
}

/** Asks the BMC the very same, and takes out of the answer what `hide` does; the BMC's headers stay. */
export async function startMasker(options: {
	readonly target: string;
	readonly authorization: string;
	readonly hide: (answer: JsonObject) => JsonObject;
}): Promise<NaiveProxy> {
	const server = createServer(async (request, response) => {
		const { method = '', url = '' } = request;
		const headers: Record<string, string> = { authorization: options.authorization };
		for (const name of ['if-match', 'if-none-match', 'content-type']) {
			const value = request.headers[name];
			if (typeof value === 'string') headers[name] = value;
		}
		const body = await readAll(request);
		const sent = body.length > 0 ? { body } : {};
		const answer = await fetch(options.target + url, { method, headers, ...sent });
		const text = await answer.text();
		const isJson = answer.headers.get('content-type') === 'application/json' && text !== '';
		const shown = isJson ? JSON.stringify(options.hide(JSON.parse(text))) : text;
		const etag = answer.headers.get('etag');
		response.writeHead(answer.status, {
			...(etag !== null && { etag }),
			...(answer.status !== 204 && answer.status !== 304 && { 'content-length': Buffer.byteLength(shown) }),
		});
		response.end(shown);
	});
	const port = await new Promise<number>(resolve =>
		server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
	);
	return {
		port,
		close: () =>
			new Promise(resolve => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}
