// From power-on to a root file system: from a clone over iSCSI, from a disk of the server's own, and from one that the image
// is copied to first. The server, its operating system and what runs it are the same.
import type { BenchCase, Side } from '../harness/bench-case.ts';
import { bootStages, copyStages, stageFigures } from './boot-figures.ts';
import { type BootLab, openBootLab } from './boot-lab.ts';
import { copyRound, type DeploySystem, openDeploySystem } from './copy-boot.ts';
import { localRound, networkRound } from './network-boot.ts';
import { stormCase } from './storm.ts';

const many = 8;

/** The servers are made ready when the first case begins. */
export function openBoots(
	folder: string,
	run: string,
): { cases: readonly BenchCase[]; close(): Promise<void> } {
	const ends: (() => Promise<void>)[] = [];
	let opened: Promise<{ lab: BootLab; deploy: DeploySystem }> | undefined;
	const open = () => {
		opened ??= (async () => {
			const lab = await openBootLab(folder, run, many);
			ends.push(() => lab.close());
			const deploy = await openDeploySystem(lab);
			ends.push(() => deploy.close());
			return { lab, deploy };
		})();
		return opened;
	};
	return {
		cases: bootCases(open),
		async close() {
			await opened?.catch(() => undefined);
			for (const end of ends.splice(0).reverse()) await end();
		},
	};
}

function bootCases(open: () => Promise<{ lab: BootLab; deploy: DeploySystem }>): BenchCase[] {
	const side = (name: string, round: () => Promise<Record<string, number>>, check = round): Side => ({
		name,
		check: async () => void (await check()),
		round,
	});
	const network = side('from the network', async () => networkRound((await open()).lab));
	const copied = async (image: 'small' | 'full') => {
		const { lab, deploy } = await open();
		return copyRound(lab, lab.images[image], deploy);
	};
	return [
		{
			name: 'boot',
			chart: 'stages',
			most: { rounds: 3, warmUp: 0 },
			figures: [{ name: '', unit: 's', better: 'lower' }, ...stageFigures(bootStages)],
			ours: network,
			peers: [side('from a local disk', async () => localRound((await open()).lab))],
		},
		{
			name: 'boot instead of copying 2 GiB',
			chart: 'stages',
			most: { rounds: 1, warmUp: 0 },
			figures: [
				{ name: '', unit: 's', better: 'lower' },
				...stageFigures(copyStages),
				{ name: 'over the network', unit: 'MB', better: 'lower' },
				{ name: 'of the image', unit: '%', better: 'lower' },
			],
			ours: network,
			peers: [
				side(
					'copied first',
					() => copied('full'),
					() => copied('small'),
				),
			],
		},
		stormCase(async () => (await open()).lab, many),
	];
}
