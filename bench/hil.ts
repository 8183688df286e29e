// hil over HTTP on its durable store, with 10,000 recorded nodes against the same with 8 and 1,000: what it does must not
// take longer for what else is recorded. The switch is the mock: what a real one takes comes on top.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { openStore } from '../common/store/open-store.ts';
import * as nodes from '../hil/core/nodes.ts';
import * as switches from '../hil/core/switches.ts';
import type { World } from '../hil/core/world.ts';
import { startHil } from '../hil/hil.fixture.ts';
import { createMockSwitches } from '../hil/switches/mock.ts';
import type { BenchArea, Side } from './harness/bench-case.ts';
import { median } from './harness/bench-case.ts';

const sizes = [10_000, 8, 1000] as const;
/** Callers at once, each with a node of its own. */
const many = 8;

interface Site {
	call(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }>;
	close(): Promise<void>;
}

async function openSite(size: number): Promise<Site> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-hil-'));
	const ends: (() => unknown)[] = [() => rm(folder, { recursive: true })];
	const store = await openStore({ engine: 'sqlite', file: join(folder, 'hil.db') });
	ends.push(() => store.close());
	const hil = await startHil({ teardown: end => void ends.push(end) }, { store, pool: [10, 11] });
	const mock = createMockSwitches().type;
	const world: World = {
		actor: { name: 'bench', isAdmin: true, projects: new Set() },
		now: 0,
		newId: randomUUID,
		switchKinds: new Map([[mock.type, mock]]),
		seal: text => text,
		images: [],
		maintenance: undefined,
		obmUrls: [],
	};
	for (let from = 0; from < size; from += 1000) {
		await store.transact(async tx => {
			for (let index = from; index < Math.min(size, from + 1000); index++) {
				const [node, port] = [`n${index}`, `gi1/0/${index}`];
				const label = `s${Math.floor(index / 48)}`;
				if (index % 48 === 0) {
					const settings = { hostname: label, username: 'u', password: 'p' };
					await switches.registerSwitch(tx, { switch: label, type: mock.type, ...settings }, world);
				}
				const metadata = { ram: 64 + (index % 8) * 64, rack: `r${index % 100}` };
				const obmd = { uri: `https://proxy.example/bmc/${node}` };
				await nodes.registerNode(tx, { node, obmd, metadata }, world);
				await nodes.registerNic(tx, { node, nic: 'eth0', macaddr: '' });
				await switches.registerPort(tx, { switch: label, port }, world);
				await switches.connectNic(tx, { switch: label, port, node, nic: 'eth0' });
			}
		});
	}
	const agent = new Agent({ connections: many });
	ends.push(() => agent.destroy());
	const authorization = `Basic ${Buffer.from('root:root').toString('base64')}`;
	const call: Site['call'] = async (method, path, body) => {
		const answer = await request(`${hil.url}${path.startsWith('/') ? path : `/v0/${path}`}`, {
			method: method as 'GET',
			headers: { authorization },
			body: body ? JSON.stringify(body) : null,
			dispatcher: agent,
		});
		const text = await answer.body.text();
		if (answer.statusCode > 299) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
		return { status: answer.statusCode, body: text === '' ? undefined : JSON.parse(text) };
	};
	for (const project of ['red', 'blue']) {
		await call('PUT', `project/${project}`);
		await call('PUT', `network/${project}net`, { owner: project, access: project, net_id: '' });
	}
	return {
		call,
		async close() {
			for (const end of ends.reverse()) await end();
		},
	};
}

/** A change of a port, until it is on the switch. */
async function applied({ call }: Site, path: string, network: string): Promise<void> {
	const { body } = await call('POST', path, { network });
	const { status_id } = body as { status_id: string };
	const { status } = (await call('GET', `/v1/action/${status_id}?wait=10000`)).body as { status: string };
	assert.equal(status, 'DONE');
}

/** From one project and its network to the other's: detached, given back, taken, attached, each seen to be done. */
async function move(site: Site, node: string, from: string, to: string): Promise<void> {
	const nic = `node/${node}/nic/eth0`;
	await applied(site, `${nic}/detach_network`, `${from}net`);
	await site.call('POST', `project/${from}/detach_node`, { node });
	await site.call('POST', `project/${to}/connect_node`, { node });
	await applied(site, `${nic}/connect_network`, `${to}net`);
}

