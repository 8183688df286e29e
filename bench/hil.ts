// hil over HTTP on its durable store, with 10,000 recorded nodes against the same with 8 and 1,000: what it does must not
// take longer for what else is recorded. Ports are set on a real Open vSwitch where one can be started, and on the mock.
import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkSwitchRequirements } from '../qemu/switch/requirements.ts';
import type { BenchArea, Side } from './harness/bench-case.ts';
import { median } from './harness/bench-case.ts';
import { many, openSite, type Place, type Site } from './hil-site.ts';

const sizes = [10_000, 8, 1000] as const;

/** A change of a port, until it is on the switch. */
async function applied(site: Site, path: string, network: string): Promise<void> {
	const { body } = await site.call('POST', path, { network });
	await ended(site, (body as { status_id: string }).status_id);
}

/**
 * From one project and its network to the other's in two calls, and each change seen to be on the switch: off the network;
 * given back, taken and onto the other network at once.
 */
async function move(site: Site, node: string, from: string, to: string): Promise<void> {
	const nic = 'eth0';
	await applied(site, `node/${node}/nic/${nic}/detach_network`, `${from}net`);
	const { body } = await site.call('POST', '/v1/changes', {
		steps: [
			{ do: 'detach_node', project: from, node },
			{ do: 'connect_node', project: to, node },
			{ do: 'connect_network', node, nic, network: `${to}net` },
		],
	});
	const { actions } = body as { actions: [string] };
	await ended(site, actions[0]);
}

async function ended({ call }: Site, action: string): Promise<void> {
	const { status } = (await call('GET', `/v1/action/${action}?wait=10000`)).body as { status: string };
	assert.equal(status, 'DONE');
}

type Work = (site: Site, node: string, turn: number) => Promise<void>;

/** Every caller does `work` with its node again and again; done a second, and milliseconds each took. */
function side(
	site: Site,
	callers: number,
	prepare: (node: string) => Promise<void>,
	work: Work,
	/** Looks at what was done to the first node. */
	look: (project: string | null) => Promise<void>,
): Side {
	const own = Array.from({ length: callers }, (_, index) => ({ node: `n${index}`, turn: 0 }));
	let isPrepared = false;
	return {
		name: `${site.size} nodes`,
		async check() {
			if (!isPrepared) for (const { node } of own) await prepare(node);
			isPrepared = true;
			const [first] = own;
			assert(first);
			await work(site, first.node, first.turn++);
			const shown = (await site.call('GET', `node/${first.node}`)).body as { project: string | null };
			await look(shown.project);
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
	(site: Site): Side =>
		side(
			site,
			callers,
			node => begin(site, node, 'rednet'),
			(of, node, turn) => (turn % 2 === 0 ? move(of, node, 'red', 'blue') : move(of, node, 'blue', 'red')),
			async project => {
				const { body } = await site.call('GET', 'networks');
				const { network_id } = (body as Record<string, { network_id: string }>)[`${project}net`] ?? {};
				assert.equal(String(await site.vlanOf(0)), network_id, 'the switch has it on its network');
			},
		);

const allocating = (site: Site): Side =>
	side(
		site,
		many,
		node => begin(site, node, undefined),
		async (of, node, turn) => {
			await of.call('POST', `project/red/${turn % 2 === 0 ? 'connect' : 'detach'}_node`, { node });
		},
		async project => assert(project === null || project === 'red'),
	);

/** Milliseconds until 4 KiB are on the disk, median: a move waits four times for that, and the switch twice. */
async function syncTime(): Promise<number> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-bench-sync-'));
	try {
		const file = await open(join(folder, 'file'), 'w');
		const took: number[] = [];
		for (let time = 0; time < 50; time++) {
			await file.write(Buffer.alloc(4096));
			const began = performance.now();
			await file.datasync();
			took.push(performance.now() - began);
		}
		await file.close();
		return median(took.toSorted((a, b) => a - b));
	} finally {
		await rm(folder, { recursive: true });
	}
}

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
		console.error(`bench: 4 KiB are on this disk after ${(await syncTime()).toFixed(1)} ms`);
		const missing = await checkSwitchRequirements().then(
			() => undefined,
			(fault: Error) => fault.message,
		);
		if (missing) console.error(`bench: only with the mock switch: ${missing}`);
		const sites = new Map<Place, Site[]>();
		const close = async () => {
			for (const site of [...sites.values()].flat()) await site.close();
		};
		const cases = async (place: Place) => {
			const own: Site[] = [];
			sites.set(place, own);
			for (const size of sizes) own.push(await openSite(size, place));
			const made = [
				[`node moves, ${place}, one caller`, moving(1), 'moves/s'],
				[`node moves, ${place}, ${many} callers`, moving(many), 'moves/s'],
				...(place === 'mock' ? [['allocation calls', allocating, 'calls/s'] as const] : []),
			] as const;
			return made.map(([name, make, unit]) => {
				const [ours, ...peers] = own.map(make);
				assert(ours);
				return { name, figures: figures(unit), ours, peers };
			});
		};
		try {
			return { cases: [...(missing ? [] : await cases('Open vSwitch')), ...(await cases('mock'))], close };
		} catch (fault) {
			await close();
			throw fault;
		}
	},
};
