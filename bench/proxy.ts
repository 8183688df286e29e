// What the proxy costs: the same requests to the bare emulated BMC, through two reverse proxies that check
// nothing, and through ours. TLS 1.3 to the client and to the BMC on every way, connections kept everywhere, as many to the
// BMC by every proxy.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generatePassword } from '../common/identity/passwords.ts';
import { createTestTls, writeSiteFolder } from '../test/site-folder.ts';
import type { BenchArea, BenchCase } from './harness/bench-case.ts';
import { getJson, httpFigures, httpSide } from './harness/http-side.ts';
import type { ReverseProxyOptions, ReverseProxyReady } from './harness/reverse-proxy.ts';
import { type ServerProcess, startServer } from './harness/server-process.ts';
import { openSession } from './harness/session.ts';
import type { BmcServerOptions } from './servers/bmc.ts';

/** Of each proxy to the BMC, which serves 200 in all: room for every proxy's and the load generator's own. */
const connections = 32;

const chassis = '/redfish/v1/Chassis/chassis';
const system = '/redfish/v1/Systems/system';
const entries = `${system}/LogServices/EventLog/Entries`;

/** The slides' rows, with an `External` source that needs nothing else running. */
const policies = {
	'operations.yaml': `
- { type: Monitoring, operation: Get chassis, description: no policy, match: 'GET ${chassis}', p2c: HSO }
- { type: Monitoring, operation: Get system, description: pre-policy, match: 'GET ${system}', p2c: HSO and cp }
- { type: Logging, operation: Get log, description: post-policy, match: 'GET ${entries}', p2c: HSO and cp }
`,
	'cp/monitoring.yaml': `
Get system: { cp.pre: 'COUNT(External.Servers.State=="Up")>=1 and Request.Method=="GET"' }
Get log: { cp.post: LogEntry.Severity == "Critical" }
`,
};
const external = {
	Servers: {
		from: 'redfish',
		path: system,
		maxAge: '5s',
		fields: {
			Name: { target: true },
			State: { path: '$.PowerState', values: { On: 'Up' }, otherwise: 'Down' },
		},
		whenUnreachable: { State: 'Down' },
	},
};

interface Collection {
	readonly Members: readonly { readonly Severity: string }[];
}

export const area: BenchArea = {
	async open() {
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
		const servers: ServerProcess<unknown>[] = [];
		const start = async <Ready>(name: string, options: unknown): Promise<ServerProcess<Ready>> => {
			const server = await startServer<Ready>(name, options);
			servers.push(server);
			return server;
		};
		const close = async () => {
			for (const server of servers.reverse()) await server.close();
			await rm(folder, { recursive: true });
		};
		try {
			return { cases: await openCases(folder, start), close };
		} catch (error) {
			await close();
			throw error;
		}
	},
};

async function openCases(
	folder: string,
	start: <Ready>(name: string, options: unknown) => Promise<ServerProcess<Ready>>,
): Promise<BenchCase[]> {
	const tls = await createTestTls();
	const { keyPem: key, certificatePem: cert } = tls.server;
	const password = generatePassword();
	const bmcOptions: BmcServerOptions = {
		key,
		cert,
		password,
		entries: 100,
		stateFile: path.join(folder, 'bmc.json'),
	};
	const bmc = await start<ReverseProxyReady>('bmc', bmcOptions);
	const peerOptions: ReverseProxyOptions = { target: bmc.ready.url, connections, ca: tls.ca, key, cert };
	const legacy = await start<ReverseProxyReady>('http-proxy-legacy', peerOptions);
	const httpxy = await start<ReverseProxyReady>('httpxy', peerOptions);
	const site = await writeSiteFolder(path.join(folder, 'site'), {
		tls,
		bmcs: { node1: { url: bmc.ready.url, password } },
		policies,
		external,
		limits: { bmcConnections: connections, perOperator: 'none', perParty: 'none' },
	});
	const ours = await start<{ bmcs: { node1: string } }>('bimetal', { config: site.config });
	const operator = site.operators.find(({ party }) => party === 'HSO');
	assert.ok(operator);

	// Everybody sends one session token, as a Redfish client does: ours to the proxy, the others' to the BMC.
	const bmcToken = await openSession(bmc.ready.url, tls, 'root', password);
	const ourToken = await openSession(ours.ready.bmcs.node1, tls, operator.name, operator.password);
	const target = (origin: string, token: string, resource: string) => ({
		url: `${origin}${resource}`,
		headers: { 'x-auth-token': token, accept: 'application/json' },
		ca: tls.ca,
	});

	const proxyCase = async (
		name: string,
		resource: string,
		filter: (whole: unknown) => unknown,
	): Promise<BenchCase> => {
		const whole = await getJson(target(bmc.ready.url, bmcToken, resource));
		const side = (
			sideName: string,
			server: ServerProcess<unknown>,
			origin: string,
			token: string,
			right: unknown,
		) =>
			httpSide(sideName, server, target(origin, token, resource), answer => assert.deepEqual(answer, right));
		return {
			name,
			figures: httpFigures,
			ours: side('bimetal', ours, ours.ready.bmcs.node1, ourToken, filter(whole)),
			peers: [
				side('bare BMC', bmc, bmc.ready.url, bmcToken, whole),
				side('http-proxy 1.18.1, keep-alive', legacy, legacy.ready.url, bmcToken, whole),
				side('httpxy', httpxy, httpxy.ready.url, bmcToken, whole),
			],
		};
	};
	return [
		await proxyCase('(a) allowed GET without filter', chassis, whole => whole),
		await proxyCase('(b) GET allowed by a pre-policy', system, whole => whole),
		await proxyCase('(c) GET of a 100-entry log through a post-filter', entries, whole => {
			const { Members, ...rest } = whole as Collection;
			assert.equal(Members.length, 100);
			const shown = Members.filter(({ Severity }) => Severity === 'Critical');
			return { ...rest, Members: shown, 'Members@odata.count': shown.length };
		}),
	];
}
