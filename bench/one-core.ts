// What one processor core of proxy can do, and what a connection costs: the same 2 KB of JSON from an origin that
// costs next to nothing, through our proxy, nginx, nginx that asks an authorizer, and two proxies in Node. Whatever
// belongs to a proxy shares one core; the origin and the load generator share the other. TLS 1.3 on every way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { generatePassword } from '../common/identity/passwords.ts';
import { createTestTls, type TestTls, writeSiteFolder } from '../test/site-folder.ts';
import type { BenchArea, BenchCase, Figure, Side } from './harness/bench-case.ts';
import { getJson, type HttpTarget, httpFigures } from './harness/http-side.ts';
import type { ReverseProxyOptions, ReverseProxyReady } from './harness/reverse-proxy.ts';
import { type ServerProcess, startServer } from './harness/server-process.ts';
import { openSession } from './harness/session.ts';
import { loadByWrk } from './harness/wrk.ts';
import type { NginxOptions } from './servers/nginx.ts';

const proxyCore = 0;
const otherCore = 1;

/** Of each proxy to the origin. */
const connections = 32;
const resource = '/redfish/v1/Chassis/chassis';
const policies = {
	'operations.yaml': `
- { type: Monitoring, operation: Get chassis, description: no policy, match: 'GET /redfish/v1/Chassis/{ChassisId}', p2c: HSO }
`,
};

/** Some 2 KB, as a Chassis of bmcweb. */
const chassis = {
	'@odata.id': resource,
	'@odata.type': '#Chassis.v1_22_0.Chassis',
	ChassisType: 'RackMount',
	Id: 'chassis',
	Name: 'chassis',
	PowerState: 'On',
	Status: { Health: 'OK', HealthRollup: 'OK', State: 'Enabled' },
	Links: Object.fromEntries(
		['ComputerSystems', 'ManagedBy', 'Drives', 'PCIeDevices', 'Processors', 'Storage', 'Cables', 'Fans'].map(
			name => [
				name,
				[1, 2].map(number => ({
					'@odata.id': `/redfish/v1/Systems/system/${name}/${number}-of-this-chassis`,
				})),
			],
		),
	),
};

interface Candidate {
	readonly name: string;
	readonly server: ServerProcess<unknown>;
	readonly target: HttpTarget;
}

export const area: BenchArea = {
	async open() {
		assert.ok(availableParallelism() > otherCore, 'this benchmark needs two processor cores');
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
		const opened: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
		const close = async () => {
			for (const end of opened.splice(0).reverse()) await end();
		};
		const start = async <Ready>(
			name: string,
			options: unknown,
			core: number | undefined,
		): Promise<ServerProcess<Ready>> => {
			const server = await startServer<Ready>(name, options, { core });
			opened.push(() => server.close());
			return server;
		};
		try {
			return { cases: casesOf(await startAll(folder, start)), close };
		} catch (error) {
			await close();
			throw error;
		}
	},
};

async function startAll(
	folder: string,
	start: <Ready>(name: string, options: unknown, core: number | undefined) => Promise<ServerProcess<Ready>>,
): Promise<{ ours: Candidate; others: Candidate[]; peers: Candidate[]; tls: TestTls }> {
	const testTls = await createTestTls();
	const { keyPem: key, certificatePem: cert } = testTls.server;
	const { ca } = testTls;
	const startNginx = (role: NginxOptions['role'], core: number) =>
		start<ReverseProxyReady>('nginx', { ca, key, cert, role } satisfies NginxOptions, core);
	const originRole = { kind: 'origin', body: JSON.stringify(chassis) } as const;
	const origin = await startNginx(originRole, otherCore);
	const { url } = origin.ready;

	const startOurs = async (
		name: string,
		options: { processes?: number; coalesce?: boolean },
		core: number | undefined,
	): Promise<Candidate> => {
		const site = await writeSiteFolder(path.join(folder, name), {
			tls: testTls,
			bmcs: { node1: { url, password: generatePassword() } },
			policies,
			limits: { bmcConnections: connections, perOperator: 'none', perParty: 'none' },
			...options,
		});
		const server = await start<{ bmcs: { node1: string } }>('bimetal', { config: site.config }, core);
		const [operator] = site.operators;
		assert.ok(operator);
		const { node1 } = server.ready.bmcs;
		const token = await openSession(node1, testTls, operator.name, operator.password);
		return { name, server, target: targetAt(node1, token, ca) };
	};
	const ours = await startOurs('bimetal', {}, proxyCore);
	const token = ours.target.headers['x-auth-token'] ?? '';

	const peerOptions: ReverseProxyOptions = { target: url, connections, ca, key, cert };
	const toOrigin = { kind: 'proxy', target: url, connections } as const;
	const candidate = (name: string, server: ServerProcess<ReverseProxyReady>): Candidate => ({
		name,
		server,
		target: targetAt(server.ready.url, token, ca),
	});
	return {
		tls: testTls,
		ours,
		others: [
			await startOurs('bimetal, coalesce: false', { coalesce: false }, proxyCore),
			await startOurs('bimetal, processes: 2, on both cores', { processes: 2 }, undefined),
		],
		peers: [
			candidate('nginx', await startNginx(toOrigin, proxyCore)),
			candidate(
				'nginx with auth_request',
				await startNginx({ ...toOrigin, authorizedToken: token }, proxyCore),
			),
			candidate('http-proxy 1.18.1, keep-alive', await start('http-proxy-legacy', peerOptions, proxyCore)),
			candidate('httpxy', await start('httpxy', peerOptions, proxyCore)),
			candidate('the origin itself', await startNginx(originRole, proxyCore)),
		],
	};
}

