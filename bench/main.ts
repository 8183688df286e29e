// `npm run bench`: every benchmark of the project, each held against a peer measured in the same run.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BenchArea, BenchResult, Effort } from './harness/bench-case.ts';
import { effortOf, runCase } from './harness/bench-case.ts';
import { drawGrowth } from './harness/growth-chart.ts';
import { printTable } from './harness/result-table.ts';
import { drawStages } from './harness/stage-chart.ts';

/** By the folder that is measured. A new benchmark joins here. */
const areas: Readonly<Record<string, () => Promise<{ area: BenchArea }>>> = {
	store: () => import('./store.ts'),
	proxy: () => import('./proxy.ts'),
	approvals: () => import('./approvals.ts'),
	policy: () => import('./policy.ts'),
	filter: () => import('./filter.ts'),
	'one-core': () => import('./one-core.ts'),
	growth: () => import('./growth.ts'),
	hil: () => import('./hil.ts'),
	market: () => import('./market.ts'),
	attest: () => import('./attest.ts'),
	provisioner: () => import('./provisioner.ts'),
	airlock: () => import('./airlock.ts'),
};

const charts = { growth: drawGrowth, stages: drawStages };

const help = `Usage: npm run bench -- [options]

  --only AREA   one area (again for more): ${Object.keys(areas).join(', ')}
  --case TEXT   only cases whose name contains it
  --quick       fewer and shorter rounds: for a first look, not for a claim
  --plots DIR   what can be drawn as SVG into this folder: curves of growth, stages of boots
  --json        each figure as a JSON line: bench, case, value, unit, peer, its value, ratio (ours divided by the peer's)
  --help        this`;

async function main(): Promise<number> {
	const { values } = parseArgs({
		options: {
			only: { type: 'string', multiple: true },
			case: { type: 'string', default: '' },
			quick: { type: 'boolean', default: false },
			plots: { type: 'string' },
			json: { type: 'boolean', default: false },
			help: { type: 'boolean', default: false },
		},
	});
	if (values.help) {
		console.log(help);
		return 0;
	}
	const chosen = values.only ?? Object.keys(areas);
	const unknown = chosen.filter(name => !Object.hasOwn(areas, name));
	if (unknown.length > 0) {
		console.error(`bench: no area ${unknown.join(', ')}; there are: ${Object.keys(areas).join(', ')}`);
		return 2;
	}
	const effort: Effort = values.quick
		? { rounds: 2, seconds: 1, warmUp: 1 }
		: { rounds: 5, seconds: 4, warmUp: 3 };
	for (const name of chosen) {
		const load = areas[name];
		if (load) await runArea(name, (await load()).area, effort, values);
	}
	return 0;
}

async function runArea(
	name: string,
	area: BenchArea,
	effort: Effort,
	{ case: part, json, plots }: { case: string; json: boolean; plots?: string | undefined },
): Promise<void> {
	const { cases, close } = await area.open();
	/** Ctrl-C leaves nothing mounted. */
	const stop = (): void => void close().finally(() => process.exit(130));
	for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
	try {
		for (const benchCase of cases.filter(candidate => candidate.name.includes(part))) {
			const results = await runCase(name, benchCase, effort);
			if (json) for (const result of results) console.log(JSON.stringify(jsonLine(result)));
			else printTable(results, effortOf(benchCase, effort));
			const draw = benchCase.chart && charts[benchCase.chart];
			if (plots !== undefined && draw) {
				const file = join(plots, `${name}-${benchCase.name.replaceAll(' ', '-')}.svg`);
				await writeFile(file, draw(results));
				console.error(`bench: wrote ${file}`);
			}
		}
	} finally {
		for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, stop);
		await close();
	}
}

function jsonLine({ bench, case: name, value, unit, peer, peerValue, ratio }: BenchResult) {
	return { bench, case: name, value, unit, peer, peerValue, ratio };
}

try {
	process.exitCode = await main();
} catch (error) {
	console.error('bench:', error);
	process.exitCode = 1;
}