type Work = (site: Site, node: string, turn: number) => Promise<void>;

/** Every caller does `work` with its node again and again; done a second, and milliseconds each took. */
function side(
	name: string,
	site: Site,
	callers: number,
	prepare: (node: string) => Promise<void>,
	work: Work,
): Side {
	const own = Array.from({ length: callers }, (_, index) => ({ node: `n${index}`, turn: 0 }));
	let isPrepared = false;
	return {
		name,
		async check() {
			if (!isPrepared) for (const { node } of own) await prepare(node);
			isPrepared = true;
			const [first] = own;
			assert(first);
			await work(site, first.node, first.turn++);
			const shown = (await site.call('GET', `node/${first.node}`)).body as { project: string | null };
			assert(shown.project === null || ['red', 'blue'].includes(shown.project));
		},
		async round(seconds) {
			const took: number[] = [];
			const began = performance.now();
			await Promise.all(
				own.map(async caller => {
					while (performance.now() - began < seconds * 1000) {
						const start = performance.now();
						await work(site, caller.node, caller.turn++);
						took.push(performance.now() - start);
					}
				}),
			);
			const sorted = took.toSorted((a, b) => a - b);
			return {
				'': took.length / ((performance.now() - began) / 1000),
				p50: median(sorted),
				p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
			};
		},
	};
}

const figures = (unit: string) => [
	{ name: '', unit, better: 'higher' as const },
	{ name: 'p50', unit: 'ms', better: 'lower' as const },
	{ name: 'p99', unit: 'ms', better: 'lower' as const },
];

/** Brings a node into project red, on its network or on none, wherever another case has left it. */
async function begin(site: Site, node: string, network: 'rednet' | undefined): Promise<void> {
	const { body } = await site.call('GET', `node/${node}`);
	const { project, nics } = body as { project: string | null; nics: { networks: Record<string, string> }[] };
	for (const each of Object.values(nics[0]?.networks ?? {})) {
		await applied(site, `node/${node}/nic/eth0/detach_network`, each);
	}
	if (project !== null) await site.call('POST', `project/${project}/detach_node`, { node });
	if (network === undefined) return;
	await site.call('POST', 'project/red/connect_node', { node });
	await applied(site, `node/${node}/nic/eth0/connect_network`, network);
}

const moving =
	(callers: number) =>
	(site: Site, size: number): Side =>
		side(
			`${size} nodes`,
			site,
			callers,
			node => begin(site, node, 'rednet'),
			(of, node, turn) => (turn % 2 === 0 ? move(of, node, 'red', 'blue') : move(of, node, 'blue', 'red')),
		);

const allocating = (site: Site, size: number): Side =>
	side(
		`${size} nodes`,
		site,
		many,
		node => begin(site, node, undefined),
		async (of, node, turn) => {
			await of.call('POST', `project/red/${turn % 2 === 0 ? 'connect' : 'detach'}_node`, { node });
		},
	);

/** Lines of what must be trusted: no driver, no HTTP, no tests. */
async function coreLines(): Promise<number> {
	const hil = fileURLToPath(new URL('../hil/', import.meta.url));
	const files = (await readdir(hil, { recursive: true })).filter(
		file => /^(core|model|authorize)\/|^perform\.ts$/.test(file) && /(?<!\.test|\.fixture)\.ts$/.test(file),
	);
	const texts = await Promise.all(files.map(file => readFile(join(hil, file), 'utf8')));
	return texts.reduce((sum, text) => sum + text.split('\n').length - 1, 0);
}

export const area: BenchArea = {
	async open() {
		console.error(`bench: hil's core (core, model, authorize, perform) has ${await coreLines()} lines`);
		const sites: Site[] = [];
		const close = async () => {
			for (const site of sites) await site.close();
		};
		try {
			for (const size of sizes) sites.push(await openSite(size));
		} catch (fault) {
			await close();
			throw fault;
		}
		const cases = (
			[
				['node moves between projects, one caller', moving(1), 'moves/s'],
				[`node moves between projects, ${many} callers`, moving(many), 'moves/s'],
				['allocation calls', allocating, 'calls/s'],
			] as const
		).map(([name, make, unit]) => {
			const [ours, ...peers] = sites.map((site, index) => make(site, sizes[index] ?? 0));
			assert(ours);
			return { name, figures: figures(unit), ours, peers };
		});
		return { cases, close };
	},
};
