import type { PortState } from '../../core/actions.ts';
import {
	type HttpsSimulator,
	type SimulatedRequest,
	type SimulatedResponse,
	startHttpsSimulator,
} from '../transport/https-simulator.fixture.ts';
import { createNxCli, type NxPort } from './cli.fixture.ts';

/** A Nexus 9000 with four ports and NX-API, as far as ports and VLANs go. */
export interface NexusSimulator extends HttpsSimulator {
	/** What passes a port now. */
	carries(port: string): PortState;
	/** What passed the port after each command that changed it. */
	readonly history: { readonly port: string; readonly state: PortState; readonly command: string }[];
	readonly ports: ReadonlyMap<string, NxPort>;
	readonly vlans: Set<number>;
	/** The switch stops before the command of this number (from 0) of a request that changes something; no answer comes. */
	diesBefore: number | undefined;
	/** Commands that are answered with an error; the second text is what the switch says. */
	readonly refuses: Map<string, string>;
	/** Commands that are answered as if they had been carried out, and are not. */
	readonly ignores: Set<string>;
	/** It is one of those that run the commands behind a refused one as well. */
	goesOn: boolean;
	/** Off and on again. */
	restart(): void;
}

interface Call {
	readonly jsonrpc?: unknown;
	readonly method?: unknown;
	readonly params?: { readonly cmd?: unknown; readonly version?: unknown };
	readonly id?: unknown;
}

export async function startNexus(): Promise<NexusSimulator> {
	const history: NexusSimulator['history'] = [];
	const cli = createNxCli((port, command) => history.push({ port, command, state: cli.carries(port) }));
	const refuses = new Map<string, string>();
	const ignores = new Set<string>();

	function answer(call: Call): { status: number; body: object } {
		const { jsonrpc, method, params, id } = call;
		const failed = (code: number, message: string, msg: string) => ({
			status: code === -32602 ? 500 : 400,
			body: { jsonrpc: '2.0', error: { code, message, data: { msg } }, id },
		});
		if (jsonrpc !== '2.0' || !Number.isInteger(id))
			return failed(-32600, 'Invalid request', 'Invalid request');
		if (method !== 'cli' && method !== 'cli_ascii')
			return failed(-32601, 'Method not found', 'Method not found');
		if (typeof params?.cmd !== 'string' || params.version !== 1) {
			return failed(-32600, 'Invalid request', 'Missing or wrong parameter: cmd, version');
		}
		// `cli` gives show commands as structured data, which this simulator does not have.
		if (method === 'cli' && params.cmd.startsWith('show'))
			return failed(-32602, 'Invalid params', 'Structured output unsupported');
		if (ignores.has(params.cmd)) return { status: 200, body: { jsonrpc: '2.0', result: null, id } };
		const refusal = refuses.get(params.cmd);
		const { text, isError } = refusal === undefined ? cli.run(params.cmd) : { text: refusal, isError: true };
		if (isError) return failed(-32602, 'Invalid params', text);
		return { status: 200, body: { jsonrpc: '2.0', result: text === '' ? null : { msg: text }, id } };
	}

	function handle(request: SimulatedRequest): SimulatedResponse {
		const { method, path, headers, body } = request;
		const plain = (status: number, text: string) => ({
			status,
			headers: { 'content-type': 'text/html' },
			body: text,
		});
		if (path !== '/ins') return plain(404, '<h1>404 Not Found</h1>');
		if (method !== 'POST') return plain(405, '<h1>405 Method Not Allowed</h1>');
		if (headers['content-type'] !== 'application/json-rpc')
			return plain(400, 'Request content type is wrong');
		const parsed = JSON.parse(body) as Call | Call[];
		const calls = Array.isArray(parsed) ? parsed : [parsed];
		const isChange = calls.some(({ params }) => !String(params?.cmd).startsWith('show'));
		const answers: object[] = [];
		let status = 200;
		for (const [index, call] of calls.entries()) {
			if (isChange && index === simulator.diesBefore) throw new Error('power failure');
			const answered = answer(call);
			answers.push(answered.body);
			status = Math.max(status, answered.status);
			if (answered.status !== 200 && !simulator.goesOn) break;
		}
		return {
			status,
			headers: { 'content-type': 'application/json-rpc; charset=UTF-8', server: 'nginx/1.7.10' },
			body: JSON.stringify(answers.length === 1 ? answers[0] : answers),
		};
	}

	const https = await startHttpsSimulator(handle);
	const simulator: NexusSimulator = Object.assign(https, {
		carries: cli.carries,
		history,
		ports: cli.ports,
		vlans: cli.vlans,
		diesBefore: undefined,
		refuses,
		ignores,
		goesOn: false,
		restart() {
			cli.restart();
			https.endConnections();
		},
	});
	return simulator;
}