const targetAt = (origin: string, token: string, ca: string): HttpTarget => ({
	url: `${origin}${resource}`,
	headers: { 'x-auth-token': token, accept: 'application/json' },
	ca,
});

function casesOf({ ours, others, peers, tls: { ca } }: Awaited<ReturnType<typeof startAll>>): BenchCase[] {
	const compare = (
		name: string,
		figures: readonly Figure[],
		round: (one: Candidate) => Side['round'],
		held: readonly Candidate[],
	) => {
		const side = (one: Candidate): Side => ({
			name: one.name,
			check: async () => assert.deepEqual(await getJson(one.target), chassis),
			round: round(one),
		});
		return { name, figures, ours: side(ours), peers: held.map(side) };
	};
	return [
		compare('allowed GET of 2 KB, 64 connections', httpFigures, loadRound(), [...others, ...peers]),
		compare('allowed GETs of 64 resources, 64 connections', httpFigures, loadRound(manyPaths), [
			...others,
			...peers,
		]),
		compare('kept-alive connections', memoryFigures, one => () => memoryRound(one, ca), peers),
	];
}

/** The origin answers them all alike; for a proxy each is another resource. */
const manyPaths = Array.from({ length: 64 }, (_, i) => `${resource}${i}`);

const loadRound =
	(paths?: readonly string[]) =>
	({ name, server, target }: Candidate) =>
	async (seconds: number) => {
		const before = server.cpuTime();
		const { requests, rate, failures, p50, p99 } = await loadByWrk(
			{ ...target, paths, connections: 64, seconds },
			otherCore,
		);
		const used = server.cpuTime() - before;
		assert.equal(failures, 0, `${name}: ${failures} of ${requests} requests failed under load`);
		return { '': rate, p50, p99, 'processor time': used / requests };
	};

const memoryFigures: readonly Figure[] = [
	{ name: '', unit: 'MB resident at 1 connection', better: 'lower' },
	{ name: 'at 1,000 connections', unit: 'MB', better: 'lower' },
];

/** Each connection has had an answer, and stays. */
async function memoryRound({ server, target }: Candidate, ca: string): Promise<Record<string, number>> {
	const sockets: tls.TLSSocket[] = [];
	try {
		sockets.push(await connectAndAsk(target, ca));
		const one = server.residentMemory();
		while (sockets.length < 1000) {
			const more = Array.from({ length: Math.min(50, 1000 - sockets.length) }, () =>
				connectAndAsk(target, ca),
			);
			sockets.push(...(await Promise.all(more)));
		}
		return { '': one / 1e6, 'at 1,000 connections': server.residentMemory() / 1e6 };
	} finally {
		for (const socket of sockets) socket.destroy();
	}
}

async function connectAndAsk({ url, headers }: HttpTarget, ca: string): Promise<tls.TLSSocket> {
	const { hostname, port, pathname } = new URL(url);
	const socket = tls.connect({ host: hostname, port: Number(port), ca });
	const lines = Object.entries({ host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}`);
	socket.write(`GET ${pathname} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
	let answer = '';
	socket.setEncoding('latin1');
	while (!answer.includes('\r\n\r\n')) answer += String((await once(socket, 'data'))[0]);
	assert.match(answer, /^HTTP\/1\.1 200 /);
	socket.resume();
	return socket;
}
