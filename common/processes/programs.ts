import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../errors/bimetal-error.ts';

/** The Debian package that each program comes from. */
const packages: Readonly<Record<string, string>> = {
	'qemu-system-x86_64': 'qemu-system-x86',
	'qemu-system-arm': 'qemu-system-arm',
	'qemu-img': 'qemu-utils',
	'qemu-storage-daemon': 'qemu-system-common',
	fusermount3: 'fuse3',
	umount: 'mount',
	perl: 'perl-base',
	dnsmasq: 'dnsmasq-base',
	tgtd: 'tgt',
	tgtadm: 'tgt',
	rbd: 'ceph-common',
	ceph: 'ceph-common',
	xz: 'xz-utils',
	mformat: 'mtools',
	mmd: 'mtools',
	mcopy: 'mtools',
	sbsign: 'sbsigntool',
	swtpm: 'swtpm',
	swtpm_setup: 'swtpm-tools',
	swtpm_localca: 'swtpm-tools',
	certtool: 'gnutls-bin',
	'ovs-vswitchd': 'openvswitch-switch',
	'ovsdb-server': 'openvswitch-switch',
	'ovsdb-tool': 'openvswitch-common',
	'ovs-vsctl': 'openvswitch-switch',
	ethtool: 'ethtool',
	ip: 'iproute2',
	setpriv: 'util-linux',
	prlimit: 'util-linux',
	nsenter: 'util-linux',
	unshare: 'util-linux',
	nice: 'coreutils',
	'dpkg-deb': 'dpkg',
	'apt-get': 'apt',
	'mkfs.ext4': 'e2fsprogs',
	debugfs: 'e2fsprogs',
};

/**
 * Where a program is, if not given by its whole path: on the PATH, or where Debian keeps what administrators run, which is not on everybody's PATH.
 * Throws PartMissing, which names the package to install.
 */
export async function findProgram(name: string): Promise<string> {
	if (path.isAbsolute(name)) return name;
	const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin'];
	for (const folder of folders.filter(path.isAbsolute)) {
		const file = path.join(folder, name);
		if (
			await access(file, constants.X_OK).then(
				() => true,
				() => false,
			)
		)
			return file;
	}
	throw new BimetalError('PartMissing', `${name} is not here: apt-get install ${packages[name] ?? name}`, {
		status: 503,
		expose: true,
	});
}

/** The Debian packages that bring those of the programs that are not here. */
export async function missingPackages(programs: readonly string[]): Promise<readonly string[]> {
	const missing = new Set<string>();
	for (const name of programs) {
		await findProgram(name).catch(() => missing.add(packages[name] ?? name));
	}
	return [...missing];
}
