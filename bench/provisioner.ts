// Nodes that boot from copy-on-write disks over iSCSI, with all their real parts, against what would be done without them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { endChildren } from '../common/processes/children.ts';
import { debianParts } from '../test/debian/parts.ts';
import type { BenchArea, BenchCase } from './harness/bench-case.ts';
import { openBoots } from './provisioner/boots.ts';
import { openReady } from './provisioner/ready.ts';

const ofDisks = ['qemu-utils', 'qemu-system-common', 'qemu-block-extra', 'tgt'];
const ofBoots = [
	...['qemu-system-x86', 'dnsmasq-base', 'iproute2'],
	// What the image is built with.
	...['apt', 'mtools', 'syslinux', 'e2fsprogs', 'xorriso', 'xz-utils'],
];

/** What is missing for cases that need these packages, in words. */
function missing(packages: readonly string[]): string | undefined {
	if (process.getuid?.() !== 0) return 'run it as root: it mounts disks and makes networks of its own';
	const lacks = debianParts().filter(({ name, here }) => packages.includes(name) && !here);
	return lacks.length === 0 ? undefined : `apt-get install ${lacks.map(({ name }) => name).join(' ')}`;
}

export const area: BenchArea = {
	async open() {
		const run = `bench-${process.pid}`;
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
		const ends: (() => unknown)[] = [
			() => rm(folder, { recursive: true, force: true }),
			() => endChildren(run),
		];
		const close = async () => {
			for (const end of ends.splice(0).reverse()) await end();
		};
		// The clocks of services keep no process alive.
		const alive = setInterval(() => undefined, 1000);
		ends.push(() => clearInterval(alive));
		try {
			const cases: BenchCase[] = [];
			const noDisks = missing(ofDisks);
			if (noDisks) console.error(`bench: no disks: ${noDisks}`);
			else {
				const ready = await openReady(path.join(folder, 'ready'), run);
				ends.push(() => ready.close());
				cases.push(...ready.cases);
			}
			const noBoots = missing([...ofDisks, ...ofBoots]);
			if (noBoots) console.error(`bench: no boots: ${noBoots}`);
			else {
				const boots = openBoots(path.join(folder, 'boots'), run);
				ends.push(() => boots.close());
				cases.push(...boots.cases);
			}
			return { cases, close };
		} catch (fault) {
			await close();
			throw fault;
		}
	},
};
