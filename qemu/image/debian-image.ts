import { access, copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder, fetchPackages } from '../debian/fetch-packages.ts';
import { unpackPackages } from '../debian/unpack-packages.ts';
import { makeWorkFolder } from '../debian/work-folder.ts';
import { type DiskImageParts, makeDiskImage } from '../guest/disk-image.ts';
import { copyInto, makeExt4, putIntoExt4 } from '../guest/ext4-volume.ts';
import { unifiedKernel } from '../guest/unified-kernel.ts';
import { attestedEntries, bootEntries } from './attested-system.ts';
import { fullEntries, fullPackages, fullSize, fullSystem } from './full-system.ts';
import { initialRoot } from './initial-root.ts';
import { ipsecPackages } from './ipsec-programs.ts';
import { moveWhole, nameOfBuild } from './kept-build.ts';
import { smallSystem } from './small-system.ts';
import { textOf } from './system-files.ts';
import { tpmPackages } from './tpm-programs.ts';

const suite = 'trixie';
const packages = [
	...['linux-image-amd64', 'busybox-static', 'open-iscsi', 'wget', 'dropbear-bin', 'dmsetup'],
	...['syslinux', 'syslinux-common', 'systemd-boot-efi'],
];

/** The small system is all root's: what keeps users apart would only take time. */
const commandLines = {
	small:
		'console=ttyS0,115200n8 quiet panic=10 mitigations=off audit=0 lsm= cryptomgr.notests init_on_alloc=0',
	full: 'console=tty0 console=ttyS0,115200n8 quiet panic=10 net.ifnames=0',
} as const;

/** What makes an image of packages. */
const sources = ['.', '../guest', '../airlock/system'].map(folder => new URL(`${folder}/`, import.meta.url));
/** Bytes. */
const smallSize = 256 * 2 ** 20;

export interface BuildOptions {
	/** A folder to keep it in; see `cacheFolder`. */
	readonly cache?: string;
	/** PEM: authorities of provisioning networks, whose servers may configure what boots from the image. */
	readonly trust?: string | undefined;
	/** Where to; beside the packages, to be taken again, when absent. */
	readonly to?: string | undefined;
	/** Debian with systemd, cloud-init and SSH, as root alone can build it. */
	readonly isFull?: boolean | undefined;
	/** More packages of Debian's for that. */
	readonly packages?: readonly string[] | undefined;
	/**
	 * To be started by an airlock from a disk that is encrypted, and to go on proving what runs: with the agent, and with the
	 * kernel and its initrd inside the root.
	 */
	readonly isAttested?: boolean | undefined;
	readonly onProgress?: (step: string) => void;
}

/** What was built; the file at that path never changes. */
export interface BuiltImage {
	/** qcow2. */
	readonly file: string;
	/** What it is, in words. */
	readonly recipe: string;
}

/**
 * Builds a small system from Debian's packages that boots from a disk and over iSCSI, by BIOS and by UEFI, or takes the one
 * that was built from the same packages by the same code. Throws PartMissing, AptFailed, GuestNotBuilt.
 */
