import { mkdir, open, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { openBootNetwork } from '../../provisioner/boot/open-boot-network.ts';
import { buildDebianImage } from '../../qemu/image/debian-image.ts';
import { runProgram } from './initiator.ts';
import { type Machines, macOf, nameOf, openMachines } from './machines.ts';
import { type BenchSite, openSite } from './site.ts';
import { openWire, type Wire } from './wire.ts';

/** What the image is filled up to: as large as a usual system is, of which a boot needs a small part. */
export const imageSize = 2 * 2 ** 30;
/** Of whoever else is on the nodes' network. */
export const otherAddress = '10.64.0.200';

/** Servers, a provisioner with a provisioning network that they are on, and an image. */
export interface BootLab {
	readonly folder: string;
	readonly run: string;
	readonly wire: Wire;
	readonly machines: Machines;
	readonly site: BenchSite;
	/** Raw; the small one is what the other one was filled up from. */
	readonly images: { readonly small: string; readonly full: string };
	/** What nodes do when the provisioner has them powered on. */
	readonly onPower: Map<string, () => Promise<void>>;
	onEvent(listener: (event: { mac: string; kind: string }) => void): () => void;
	/** Bytes that were sent to nodes so far. */
	sent(): Promise<number>;
}

/** The image of Debian's packages as it is, and filled up: what it is filled with has no hole and does not compress. */
async function makeImages(folder: string): Promise<BootLab['images']> {
	const { file } = await buildDebianImage({ onProgress: step => console.error(`bench: ${step}`) });
	const images = { small: path.join(folder, 'small.raw'), full: path.join(folder, 'full.raw') };
	await runProgram('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', file, images.small]);
	await runProgram('cp', ['--sparse=never', images.small, images.full]);
	const full = await open(images.full, 'a');
	try {
		for (let { size } = await full.stat(); size < imageSize; ) {
			const block = crypto.getRandomValues(Buffer.alloc(Math.min(2 ** 16, imageSize - size)));
			size += (await full.write(block)).bytesWritten;
		}
	} finally {
		await full.close();
	}
	return images;
}

/** @throws PartMissing, NetworkRefused where there can be no such servers */
export async function openBootLab(
	folder: string,
	run: string,
	nodes: number,
): Promise<BootLab & { close(): Promise<void> }> {
	await mkdir(folder);
	const ends: (() => unknown)[] = [];
	const close = async () => {
		for (const end of ends.splice(0).reverse()) await end();
	};
	try {
		const wire = await openWire({ run, folder, nodes, address: `${otherAddress}/24` });
		ends.push(() => wire.close());
		const machines = await openMachines({ folder, run, wire });
		console.error(`bench: servers run by ${machines.accelerator}, on ${availableParallelism()} processors`);
		const network = await openBootNetwork({
			settings: {
				network: 'boot',
				interface: wire.device,
				address: '10.64.0.1/24',
				range: '10.64.0.10-10.64.0.99',
			},
			...{ store: createMemoryStore(), run, folder: path.join(folder, 'boot') },
			...{ clock: systemClock, logger: silentLogger },
		});
		ends.push(() => network.close());
		await network.targets.admit();
		const onPower: BootLab['onPower'] = new Map();
		const site = await openSite({
			...{ folder: path.join(folder, 'site'), run, network },
			nodes: {
				look: async name => ({
					project: 'red',
					nic: { label: 'eth0', mac: macOf(Number(name.slice(nameOf(0).length - 1))), network: null },
				}),
				bootFromNetwork: async name => onPower.get(name)?.(),
				turnOff: async () => undefined,
			},
		});
		ends.push(() => site.close());
		const images = await makeImages(folder);
		await site.addImage('full', images.full, 'raw');
		const counter = `/sys/class/net/${wire.device}/statistics/tx_bytes`;
		return {
			...{ folder, run, wire, machines, site, images, onPower },
			onEvent: listener => network.onEvent(listener),
			sent: async () => Number(await readFile(counter, 'utf8')),
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}
