import { createHash } from 'node:crypto';
import { access, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { cacheFolder, fetchPackages } from '../debian/fetch-packages.ts';
import { unpackPackages } from '../debian/unpack-packages.ts';
import { cpioArchive, type RootEntry } from '../guest/cpio-archive.ts';
import { makeDiskImage } from '../guest/disk-image.ts';
import { makeExt4, putIntoExt4 } from '../guest/ext4-volume.ts';
import { openModules } from '../guest/kernel-modules.ts';
import { unifiedKernel } from '../guest/unified-kernel.ts';
import { withLibraries } from './shared-libraries.ts';

const suite = 'trixie';
const packages = [
	...['linux-image-amd64', 'busybox-static', 'open-iscsi'],
	...['syslinux', 'syslinux-common', 'systemd-boot-efi'],
];

/** The modules that find-root loads, in groups that it knows: some are for cards that not every server has. */
const groups: Readonly<Record<string, readonly string[]>> = {
	base: ['virtio_net', 'virtio_blk', 'virtio_scsi'],
	intel: ['e1000e', 'igb', 'ixgbe'],
	broadcom: ['tg3'],
	ahci: ['ahci'],
	disks: ['sd_mod', 'ext4', 'crc32c_generic'],
	iscsi: ['iscsi_tcp', 'iscsi_ibft'],
};

const commandLine =
	'console=ttyS0,115200n8 quiet panic=10 mitigations=off audit=0 lsm= cryptomgr.notests init_on_alloc=0';

export interface BuildOptions {
	/** A folder to keep it in; see `cacheFolder`. */
	readonly cache?: string;
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
	const { cache = cacheFolder(), onProgress = () => undefined } = options;
	const debs = [
		...(await fetchPackages({ suite, architecture: 'amd64', packages, cache, onProgress })),
	].sort();
	const file = path.join(cache, `image-${await nameOf(debs)}.qcow2`);
	const recipe = `debian ${suite}, small`;
	const isThere = await access(file).then(
		() => true,
		() => false,
	);
	if (isThere) return { file, recipe };
	const work = await mkdtemp(path.join(cache, 'guest-new-'));
	try {
		onProgress('Unpacking packages');
		const root = path.join(work, 'packages');
		await unpackAll(debs, root);
		onProgress('Making the file systems');
		await make(work, root);
		await rename(path.join(work, 'image.qcow2'), file);
		return { file, recipe };
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** Stands for the packages, by their versions, and for the code and the files that make an image of them. */
async function nameOf(debs: readonly string[]): Promise<string> {
	const hash = createHash('sha256');
	for (const deb of debs) hash.update(`${path.basename(deb)}\n`);
	for (const folder of ['.', '../guest']) {
		const at = new URL(`${folder}/`, import.meta.url);
		for (const entry of (await readdir(at, { recursive: true, withFileTypes: true })).sort((a, b) =>
			a.name < b.name ? -1 : 1,
		)) {
			if (entry.isFile() && !entry.name.endsWith('.test.ts'))
				hash.update(await readFile(path.join(entry.parentPath, entry.name)));
		}
	}
	return hash.digest('hex').slice(0, 16);
}

async function unpackAll(debs: readonly string[], root: string): Promise<void> {
	const of = (...names: readonly string[]): string[] =>
		debs.filter(deb => names.some(name => path.basename(deb).startsWith(name)));
	const parts = ['drivers', 'fs', 'lib', 'crypto', 'arch', 'net'];
	const modules = parts.map(part => `./usr/lib/modules/*/kernel/${part}/*`);
	await unpackPackages(of('linux-image-6', 'linux-image-7'), root, ['./boot/vmlinuz-*', ...modules]);
	await unpackPackages(of('busybox-static_', 'open-iscsi_', 'syslinux', 'systemd-boot-efi_'), root);
	// Of the others only what programs may need to run.
	await unpackPackages(of('lib', 'zlib1g_'), root, ['*.so', '*.so.*', './usr/lib64/*', './lib64/*']);
}

async function make(work: string, root: string): Promise<void> {
	const read = (name: string): Promise<Buffer> => readFile(path.join(root, name));
	const [image = ''] = (await readdir(path.join(root, 'boot'))).filter(name => name.startsWith('vmlinuz-'));
	const kernel = await read(`boot/${image}`);
	const busybox = await read('usr/bin/busybox');
	const initrd = await initialRoot(root, busybox);
	const rootFile = path.join(work, 'root.ext4');
	const size = 256 * 1024 * 1024;
	await makeExt4(rootFile, { label: 'bimetal-root', size });
	await putIntoExt4(rootFile, await systemRoot(root, busybox));
	await makeDiskImage(work, 'image.qcow2', {
		kernel,
		initrd,
		commandLine,
		efiProgram: unifiedKernel({
			stub: await read('usr/lib/systemd/boot/efi/linuxx64.efi.stub'),
			kernel,
			initrd,
			commandLine,
		}),
		masterBootRecord: await read('usr/lib/syslinux/mbr/mbr.bin'),
		root: { file: rootFile, size },
	});
}

const ownFile = (name: string): Promise<Buffer> => readFile(new URL(`system/${name}`, import.meta.url));
const links = { 'bin/sh': 'busybox', 'usr/bin': '../bin', 'usr/sbin': '../sbin' } as const;

async function initialRoot(root: string, busybox: Buffer): Promise<Buffer> {
	const order = await openModules(path.join(root, 'usr/lib/modules'));
	const entries: Record<string, RootEntry> = {
		'bin/busybox': { kind: 'file', content: busybox, isProgram: true },
		init: { kind: 'file', content: await ownFile('find-root'), isProgram: true },
		'dev/console': { kind: 'device', major: 5, minor: 1 },
		...Object.fromEntries(Object.entries(links).map(([name, to]) => [name, { kind: 'link', to }])),
		...Object.fromEntries(
			['proc', 'sys', 'run', 'tmp', 'mnt', 'var/lib/iscsi', 'etc/iscsi'].map(name => [
				name,
				{ kind: 'folder' },
			]),
		),
	};
	for (const [name, content] of await withLibraries(root, ['usr/sbin/iscsistart']))
		entries[name] = { kind: 'file', content, isProgram: true };
	for (const [name, modules] of Object.entries(groups)) {
		const ordered = await order(...modules);
		entries[`lib/modules/${name}`] = { kind: 'file', content: ordered.map(m => `${m.name}\n`).join('') };
		for (const module of ordered)
			entries[`lib/modules/${module.name}.ko`] = { kind: 'file', content: module.content };
	}
	return promisify(gzip)(cpioArchive(entries), { level: 9 });
}

/** The root file system. */
async function systemRoot(root: string, busybox: Buffer): Promise<Record<string, RootEntry>> {
	const program = (content: Buffer): RootEntry => ({ kind: 'file', content, isProgram: true });
	const text = (content: Buffer | string): RootEntry => ({ kind: 'file', content });
	const folders = ['proc', 'sys', 'dev', 'run', 'tmp', 'mnt', 'root', 'usr', 'var/lib/bimetal'];
	const programs = await withLibraries(root, ['usr/sbin/iscsid']);
	return {
		...Object.fromEntries(folders.map(name => [name, { kind: 'folder' }] as const)),
		...Object.fromEntries([...programs].map(([name, content]) => [name, program(content)])),
		...Object.fromEntries(Object.entries(links).map(([name, to]) => [name, { kind: 'link', to }] as const)),
		'bin/busybox': program(busybox),
		'sbin/init': { kind: 'link', to: '../bin/busybox' },
		'etc/inittab': text(await ownFile('inittab')),
		'etc/bimetal/start': program(await ownFile('start')),
		'etc/bimetal/lease': program(await ownFile('lease')),
		'etc/passwd': text('root:*:0:0:root:/root:/bin/sh\n'),
		'etc/group': text('root:x:0:\n'),
		'etc/profile': text('export PATH=/bin:/sbin HOME=/root PS1="$(hostname)# "\n'),
		// A target that is away for two minutes is waited for; then what was not written is reported as lost.
		'etc/iscsi/iscsid.conf': text('node.session.timeo.replacement_timeout = 120\n'),
	};
}
