import path from 'node:path';
import type { RootEntry } from '../guest/cpio-archive.ts';
import { openModules } from '../guest/kernel-modules.ts';
import { packedArchive } from '../guest/packed-archive.ts';
import { diskModules } from './disk-modules.ts';
import { withLibraries } from './shared-libraries.ts';
import { busyboxLinks, ownPrograms, programOf, systemFile } from './system-files.ts';

/** The modules that find-root loads, in groups that it knows: some are for cards that not every server has. */
const groups: Readonly<Record<string, readonly string[]>> = {
	// Networks that hil has put on a NIC as a tagged channel are devices of this.
	base: ['virtio_net', '8021q'],
	intel: ['e1000e', 'igb', 'ixgbe'],
	broadcom: ['tg3'],
	...diskModules,
	iscsi: ['iscsi_tcp', 'iscsi_ibft'],
	ipsec: ['xfrm_user', 'esp4', 'gcm', 'ghash_generic', 'seqiv', 'echainiv'],
	multipath: ['dm_multipath', 'dm_round_robin'],
};

/** What finds the root, and is process 1 until then: cpio, packed. `root`: a folder of unpacked packages. */
export async function initialRoot(root: string, busybox: Buffer): Promise<Buffer> {
	const order = await openModules(path.join(root, 'usr/lib/modules'));
	const folders = ['proc', 'sys', 'run', 'tmp', 'mnt', 'var/lib/iscsi', 'etc/iscsi'];
	const entries: Record<string, RootEntry> = {
		'bin/busybox': programOf(busybox),
		init: programOf(await systemFile('find-root')),
		...(await ownPrograms('told', 'told-address', 'join-paths', 'keep-paths')),
		'dev/console': { kind: 'device', major: 5, minor: 1 },
		...busyboxLinks,
		...Object.fromEntries(folders.map(name => [name, { kind: 'folder' } as const])),
	};
	for (const [name, content] of await withLibraries(root, ['usr/sbin/iscsistart', 'usr/sbin/dmsetup']))
		entries[name] = programOf(content);
	for (const [name, modules] of Object.entries(groups)) {
		const ordered = await order(...modules);
		entries[`lib/modules/${name}`] = { kind: 'file', content: ordered.map(m => `${m.name}\n`).join('') };
		for (const module of ordered)
			entries[`lib/modules/${module.name}.ko`] = { kind: 'file', content: module.content };
	}
	return packedArchive(entries);
}
