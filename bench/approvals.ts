// Ten thousand requests that wait at once: what it takes to look at a page of them and to approve one, against the
// same proxy with ten of them. An approval counts until its answer: recorded, decided again, executed at the BMC, kept.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fetch } from 'undici';
import { generatePassword } from '../common/identity/passwords.ts';
import { createProxyClient, type ProxyClient, type RequestView } from '../proxy/client.ts';
import { createTestTls, writeSiteFolder } from '../test/site-folder.ts';
import type { BenchArea, Figure, Side } from './harness/bench-case.ts';
import type { ReverseProxyReady } from './harness/reverse-proxy.ts';
import { type ServerProcess, startServer } from './harness/server-process.ts';
import type { BmcServerOptions } from './servers/bmc.ts';

const clearLog = '/redfish/v1/Systems/system/LogServices/EventLog/Actions/LogService.ClearLog';
const policies = {
	'operations.yaml': `
- { type: Logging, operation: Clear log, description: waits, match: 'POST ${clearLog}', p2c: HSO and CP }
`,
};

const figures: readonly Figure[] = [
	{ name: '', unit: 'ms for a page of 100 (p50)', better: 'lower' },
	{ name: 'a page, p99', unit: 'ms', better: 'lower' },
	{ name: 'approving, p50', unit: 'ms', better: 'lower' },
	{ name: 'approving, p99', unit: 'ms', better: 'lower' },
	{ name: 'resident memory of the proxy', unit: 'MB', better: 'lower' },
	{ name: 'its heap in use', unit: 'MB', better: 'lower' },
];

export const area: BenchArea = {
	async open() {
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
		const opened: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })];
		const close = async () => {
			for (const end of opened.splice(0).reverse()) await end();
		};
		const start = async <Ready>(name: string, options: unknown): Promise<ServerProcess<Ready>> => {
			const server = await startServer<Ready>(name, options);
			opened.push(() => server.close());
			return server;
		};
		try {
			const tls = await createTestTls();
			const { keyPem: key, certificatePem: cert } = tls.server;
			const password = generatePassword();
			const stateFile = path.join(folder, 'bmc.json');
			const bmcOptions: BmcServerOptions = { key, cert, password, entries: 10, stateFile };
			const bmc = await start<ReverseProxyReady>('bmc', bmcOptions);
			const open = async (waiting: number): Promise<Side> => {
				const site = await writeSiteFolder(path.join(folder, `site-${waiting}`), {
					tls,
					bmcs: { node1: { url: bmc.ready.url, password } },
					policies,
					approvals: { expireAfter: '12h', maxPerOperator: 20_000 },
				});
				const { ready } = await start<Ready>('bimetal', { config: site.config });
				const [hso, cp] = await Promise.all(
					site.operators.map(async ({ name, password: own }) => {
						const { url } = ready;
						const first = createProxyClient({
							url,
							ca: tls.ca,
							credential: { username: name, password: own },
						});
						const { token } = await first.login();
						await first.close();
						const client = createProxyClient({ url, ca: tls.ca, credential: { token } });
						opened.push(() => client.close());
						return client;
					}),
				);
				assert.ok(hso && cp);
				await fill(hso, waiting);
				return createSide(`${waiting.toLocaleString('en')} waiting`, { hso, cp, waiting, ops: ready.ops });
			};
			const [ours, few] = [await open(10_000), await open(10)];
			return { cases: [{ name: '10,000 requests waiting', figures, ours, peers: [few] }], close };
		} catch (error) {
			await close();
			throw error;
		}
	},
};

interface Ready {
	readonly url: string;
	readonly ops: string;
}

async function makeWait(hso: ProxyClient): Promise<void> {
	const { status } = await hso.redfish({ bmc: 'node1', method: 'POST', path: clearLog, body: {} });
	assert.equal(status, 202);
}

/** Eight at a time, as several operators' scripts might; 32 at a time leave some 60 MB more of garbage behind. */
async function fill(hso: ProxyClient, count: number): Promise<void> {
	let left = count;
	const work = async () => {
		while (left-- > 0) await makeWait(hso);
	};
	await Promise.all(Array.from({ length: 8 }, work));
}

interface Waiting {
	readonly hso: ProxyClient;
	readonly cp: ProxyClient;
	readonly waiting: number;
	readonly ops: string;
}

function createSide(name: string, { hso, cp, waiting, ops }: Waiting): Side {
	const page = (after?: string) => cp.requests({ state: 'waiting', limit: 100, after });
	const approve = async (request: RequestView) => {
		const { state, outcome } = await cp.approve(request.id, { digest: request.digest });
		assert.equal(state, 'executed');
		assert.ok(outcome && outcome.status < 300);
	};
	return {
		name,
		async check() {
			const ids = new Set<string>();
			let last: RequestView | undefined;
			for (let after: string | undefined; ; ) {
				const { requests, next } = await page(after);
				for (const request of requests) ids.add(request.id);
				last = requests.at(-1) ?? last;
				if (next === null) break;
				after = next;
			}
			assert.equal(ids.size, waiting);
			assert.ok(last);
			await approve(last);
			assert.equal((await cp.request(last.id)).state, 'executed');
			await makeWait(hso);
		},
		async round(seconds) {
			const pages: number[] = [];
			const approvals: number[] = [];
			let after: string | undefined;
			for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
				const begin = performance.now();
				const { requests, next } = await page(after);
				pages.push(performance.now() - begin);
				after = next ?? undefined;
				const request = requests[Math.floor(requests.length / 2)];
				if (!request) continue;
				const asked = performance.now();
				await approve(request);
				approvals.push(performance.now() - asked);
				await makeWait(hso);
			}
			return {
				'': quantile(pages, 0.5),
				'a page, p99': quantile(pages, 0.99),
				'approving, p50': quantile(approvals, 0.5),
				'approving, p99': quantile(approvals, 0.99),
				...(await memory(ops)),
			};
		},
	};
}

function quantile(values: readonly number[], share: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** As the proxy itself tells Prometheus, in megabytes. */
async function memory(ops: string): Promise<Record<string, number>> {
	const text = await (await fetch(`${ops}/metrics`)).text();
	const megabytes = (name: string) =>
		Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]) / 1e6;
	return {
		'resident memory of the proxy': megabytes('process_resident_memory_bytes'),
		'its heap in use': megabytes('nodejs_heap_size_used_bytes'),
	};
}
