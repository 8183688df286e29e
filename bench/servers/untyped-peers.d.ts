// As much of http-proxy 1.18.1 as the benchmark and the tests call; it brings no types.
declare module 'http-proxy-legacy' {
	import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
	import type { Socket } from 'node:net';
	import type { Stream } from 'node:stream';

	interface LegacyProxy {
		web(request: IncomingMessage, response: ServerResponse): void;
		on(
			event: 'error',
			listener: (error: Error, request: IncomingMessage, response: ServerResponse | Socket) => void,
		): this;
	}
	const legacy: {
		createProxyServer(options: {
			target: string;
			agent: Agent;
			secure: boolean;
			buffer?: Stream;
		}): LegacyProxy;
	};
	export default legacy;
}

declare module 'json-logic-js' {
	const jsonLogic: { apply(rule: object, data: object): unknown };
	export default jsonLogic;
}
