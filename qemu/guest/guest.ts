import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder } from '../debian/fetch-packages.ts';
import { makeWorkFolder } from '../debian/work-folder.ts';
import { makeDiskImage } from './disk-image.ts';
import { fetchGuestPackages, unpackGuestParts } from './guest-parts.ts';
import { buildInitramfs } from './initramfs.ts';
import { makeIsoImage } from './iso-image.ts';
import { unifiedKernel } from './unified-kernel.ts';

/** A small system that servers boot. All paths are absolute, and files at them never change. */
export interface Guest {
	/** A qcow2 image for BIOS and UEFI: a server's own disk is an overlay of it. */
	readonly disk: string;
	/** A CD for BIOS and UEFI. */
	readonly iso: string;
	/** For booting from the network, all in one folder that has nothing else: a TFTP or HTTP server may give it away. */
	readonly kernel: string;
	readonly initrd: string;
	/** A script for iPXE, under BIOS and UEFI; it names the other two relatively. QEMU's network cards run iPXE. */
	readonly ipxe: string;
}

export interface GuestOptions {
	/** A folder to keep it in; see `cacheFolder`. */
	readonly cache?: string;
	readonly onProgress?: (step: string) => void;
}

/** Where a guest was booted from, as it says itself. */
type Source = 'disk' | 'cd' | 'pxe';

/**
 * The kernel's command line. A crash stays as it is, so that it can be looked at, until somebody resets the machine; an
 * NMI from a server's BMC is a crash, as on most servers. The rest saves time on an emulated processor.
 */
const commandLine = (from: Source): string =>
	[
		'console=ttyS0,115200n8 quiet panic=0 oops=panic unknown_nmi_panic sysrq_always_enabled',
		'mitigations=off nowatchdog audit=0 lsm= cryptomgr.notests init_on_alloc=0 usb-storage.delay_use=0',
		`bimetal.from=${from}`,
	].join(' ');

/** Under UEFI the kernel takes its initrd from iPXE by the name that its command line gives; under BIOS that word does nothing. */
const ipxeScript = `#!ipxe
kernel vmlinuz initrd=initrd ${commandLine('pxe')}
initrd initrd
boot
`;

/**
 * Builds the guest from Debian's packages, or takes the one that was built from the same packages by the same code.
 * Throws PartMissing, AptFailed, GuestNotBuilt, and what reading its parts throws.
 */
export async function buildGuest(options: GuestOptions = {}): Promise<Guest> {
	const { cache = cacheFolder(), onProgress = () => undefined } = options;
	const debs = await fetchGuestPackages({ cache, onProgress });
	const folder = path.join(cache, `guest-${await nameOf(debs)}`);
	if (!(await exists(folder))) await build(debs, { cache, folder, onProgress });
	const network = path.join(folder, 'network');
	return {
		disk: path.join(folder, 'disk.qcow2'),
		iso: path.join(folder, 'guest.iso'),
		kernel: path.join(network, 'vmlinuz'),
		initrd: path.join(network, 'initrd'),
		ipxe: path.join(network, 'boot.ipxe'),
	};
}

/** Stands for the packages, by their versions, and for the code and the files here that make a guest of them. */
async function nameOf(debs: readonly string[]): Promise<string> {
	const hash = createHash('sha256');
	for (const deb of debs) hash.update(`${path.basename(deb)}\n`);
	const sources = await readdir(new URL('.', import.meta.url), { recursive: true, withFileTypes: true });
	const files = sources
		.filter(entry => entry.isFile() && !entry.name.endsWith('.test.ts'))
		.map(entry => path.join(entry.parentPath, entry.name));
	for (const file of files.sort()) hash.update(await readFile(file));
	return hash.digest('hex').slice(0, 16);
}

interface BuildOptions {
	readonly cache: string;
	/** Where it goes when all of it is done. */
	readonly folder: string;
	readonly onProgress: (step: string) => void;
}

async function build(debs: readonly string[], { cache, folder, onProgress }: BuildOptions): Promise<void> {
	onProgress('Unpacking the kernel and busybox');
	const parts = await unpackGuestParts(debs, cache);
	const work = await makeWorkFolder(cache);
	try {
		onProgress('Making the initial root file system');
		const initrd = await buildInitramfs(parts);
		const system = (from: Source) => {
			const shared = { kernel: parts.kernel, initrd, commandLine: commandLine(from) };
			return { ...shared, efiProgram: unifiedKernel({ stub: parts.stub, ...shared }) };
		};
		onProgress('Making the disk image');
		const { masterBootRecord, isolinux, ldlinux } = parts;
		await makeDiskImage(work, 'disk.qcow2', { ...system('disk'), masterBootRecord });
		onProgress('Making the CD image');
		await makeIsoImage(work, 'guest.iso', { ...system('cd'), isolinux, ldlinux });
		const network = path.join(work, 'network');
		await mkdir(network);
		await writeFile(path.join(network, 'vmlinuz'), parts.kernel);
		await writeFile(path.join(network, 'initrd'), initrd);
		await writeFile(path.join(network, 'boot.ipxe'), ipxeScript);
		// Another process may have built the same meanwhile: then that one stays, for it may be in use.
		await rename(work, folder).catch(async fault => {
			if (!(await exists(folder))) throw fault;
		});
	} finally {
		await rm(work, { recursive: true, force: true });
		await parts.close();
	}
}

const exists = (file: string): Promise<boolean> =>
	access(file).then(
		() => true,
		() => false,
	);
