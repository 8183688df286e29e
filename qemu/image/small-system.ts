import type { RootEntry } from '../guest/cpio-archive.ts';
import { withLibraries } from './shared-libraries.ts';
import { busyboxLinks, ownPrograms, programOf, systemFile, textOf } from './system-files.ts';

/** The root of a system of busybox, open-iscsi, wget and dropbear. `root`: a folder of unpacked packages. */
export async function smallSystem(root: string, busybox: Buffer): Promise<Record<string, RootEntry>> {
	const folders = ['proc', 'sys', 'dev', 'run', 'tmp', 'mnt', 'root', 'usr', 'var/lib/bimetal', 'var/log'];
	const programs = await withLibraries(root, [
		...['usr/sbin/iscsid', 'usr/sbin/iscsiadm'],
		...['usr/bin/wget', 'usr/sbin/dropbear'],
	]);
	return {
		...Object.fromEntries([...folders, 'etc/dropbear'].map(name => [name, { kind: 'folder' } as const])),
		...Object.fromEntries([...programs].map(([name, content]) => [name, programOf(content)])),
		...busyboxLinks,
		'bin/busybox': programOf(busybox),
		'sbin/init': { kind: 'link', to: '../bin/busybox' },
		'etc/inittab': textOf(await systemFile('inittab')),
		...(await ownPrograms('start', 'lease', 'read-seed', 'configure')),
		'etc/passwd': textOf('root:*:0:0:root:/root:/bin/sh\n'),
		'etc/group': textOf('root:x:0:\n'),
		'etc/profile': textOf('export PATH=/bin:/sbin HOME=/root PS1="$(hostname)# "\n'),
		// iscsid wants one. What is set there is not for the session that the root came by; see system/find-root.
		'etc/iscsi/iscsid.conf': textOf(''),
	};
}
