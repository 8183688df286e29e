import { readFile } from 'node:fs/promises';
import type { RootEntry } from './cpio-archive.ts';
import type { GuestParts } from './guest-parts.ts';
import { openModules } from './kernel-modules.ts';
import { packedArchive } from './packed-archive.ts';

/** The modules that the guest loads, in groups that `start` knows: some need hardware that not every server has. */
const groups: Readonly<Record<string, readonly string[]>> = {
	base: [
		...['virtio_net', 'virtio_blk', 'virtio_scsi'],
		...['button', 'evdev', 'i6300esb', 'pvpanic-pci', 'pvpanic-mmio'],
	],
	ahci: ['ahci'],
	usb: ['xhci-pci', 'ehci-pci', 'uhci-hcd', 'usb-storage', 'uas'],
	// After those that drive what the disks hang on: loading one waits for its devices to be looked through.
	disks: ['sd_mod', 'sr_mod', 'isofs'],
	efi: ['efivarfs'],
	vlans: ['8021q'],
};

/** Where each of the guest's own files, which lie in system/, goes. */
const ownFiles: Readonly<Record<string, string>> = {
	inittab: 'etc/inittab',
	profile: 'etc/profile',
	start: 'etc/guest/start',
	stop: 'etc/guest/stop',
	lease: 'etc/guest/lease',
	// The name that busybox's acpid calls for the key KEY_POWER.
	'power-button': 'etc/acpi/PWRF/00000080',
};

/** The guest's root file system: busybox, what drives a server's hardware, and the files in system/. */
export async function buildInitramfs(parts: Pick<GuestParts, 'busybox' | 'modules'>): Promise<Buffer> {
	const order = await openModules(parts.modules);
	const entries: Record<string, RootEntry> = {
		'bin/busybox': { kind: 'file', content: parts.busybox, isProgram: true },
		'bin/sh': { kind: 'link', to: 'busybox' },
		init: { kind: 'link', to: 'bin/busybox' },
		sbin: { kind: 'link', to: 'bin' },
		'dev/console': { kind: 'device', major: 5, minor: 1 },
		...Object.fromEntries(['proc', 'sys', 'run', 'tmp', 'mnt'].map(name => [name, { kind: 'folder' }])),
		'var/run': { kind: 'link', to: '../run' },
	};
	for (const [name, modules] of Object.entries(groups)) {
		const ordered = await order(...modules);
		entries[`lib/modules/${name}`] = { kind: 'file', content: ordered.map(m => `${m.name}\n`).join('') };
		for (const module of ordered)
			entries[`lib/modules/${module.name}.ko`] = { kind: 'file', content: module.content };
	}
	for (const [name, path] of Object.entries(ownFiles)) {
		const content = await readFile(new URL(`system/${name}`, import.meta.url));
		entries[path] = { kind: 'file', content, isProgram: content.toString('latin1', 0, 2) === '#!' };
	}
	return packedArchive(entries);
}
