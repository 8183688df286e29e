import assert from 'node:assert/strict';
import tls from 'node:tls';
import { Agent, request } from 'undici';
import type { Figure, Side } from './bench-case.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** What to ask for, of whom. */
export interface HttpTarget {
	readonly url: string;
	readonly headers: Readonly<Record<string, string>>;
	/** PEM of the certificate authority; undefined for plain HTTP. */
	readonly ca: string | undefined;
}

export interface LoadOptions extends HttpTarget {
	/** Values of the Host header, one request after the other; the URL's own when absent. */
	readonly hosts?: readonly string[] | undefined;
	/** Paths, one request after the other; the URL's own when absent. */
	readonly paths?: readonly string[] | undefined;
	readonly connections: number;
	readonly seconds: number;
}

export interface LoadReport {
	readonly requests: number;
	/** Answers a second. */
	readonly rate: number;
	/** Milliseconds. */
	readonly p50: number;
	readonly p99: number;
	/** Answers that are not 2xx, time-outs and broken connections. */
	readonly failures: number;
}

/** The figures of an HTTP case. Processor time is the server's own, whatever the load generator takes. */
export const httpFigures: readonly Figure[] = [
	{ name: '', unit: 'requests/s', better: 'higher' },
	{ name: 'p50', unit: 'ms', better: 'lower' },
	{ name: 'p99', unit: 'ms', better: 'lower' },
	{ name: 'processor time', unit: 'µs/request', better: 'lower' },
];

const connections = 64;

/**
 * A server under the load of 64 kept-alive connections. `expected` checks the JSON that it answers and throws
 * when it is wrong.
 */
export function httpSide(
	name: string,
	server: Pick<ServerProcess<unknown>, 'cpuTime'>,
	target: HttpTarget,
	expected: (answer: unknown) => void,
): Side {
	return {
		name,
		async check() {
			expected(await getJson(target));
		},
		async round(seconds) {
			const options: LoadOptions = { ...target, connections, seconds };
			const before = server.cpuTime();
			const load = await startServer<LoadReport>('load', options);
			const used = server.cpuTime() - before;
			await load.close();
			const { requests, rate, failures, p50, p99 } = load.ready;
			assert.equal(failures, 0, `${name}: ${failures} of ${requests} requests failed under load`);
			assert.ok(requests > 0, `${name}: no answer`);
			return { '': rate, p50, p99, 'processor time': used / requests };
		},
	};
}

/** GETs it once and parses the answer; throws unless it is a 200. */
export async function getJson(target: HttpTarget): Promise<unknown> {
	// The certificate of the benches is for this name, whatever Host the request has.
	const checkServerIdentity: typeof tls.checkServerIdentity = (_name, certificate) =>
		tls.checkServerIdentity('localhost', certificate);
	const connect = { ca: target.ca, checkServerIdentity };
	const dispatcher = new Agent(target.ca === undefined ? {} : { connect });
	try {
		const { statusCode, body } = await request(target.url, { headers: target.headers, dispatcher });
		const text = await body.text();
		assert.equal(statusCode, 200, `${target.url} answered ${statusCode}: ${text}`);
		return JSON.parse(text);
	} finally {
		await dispatcher.close();
	}
}
