import { createReadStream } from 'node:fs';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { listenInNetwork } from '../../common/network/listen-in-network.ts';
import { cpioArchive } from '../../qemu/guest/cpio-archive.ts';
import { buildGuest } from '../../qemu/guest/guest.ts';
import { figuresOf, sentFigures } from './boot-figures.ts';
import { type BootLab, otherAddress } from './boot-lab.ts';
import { runProgram } from './initiator.ts';
import { localDisk } from './machines.ts';
import { untilRoot } from './network-boot.ts';

/** Fetches what its command line names, and writes it to the first disk, through its cache. */
const deploy = `#!/bin/sh
/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
	[ -d "/sys/module/$module" ] || insmod "/lib/modules/$module.ko" 2>/dev/null
done < /lib/modules/base
for word in $(cat /proc/cmdline); do
	case $word in
	bench.address=*) address=\${word#*=} ;;
	bench.image=*) image=\${word#*=} ;;
	esac
done
ip link set eth0 up
ip address add "$address" dev eth0
until [ -b /dev/vda ]; do usleep 10000; done
echo 'bench: copying' > /dev/ttyS0
wget -q -O - "$image" | dd of=/dev/vda bs=1M iflag=fullblock conv=fsync 2> /dev/null && echo 'bench: copied' > /dev/ttyS0
`;

/** A kernel and an initial root for servers that are to be written an image to: the guest's, with another start. */
async function buildDeployRoot(folder: string): Promise<{ kernel: string; initrd: string }> {
	const guest = await buildGuest();
	const initrd = path.join(folder, 'deploy-initrd');
	// What comes later stands in place of what came before (Linux' Documentation/driver-api/early-userspace/buffer-format).
	const more = cpioArchive({
		'etc/guest/start': { kind: 'file', content: Buffer.from(deploy), isProgram: true },
	});
	const first = await readFile(guest.initrd);
	// An archive begins at a multiple of four bytes.
	await writeFile(initrd, Buffer.concat([first, Buffer.alloc((4 - (first.length % 4)) % 4), more]));
	return { kernel: guest.kernel, initrd };
}

/** The small system, and the server that it fetches from. */
export interface DeploySystem {
	readonly kernel: string;
	readonly initrd: string;
	/** What its command line says of where an image is. */
	words(image: string): string;
	/** Bytes of images that were fetched. */
	sent(): number;
	close(): Promise<void>;
}

export async function openDeploySystem({
	folder,
	wire,
}: Pick<BootLab, 'folder' | 'wire'>): Promise<DeploySystem> {
	const { kernel, initrd } = await buildDeployRoot(folder);
	let sent = 0;
	const server = createServer((request, response) => {
		const stream = createReadStream(path.join(folder, path.basename(request.url ?? '')), {
			highWaterMark: 2 ** 20,
		});
		stream.on('data', ({ length }) => {
			sent += length;
		});
		stream.on('error', () => response.writeHead(404).end());
		stream.pipe(response);
	});
	const lifetime = 20 * 60_000;
	const { port, close } = await listenInNetwork(server, {
		network: wire.network,
		host: otherAddress,
		port: 0,
		lifetime,
	});
	return {
		kernel,
		initrd,
		words: image =>
			`bench.address=10.64.0.100/24 bench.image=http://${otherAddress}:${port}/${path.basename(image)}`,
		sent: () => sent,
		close,
	};
}

/**
 * As systems that copy do it: a small system in memory fetches the image by HTTP, writes it to the disk, and the server boots
 * anew. It has that small system from QEMU, sooner than any network would bring it, and knows its address.
 */
export async function copyRound(
	lab: BootLab,
	image: string,
	deploy: DeploySystem,
): Promise<Record<string, number>> {
	const { folder, machines } = lab;
	const disk = path.join(folder, 'copied.raw');
	const file = await open(disk, 'wx');
	await file.truncate((await stat(image)).size).finally(() => file.close());
	try {
		const before = deploy.sent();
		const boot = [
			'-kernel',
			deploy.kernel,
			'-initrd',
			deploy.initrd,
			'-append',
			`console=ttyS0,115200n8 quiet mitigations=off ${deploy.words(image)}`,
		];
		const first = await machines.powerOn(0, { boot: 'disk', args: [...localDisk(disk, 'raw'), ...boot] });
		try {
			await first.until('deploy system', /bench: copying/);
			await first.until('copy', /bench: copied/);
		} finally {
			await first.off();
		}
		await runProgram('cmp', [image, disk]);
		const second = await machines.powerOn(0, { boot: 'disk', args: localDisk(disk, 'raw') });
		try {
			await second.until('POST', /Booting from/);
			await untilRoot(second, 0, 'disk');
		} finally {
			await second.off();
		}
		return {
			...figuresOf({ ...first.stages(), ...second.stages() }),
			...sentFigures(deploy.sent() - before),
		};
	} finally {
		await rm(disk);
	}
}
