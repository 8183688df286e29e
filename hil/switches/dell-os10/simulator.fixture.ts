import { z } from 'zod';
import type { PortState } from '../../core/actions.ts';
import {
	type HttpsSimulator,
	type SimulatedRequest,
	type SimulatedResponse,
	startHttpsSimulator,
} from '../transport/https-simulator.fixture.ts';
import { cloneOf, createOs10Model, entry, type Os10Config, Refusal, refuse } from './model.fixture.ts';

/** A switch with OS10 10.5 in full-switch mode and RESTCONF, as far as ports and VLANs go. */
export interface Os10Simulator extends HttpsSimulator {
	readonly config: Os10Config;
	/** What passes a port now. */
	carries(port: string): PortState;
	/** What passed the port after each change of anything. */
	readonly history: { readonly port: string; readonly state: PortState }[];
	/** Somebody else has the configuration locked. */
	isLocked: boolean;
	/** Merges only so many entries of a PATCH, and then says that it failed. */
	mergesOnly: number | undefined;
	/** Off and on again. */
	restart(): void;
}

const root = '/restconf/data/ietf-interfaces:interfaces';

const patch = z.strictObject({ 'ietf-interfaces:interfaces': z.strictObject({ interface: z.array(entry) }) });
const copyConfig = z.strictObject({
	'yuma-netconf:input': z.strictObject({
		target: z.strictObject({ startup: z.tuple([z.null()]) }),
		source: z.strictObject({ running: z.tuple([z.null()]) }),
	}),
});

export async function startOs10(): Promise<Os10Simulator> {
	const names = ['ethernet1/1/1', 'ethernet1/1/2', 'ethernet1/1/3', 'ethernet1/1/25:1'];
	const { config, become, merge, leave, listAll, carries } = createOs10Model(names);
	let startup = cloneOf(config);
	const note = (): void => {
		for (const port of names) simulator.history.push({ port, state: carries(port) });
	};

	function change(request: SimulatedRequest): SimulatedResponse {
		const { method, path, body, headers } = request;
		if (simulator.isLocked) refuse(409, 'lock-denied', 'Configuration is locked by user admin');
		const isJson = /^application\/(yang-data\+)?json$/.test(String(headers['content-type'] ?? ''));
		if (method !== 'DELETE' && !isJson) refuse(415, 'invalid-value', 'Unsupported Media Type');
		if (method === 'POST' && path === '/restconf/operations/copy-config') {
			if (!copyConfig.safeParse(JSON.parse(body)).success) refuse(400, 'malformed-message', 'copy-config');
			startup = cloneOf(config);
			return { status: 204 };
		}
		if (method === 'PATCH' && path === root) {
			const parsed = patch.safeParse(JSON.parse(body));
			if (!parsed.success) return refuse(400, 'malformed-message', parsed.error.message);
			const entries = parsed.data['ietf-interfaces:interfaces'].interface;
			for (const [index, each] of entries.entries()) {
				if (index === simulator.mergesOnly) {
					note();
					refuse(500, 'operation-failed', 'commit failed: Hardware error');
				}
				merge(each);
			}
			return { status: 204 };
		}
		const [, vlan, list, port = ''] =
			/\/interface=vlan(\d+)\/dell-interface:(untagged|tagged)-ports=([^/]+)$/.exec(path) ?? [];
		if (method === 'DELETE' && path.startsWith(`${root}/`) && (list === 'untagged' || list === 'tagged')) {
			leave(Number(vlan), list, decodeURIComponent(port));
			return { status: 204 };
		}
		return refuse(405, 'operation-not-supported', 'Method Not Allowed');
	}

	function handle(request: SimulatedRequest): SimulatedResponse {
		const headers = { 'content-type': 'application/yang-data+json', server: 'OS10' };
		if (request.method === 'GET') {
			if (request.path === `${root}/interface?content=config`) {
				return { status: 200, headers, body: JSON.stringify({ 'ietf-interfaces:interface': listAll() }) };
			}
			return { status: 404, headers, body: errorBody('invalid-value', 'URI not found') };
		}
		const before = cloneOf(config);
		try {
			const answer = change(request);
			note();
			return answer;
		} catch (fault) {
			if (!(fault instanceof Refusal)) throw fault;
			// All of a request or nothing, unless it is one that does half.
			if (simulator.mergesOnly === undefined) become(before);
			return { status: fault.status, headers, body: errorBody(fault.tag, fault.message) };
		}
	}

	const https = await startHttpsSimulator(handle);
	const simulator: Os10Simulator = Object.assign(https, {
		config,
		carries,
		history: [] as Os10Simulator['history'],
		isLocked: false,
		mergesOnly: undefined,
		restart() {
			become(cloneOf(startup));
			https.endConnections();
		},
	});
	return simulator;
}

const errorBody = (tag: string, message: string): string =>
	JSON.stringify({
		'ietf-restconf:errors': {
			error: [{ 'error-type': 'application', 'error-tag': tag, 'error-message': message }],
		},
	});
