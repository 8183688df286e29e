import { availableParallelism } from 'node:os';
import type { BenchCase, Side } from '../harness/bench-case.ts';
import type { BootLab } from './boot-lab.ts';
import { bootFromNetwork } from './network-boot.ts';
import { machineTime, processorTime, timeExplained } from './processor-time.ts';

/** Boots that are begun at once, until the last of them is up. */
async function storm(lab: BootLab, count: number) {
	const before = await processorTime(lab.run);
	const machineBefore = machineTime();
	const began = performance.now();
	const nodes = await Promise.all(Array.from({ length: count }, (_, node) => bootFromNetwork(lab, node)));
	try {
		await Promise.all(nodes.map(({ up }) => up));
		const wall = (performance.now() - began) / 1000;
		const machine = machineTime() - machineBefore;
		const used = (await processorTime(lab.run)) - before;
		await Promise.all(nodes.map(node => node.provisioned()));
		return { wall, used, others: machine - used };
	} finally {
		for (const node of nodes) await node.end();
	}
}

/** A number of nodes at once against one. */
export function stormCase(lab: () => Promise<BootLab>, many: number): BenchCase {
	let alone = Number.NaN;
	const side = (name: string, count: number): Side => ({
		name,
		check: async () => {
			if (count === 1) alone = (await storm(await lab(), 1)).wall;
		},
		async round() {
			const { wall, used, others } = await storm(await lab(), count);
			if (count === 1) alone = wall;
			// No faster than one of them is, and than the processors can do the work.
			const processors = availableParallelism();
			const explained = Math.max(alone, timeExplained({ used, others, wall, processors }));
			return {
				'': wall,
				'processor time of each': used / count,
				'of what processors explain': wall / explained,
			};
		},
	});
	return {
		name: 'boot storm',
		most: { rounds: 2, warmUp: 0 },
		figures: [
			{ name: '', unit: 's', better: 'lower' },
			{ name: 'processor time of each', unit: 's', better: 'lower' },
			{ name: 'of what processors explain', unit: 'times', better: 'lower' },
		],
		ours: side(`${many} nodes at once`, many),
		peers: [side('one node', 1)],
	};
}
