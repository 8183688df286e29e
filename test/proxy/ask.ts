import { Agent, type RequestOptions, request } from 'node:https';

/** Who asks: an operator by Basic, somebody with a session token or a client certificate, or nobody. */
export type Identified =
	| string
	| null
	| { readonly token: string }
	| { readonly name: string; readonly password: string }
	| { readonly cert: string; readonly key: string };

export interface Reply {
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly text: string;
	readonly bytes: Buffer;
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
	readonly json: any;
	/** Everything that came, as one text: to look for what must not be in it. */
	readonly whole: string;
}

export interface AskOptions {
	/** An object becomes JSON; text is sent as it is. */
	readonly body?: unknown;
	readonly headers?: Readonly<Record<string, string>>;
	/** Breaks the connection off as soon as the request is on its way; the answer is then an error. */
	readonly abortAfterSending?: boolean;
	/** The client's own address, one of 127.0.0.0/8. */
	readonly from?: string;
}

export type Ask = (who: Identified, method: string, target: string, options?: AskOptions) => Promise<Reply>;

/** A client that knows nothing of the proxy, and sends targets as they are given. Connections are kept alive. */
export function createAsk(base: string, ca: string): { ask: Ask; close(): void } {
	const agents = new Map<string, Agent>();
	const agentOf = (who: Identified): Agent => {
		const tls =
			typeof who === 'object' && who !== null && 'cert' in who ? { cert: who.cert, key: who.key } : {};
		const key = JSON.stringify(tls);
		const agent = agents.get(key) ?? new Agent({ keepAlive: true, ca, ...tls });
		agents.set(key, agent);
		return agent;
	};
	const ask: Ask = (who, method, target, options = {}) => {
		const body =
			options.body === undefined || typeof options.body === 'string' || Buffer.isBuffer(options.body)
				? options.body
				: JSON.stringify(options.body);
		const headers: Record<string, string> = { ...credentialOf(who) };
		if (body !== undefined) {
			headers['content-type'] = 'application/json';
			headers['content-length'] = String(Buffer.byteLength(body));
		}
		Object.assign(headers, options.headers);
		const [, origin = base, path = target] = /^(https:\/\/[^/]*)(.*)$/.exec(target) ?? [];
		const { hostname, port } = new URL(origin);
		const how: RequestOptions = { host: hostname, port, path, method, headers, agent: agentOf(who) };
		if (options.from !== undefined) how.localAddress = options.from;
		return new Promise((resolve, reject) => {
			const sent = request(how, response => {
				const chunks: Buffer[] = [];
				response.on('data', (chunk: Buffer) => chunks.push(chunk));
				response.on('error', reject);
				response.on('end', () => {
					const bytes = Buffer.concat(chunks);
					const text = bytes.toString('utf8');
					const whole = [response.statusCode, ...response.rawHeaders, text].join('\n');
					const { statusCode: status = 0, headers: answered } = response;
					resolve({ status, headers: answered, text, bytes, json: parsed(text), whole });
				});
			});
			sent.on('error', reject);
			sent.end(body, () => {
				// One turn later, so that it has really gone.
				if (options.abortAfterSending) setImmediate(() => sent.destroy());
			});
		});
	};
	return {
		ask,
		close() {
			for (const agent of agents.values()) agent.destroy();
		},
	};
}

export function credentialOf(who: Identified): Record<string, string> {
	if (who === null) return {};
	if (typeof who === 'string') return basic(who, `pw-${who}`);
	if ('token' in who) return { 'x-auth-token': who.token };
	return 'password' in who ? basic(who.name, who.password) : {};
}

const basic = (name: string, password: string): Record<string, string> => ({
	authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
