import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { fetchPackages } from '../debian/fetch-packages.ts';
import { unpackPackages } from '../debian/unpack-packages.ts';

/** Debian's kernel for ARMv7 knows the AST2600. bookworm's modules are not packed, so that nothing has to unpack them. */
const kernel = { suite: 'bookworm', architecture: 'armhf', packages: ['linux-image-armmp'] } as const;
/** Node 20 is trixie's. */
const programs = {
	suite: 'trixie',
	architecture: 'armhf',
	packages: ['nodejs', 'nftables', 'busybox-static'],
} as const;
/** Needed by a package's scripts, or to log in and install more: of no use on a board. */
const unused =
	/^(adduser|apt|base-files|coreutils|debconf|dpkg|gcc-14-base|init|initramfs|klibc|kmod|libpam|libsystemd|linux-base|logsave|mount|node-corepack|node-xtend|openssl-provider|passwd|systemd|udev|util-linux)/;

interface FetchOptions {
	/** See `fetchPackages`. */
	readonly cache?: string;
	readonly onProgress: (step: string) => void;
}

export interface FirmwarePackages {
	readonly kernel: string;
	readonly programs: readonly string[];
}

/** The package files that a board's firmware is made of. Throws PartMissing, AptFailed, FirmwareNotBuilt. */
export async function fetchFirmwarePackages(options: FetchOptions): Promise<FirmwarePackages> {
	const isKernel = (file: string) => /^linux-image-\d/.test(path.basename(file));
	const [image] = (await fetchPackages({ ...kernel, ...options })).filter(isKernel);
	if (image === undefined) throw notBuilt('Debian has no kernel for ARMv7');
	const files = await fetchPackages({ ...programs, ...options });
	return { kernel: image, programs: files.filter(file => !unused.test(path.basename(file))).sort() };
}

/** What of the packages a board is made of. */
export interface FirmwareParts {
	readonly kernel: Buffer;
	/** The device tree of the AST2600's evaluation board. */
	readonly deviceTree: Buffer;
	/** A folder with the kernel's modules. */
	readonly modules: string;
	/** A folder with the programs' packages, unpacked: no more than that. */
	readonly root: string;
	/** Removes what was unpacked; the buffers stay. */
	close(): Promise<void>;
}

/** Unpacks them into a temporary folder in `folder`. Throws FirmwareNotBuilt when a package lacks what it should have. */
export async function unpackFirmwareParts(
	packages: FirmwarePackages,
	folder: string,
): Promise<FirmwareParts> {
	const unpacked = await mkdtemp(path.join(folder, 'unpacked-'));
	const close = () => rm(unpacked, { recursive: true, force: true });
	try {
		const modules = ['drivers/net', 'drivers/mmc', 'fs', 'lib', 'crypto', 'net'].map(
			part => `./lib/modules/*/kernel/${part}/*`,
		);
		const tree = './usr/lib/linux-image-*/aspeed-ast2600-evb.dtb';
		const kernelFolder = path.join(unpacked, 'kernel');
		await unpackPackages([packages.kernel], kernelFolder, ['./boot/vmlinuz-*', tree, ...modules]);
		const root = path.join(unpacked, 'root');
		await unpackPackages(packages.programs, root, ['./usr/*', './bin/*', './lib/*', './sbin/*']);
		return {
			kernel: await onlyFile(path.join(kernelFolder, 'boot'), /^vmlinuz-/),
			deviceTree: await onlyFile(path.join(kernelFolder, 'usr/lib'), /^aspeed-ast2600-evb\.dtb$/),
			modules: path.join(kernelFolder, 'lib/modules'),
			root,
			close,
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}

async function onlyFile(folder: string, name: RegExp): Promise<Buffer> {
	const entries = await readdir(folder, { recursive: true });
	const [found] = entries.filter(entry => name.test(path.basename(entry)));
	if (found === undefined) throw notBuilt(`the kernel's package has no ${name.source}`);
	return readFile(path.join(folder, found));
}

const notBuilt = (message: string): BimetalError =>
	new BimetalError('FirmwareNotBuilt', message, { expose: true });