export async function buildDebianImage(options: BuildOptions = {}): Promise<BuiltImage> {
	const { cache = cacheFolder(), trust, to, isAttested = false, onProgress = () => undefined } = options;
	const attested = isAttested ? tpmPackages : [];
	const forTpm = isAttested && options.isFull ? ['libtss2-tcti-device0t64'] : [];
	const more = options.isFull ? [...fullPackages, ...attested, ...forTpm, ...(options.packages ?? [])] : [];
	const network = isAttested && !options.isFull ? ipsecPackages : [];
	const wanted = [...new Set([...packages, ...attested, ...network, ...more])];
	const fetched = await fetchPackages({ suite, architecture: 'amd64', packages: wanted, cache, onProgress });
	const debs = [...fetched].sort();
	const kept = path.join(
		cache,
		`image-${await nameOfBuild(debs, JSON.stringify([trust, more, isAttested]), sources)}.qcow2`,
	);
	const file = to ?? kept;
	const kind = options.isFull ? ['full', ...(options.packages ?? [])].join(' ') : 'small';
	const recipe = `debian ${suite}, ${kind}${isAttested ? ', attested' : ''}`;
	const isThere = await access(kept).then(
		() => true,
		() => false,
	);
	if (isThere) {
		if (to !== undefined) await copyFile(kept, to);
		return { file, recipe };
	}
	const work = await makeWorkFolder(cache);
	try {
		onProgress('Unpacking packages');
		const root = path.join(work, 'packages');
		await unpackAll(debs, root);
		const rootFile = path.join(work, 'root.ext4');
		const size = options.isFull ? fullSize : smallSize;
		if (options.isFull) {
			const list = path.join(cache, `apt-${suite}-amd64`, 'etc', 'sources.list');
			const system = await fullSystem({
				cache,
				work,
				suite,
				sources: list,
				packages: more,
				debs,
				onProgress,
			});
			await writeFile(rootFile, '');
			await truncate(rootFile, size);
			await copyInto(system, rootFile, 0);
			await putIntoExt4(rootFile, await fullEntries());
		} else {
			const busybox = await readFile(path.join(root, 'usr/bin/busybox'));
			await makeExt4(rootFile, { label: 'bimetal-root', size });
			await putIntoExt4(rootFile, await smallSystem(root, busybox));
		}
		if (trust) await putIntoExt4(rootFile, { 'etc/bimetal/authorities.pem': textOf(trust) });
		onProgress('Making the disk');
		const commandLine = commandLines[options.isFull ? 'full' : 'small'];
		const kernel = await kernelOf(root);
		const initrd = await initialRoot(root, await readFile(path.join(root, 'usr/bin/busybox')));
		if (isAttested)
			await putIntoExt4(rootFile, {
				...(await attestedEntries(root, { isFull: options.isFull ?? false })),
				...bootEntries({ kernel, initrd, commandLine }),
			});
		await makeDisk(work, root, { kernel, initrd, commandLine, root: { file: rootFile, size } });
		await moveWhole(path.join(work, 'image.qcow2'), file);
		return { file, recipe };
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

async function unpackAll(debs: readonly string[], root: string): Promise<void> {
	const of = (...names: readonly string[]): string[] =>
		debs.filter(deb => names.some(name => path.basename(deb).startsWith(name)));
	const parts = ['drivers', 'fs', 'lib', 'crypto', 'arch', 'net'];
	const modules = parts.map(part => `./usr/lib/modules/*/kernel/${part}/*`);
	await unpackPackages(of('linux-image-6', 'linux-image-7'), root, ['./boot/vmlinuz-*', ...modules]);
	const whole = [
		'busybox-static_',
		'open-iscsi_',
		...['wget', 'dropbear-bin', 'tpm2-tools', 'openssl'].map(name => `${name}_`),
		...ipsecPackages.map(name => `${name}_`),
		'dmsetup_',
		'syslinux',
		'systemd-boot-efi_',
	];
	await unpackPackages(of(...whole), root);
	// Of the others only what programs may need to run.
	await unpackPackages(of('lib', 'zlib1g_'), root, ['*.so', '*.so.*', './usr/lib64/*', './lib64/*']);
}

async function kernelOf(root: string): Promise<Buffer> {
	const [image = ''] = (await readdir(path.join(root, 'boot'))).filter(name => name.startsWith('vmlinuz-'));
	return readFile(path.join(root, 'boot', image));
}

async function makeDisk(
	work: string,
	root: string,
	of: Required<Pick<DiskImageParts, 'kernel' | 'initrd' | 'commandLine' | 'root'>>,
): Promise<void> {
	const read = (name: string): Promise<Buffer> => readFile(path.join(root, name));
	const stub = await read('usr/lib/systemd/boot/efi/linuxx64.efi.stub');
	await makeDiskImage(work, 'image.qcow2', {
		...of,
		efiProgram: unifiedKernel({ ...of, stub }),
		masterBootRecord: await read('usr/lib/syslinux/mbr/mbr.bin'),
	});
}
