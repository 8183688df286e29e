import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { bundleProgram } from '../../qemu/firmware/board-program.ts';
import { withChosen } from '../../qemu/firmware/device-tree.ts';
import { fetchFirmwarePackages, unpackFirmwareParts } from '../../qemu/firmware/firmware-packages.ts';
import { linuxFlash } from '../../qemu/firmware/flash-image.ts';
import { rootFiles } from '../../qemu/firmware/root-files.ts';
import { cpioArchive } from '../../qemu/guest/cpio-archive.ts';
import { createTestTls } from '../site-folder.ts';

const entry = fileURLToPath(new URL('board-bmc.fixture.ts', import.meta.url));
const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));

/** As the board's init runs it; no log-in on the console, and no firewall: it is a BMC as it is delivered. */
const start = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
date -s "@$(sed -n 's/.*board\\.time=\\([0-9]*\\).*/\\1/p' /proc/cmdline)" >/dev/null
for module in $(cat /lib/modules/network); do insmod /lib/modules/$module.ko; done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
`;
const inittab = `::sysinit:/etc/board/start
::respawn:/usr/bin/env -i HOME=/ PATH=/bin:/usr/bin NODE_ENV=production /usr/bin/node /usr/lib/board/bin/board.mjs
`;

/**
 * Writes a flash image of an AST2600 that is an OpenBMC for all that comes from outside: Debian's kernel, and the
 * emulated BMC on HTTPS with the log-in that everybody knows. Throws PartMissing, AptFailed, FirmwareNotBuilt.
 */
export async function writeFlashOfBmc(file: string): Promise<void> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-flash-'));
	try {
		const packages = await fetchFirmwarePackages({ onProgress: () => undefined });
		const parts = await unpackFirmwareParts(packages, folder);
		const { server } = await createTestTls();
		const files = {
			...(await rootFiles(parts, await bundleProgram(entry, manifest))),
			'etc/inittab': { kind: 'file', content: inittab },
			'etc/board/start': { kind: 'file', content: start, isProgram: true },
			'etc/board/bmc.crt': { kind: 'file', content: server.certificatePem },
			'etc/board/bmc.key': { kind: 'file', content: server.keyPem },
		} as const;
		const initrd = await promisify(zstdCompress)(cpioArchive(files), {
			params: { [constants.ZSTD_c_compressionLevel]: 3 },
		});
		// The tree of the evaluation board tells of twice the memory that QEMU's has.
		const flash = linuxFlash({
			kernel: parts.kernel,
			initrd,
			deviceTree: ({ start, end }) =>
				withChosen(parts.deviceTree, {
					bootargs: `console=ttyS4,115200n8 mem=1G panic=-1 board.time=${Math.floor(Date.now() / 1000)}`,
					'linux,initrd-start': word(start),
					'linux,initrd-end': word(end),
					'rng-seed': randomBytes(64),
				}),
		});
		await writeFile(file, flash);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

function word(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value);
	return bytes;
}
