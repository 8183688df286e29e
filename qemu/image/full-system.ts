import { createHash } from 'node:crypto';
import { access, mkdir, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { RootEntry } from '../guest/cpio-archive.ts';
import { runTool } from '../guest/tools.ts';
import { ownPrograms, systemFile, textOf } from './system-files.ts';

/** Debian as tenants expect it: systemd, cloud-init, SSH. */
export const fullPackages: readonly string[] = [
	...[
		'systemd-sysv',
		'udev',
		'dbus',
		'login',
		'passwd',
		'netbase',
		'iproute2',
		'e2fsprogs',
		'ca-certificates',
	],
	...['cloud-init', 'openssh-server', 'sudo', 'open-iscsi', 'wget', 'linux-image-amd64'],
];
/** Bytes of its file system, of which a fifth is used; a disk of it can be no larger. */
export const fullSize = 2 ** 31;

/** mmdebstrap's options. */
const how: readonly string[] = [
	...['--quiet', '--mode=root', '--variant=minbase', '--format=directory'],
	...['--aptopt=APT::Install-Recommends "false"', '--skip=download/empty'],
	...['force-confold', 'force-unsafe-io'].map(each => `--dpkgopt=${each}`),
	...['doc', 'man', 'locale'].map(each => `--dpkgopt=path-exclude=/usr/share/${each}/*`),
	// Ours finds the root by itself: none is made of the packages' own.
	'--setup-hook=mkdir -p "$1/etc/initramfs-tools" && echo update_initramfs=no > "$1/etc/initramfs-tools/update-initramfs.conf"',
	// What was for this time only, and keys that every clone would have.
	'--customize-hook=rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/ssh/ssh_host_*',
];

export interface FullOptions {
	/** Where it is kept, to be taken again. */
	readonly cache: string;
	readonly work: string;
	readonly suite: string;
	/** apt's sources, a file. */
	readonly sources: string;
	/** Their names. */
	readonly packages: readonly string[];
	/** Files of all packages that it takes. */
	readonly debs: readonly string[];
	readonly onProgress: (step: string) => void;
}

/**
 * A file system with Debian in it: what mmdebstrap(1) makes of the packages, whose scripts run. The file's path; it is not
 * to be written to. Throws PartMissing, GuestNotBuilt.
 */
export async function fullSystem(options: FullOptions): Promise<string> {
	const { cache, work, suite, sources, packages, debs, onProgress } = options;
	if (process.getuid?.() !== 0)
		throw new BimetalError('GuestNotBuilt', 'packages are installed by root alone: try sudo', {
			expose: true,
		});
	const of = [suite, packages, debs.map(deb => path.basename(deb)), fullSize, how];
	const name = createHash('sha256').update(JSON.stringify(of)).digest('hex').slice(0, 16);
	const file = path.join(cache, `system-${name}.ext4`);
	const isThere = await access(file).then(
		() => true,
		() => false,
	);
	if (isThere) return file;
	onProgress(`Installing ${debs.length} packages, which takes minutes`);
	const tree = path.join(work, 'tree');
	// Fetched and verified already: nothing is fetched twice.
	const archives = path.join(work, 'archives');
	await mkdir(archives);
	for (const deb of debs) await symlink(path.resolve(deb), path.join(archives, path.basename(deb)));
	const take = `mkdir -p "$1/var/cache/apt/archives" && cp -L "${archives}"/*.deb "$1/var/cache/apt/archives/"`;
	const include = `--include=${packages.join(',')}`;
	await runTool(work, 'mmdebstrap', ...how, include, `--setup-hook=${take}`, suite, tree, sources);
	onProgress('Making the file system');
	const fresh = path.join(work, 'system.ext4');
	const as = ['-q', '-F', '-L', 'bimetal-root', '-d', tree];
	await runTool(work, 'mkfs.ext4', ...as, fresh, `${fullSize / 1024}k`);
	await rm(tree, { recursive: true });
	await rename(fresh, file);
	return file;
}

/** What is ours in it. */
export async function fullEntries(): Promise<Record<string, RootEntry>> {
	const link = (to: string): RootEntry => ({ kind: 'link', to });
	const units = 'etc/systemd/system';
	const theirs = '/usr/lib/systemd/system';
	return {
		...(await ownPrograms('read-seed', 'full-start')),
		[`${units}/bimetal.service`]: textOf(await systemFile('bimetal.service')),
		[`${units}/sysinit.target.wants/bimetal.service`]: link('../bimetal.service'),
		[`${units}/sysinit.target.wants/iscsid.service`]: link(`${theirs}/iscsid.service`),
		[`${units}/multi-user.target.wants/systemd-networkd.service`]: link(`${theirs}/systemd-networkd.service`),
		'etc/cloud/cloud.cfg.d/90-bimetal.cfg': textOf(await systemFile('cloud.cfg')),
		'etc/hostname': textOf('debian\n'),
	};
}
