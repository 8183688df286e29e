// How the cost of an allowed GET grows with the number of BMCs behind one proxy, of rules in its policies, and of
// parties. Each size is a proxy process of its own; all of a case are measured in the same rounds.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generatePassword } from '../common/identity/passwords.ts';
import { createTestTls, type SiteFolderOptions, type TestTls, writeSiteFolder } from '../test/site-folder.ts';
import type { BenchArea, BenchCase, Figure, Side } from './harness/bench-case.ts';
import { getJson } from './harness/http-side.ts';
import { type ServerProcess, startServer } from './harness/server-process.ts';
import { openSession } from './harness/session.ts';
import { loadByWrk } from './harness/wrk.ts';
import type { BmcsOptions, BmcsReady } from './servers/bmcs.ts';

const proxyCore = 0;
const otherCore = 1;
const resource = '/redfish/v1/Chassis/chassis';

const figures: readonly Figure[] = [
	{ name: '', unit: 'µs of processor time a request', better: 'lower' },
	{ name: 'p50', unit: 'ms', better: 'lower' },
	{ name: 'resident memory', unit: 'MB', better: 'lower' },
];

interface Lab {
	readonly folder: string;
	readonly tls: TestTls;
	readonly password: string;
	readonly urls: readonly string[];
	start<Ready>(name: string, options: unknown, core: number): Promise<ServerProcess<Ready>>;
}

export const area: BenchArea = {
	async open() {
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
		const opened: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
		const close = async () => {
			for (const end of opened.splice(0).reverse()) await end();
		};
		const start: Lab['start'] = async <Ready>(name: string, options: unknown, core: number) => {
			const server = await startServer<Ready>(name, options, { core });
			opened.push(() => server.close());
			return server;
		};
		try {
			const tls = await createTestTls();
			const password = generatePassword();
			const { keyPem: key, certificatePem: cert } = tls.server;
			const options: BmcsOptions = { key, cert, password, count: 800 };
			const { ready } = await start<BmcsReady>('bmcs', options, otherCore);
			const lab: Lab = { folder, tls, password, urls: ready.urls, start };
			return { cases: [await bmcCase(lab), await ruleCase(lab), await partyCase(lab)], close };
		} catch (error) {
			await close();
			throw error;
		}
	},
};

/** The largest is held against all smaller ones. */
async function caseOf(
	name: string,
	sizes: readonly number[],
	open: (size: number) => Promise<Side>,
): Promise<BenchCase> {
	const sides: Side[] = [];
	for (const size of sizes) sides.push(await open(size));
	const ours = sides.pop();
	assert.ok(ours);
	return { name, chart: 'growth', figures, ours, peers: sides };
}

const row = (name: string, target: string, p2c: string): string =>
	`- { type: Monitoring, operation: ${name}, description: measured, match: 'GET ${target}', p2c: ${p2c} }`;

const bmcCase = (lab: Lab): Promise<BenchCase> =>
	caseOf('number of BMCs', [8, 80, 800], size =>
		openSide(lab, `${size} BMCs`, {
			count: size,
			policies: { 'operations.yaml': row('Get', resource, 'P1') },
		}),
	);

/** Rows and as many policies; what is asked for falls under the last of them. */
const ruleCase = (lab: Lab): Promise<BenchCase> =>
	caseOf('number of rules', [10, 100, 1000, 10_000], size => {
		const targets = Array.from({ length: size }, (_, i) =>
			i === size - 1 ? resource : `/redfish/v1/Chassis/chassis/Oem/Rule${i}/{part}`,
		);
		return openSide(lab, `${size} rules`, {
			policies: {
				'operations.yaml': targets.map((target, i) => row(`Get ${i}`, target, 'P1 and p2')).join('\n'),
				'p2/rules.yaml': targets
					.map((_, i) => `Get ${i}: { p2.pre: 'Request.Method=="GET" and Request.Operation!="${i}"' }`)
					.join('\n'),
			},
		});
	});

/** The first party's operator asks; every other one's policy must hold. */
const partyCase = (lab: Lab): Promise<BenchCase> =>
	caseOf('number of parties', [2, 4, 8, 16], size => {
		const parties = Array.from({ length: size }, (_, i) => `P${i + 1}`);
		const others = parties.slice(1).map(party => party.toLowerCase());
		return openSide(lab, `${size} parties`, {
			parties,
			policies: {
				'operations.yaml': row('Get', resource, ['P1', ...others].join(' and ')),
				...Object.fromEntries(
					others.map(party => [
						`${party}/power.yaml`,
						`Get: { ${party}.pre: 'Request.Method=="GET" and Request.Bmc!="${party}"' }`,
					]),
				),
			},
		});
	});

async function openSide(
	{ folder, tls, password, urls, start }: Lab,
	name: string,
	{
		count = 1,
		parties = ['P1', 'P2'],
		...options
	}: Pick<SiteFolderOptions, 'policies' | 'parties'> & { readonly count?: number },
): Promise<Side> {
	const hosts = urls.slice(0, count).map((_, i) => `node${i + 1}.test`);
	const site = await writeSiteFolder(path.join(folder, name.replace(' ', '-')), {
		...options,
		parties,
		tls,
		bmcs: Object.fromEntries(
			hosts.map((host, i) => [`node${i + 1}`, { url: urls[i] ?? '', password, host }]),
		),
		limits: { bmcConnections: 32, perOperator: 'none', perParty: 'none' },
	});
	const server = await start<{ url: string }>('bimetal', { config: site.config }, proxyCore);
	const [operator] = site.operators;
	assert.ok(operator);
	const token = await openSession(server.ready.url, tls, operator.name, operator.password);
	const target = {
		url: `${server.ready.url}${resource}`,
		headers: { 'x-auth-token': token, accept: 'application/json' },
		ca: tls.ca,
	};
	const load = (seconds: number) => loadByWrk({ ...target, hosts, connections: 64, seconds }, otherCore);
	return {
		name,
		/** Every BMC once: what a first request needs (a connection, a log-in) is not what is measured. */
		async check() {
			for (let from = 0; from < hosts.length; from += 16) {
				const some = hosts.slice(from, from + 16).map(async host => {
					const answer = await getJson({ ...target, headers: { ...target.headers, host } });
					assert.equal((answer as { '@odata.id'?: unknown })['@odata.id'], resource);
				});
				await Promise.all(some);
			}
		},
		async round(seconds) {
			const before = server.cpuTime();
			const { requests, failures, p50 } = await load(seconds);
			const used = server.cpuTime() - before;
			assert.equal(failures, 0, `${name}: ${failures} of ${requests} requests failed under load`);
			return { '': used / requests, p50, 'resident memory': server.residentMemory() / 1e6 };
		},
	};
}
