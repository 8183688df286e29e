import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RootEntry } from '../guest/cpio-archive.ts';
import { openModules } from '../guest/kernel-modules.ts';
import { packedArchive } from '../guest/packed-archive.ts';
import { diskModules } from '../image/disk-modules.ts';
import { withLibraries } from '../image/shared-libraries.ts';
import { busyboxLinks, programOf, textOf } from '../image/system-files.ts';
import { tpmPrograms, tpmTools } from '../image/tpm-programs.ts';

/** The modules that init loads, in groups that it knows: some are for cards that not every server has. */
const groups: Readonly<Record<string, readonly string[]>> = {
	base: ['virtio_net', 'virtio_rng'],
	intel: ['e1000e', 'igb', 'ixgbe'],
	broadcom: ['tg3'],
	// For boot entries that somebody has left.
	uefi: ['efivarfs'],
	// For a tenant's disk, which nothing looks at before the node is attested.
	...diskModules,
	iscsi: ['iscsi_tcp', 'iscsi_ibft'],
};

/** It belongs to the verifier's protocol, and any system may have it. */
const payloadProgram = new URL('../../attest/agent/open-payload', import.meta.url);

/** Whom the agent asks, and by what it knows them. */
export interface AirlockServices {
	/** `https://HOST:PORT` each. */
	readonly registrar: string;
	readonly verifier: string;
	/** PEM: their authorities. */
	readonly authorities: string;
}

/**
 * All of the airlock's system, which runs from memory: cpio, packed.
 *
 * @param root a folder of unpacked packages
 * @param tpm what speaks to the TPM: our script, or Debian's tpm2-tools
 */
export async function airlockRoot(
	root: string,
	services: AirlockServices,
	tpm: 'script' | 'tpm2-tools',
): Promise<Buffer> {
	const ownFile = (name: string): Promise<Buffer> => readFile(new URL(`system/${name}`, import.meta.url));
	const { registrar, verifier, authorities } = services;
	const entries: Record<string, RootEntry> = {
		'bin/busybox': programOf(await readFile(path.join(root, 'usr/bin/busybox'))),
		init: programOf(await ownFile('init')),
		'etc/airlock/agent': programOf(await ownFile('agent')),
		'etc/airlock/erase': programOf(await ownFile('erase')),
		'etc/airlock/admitted': programOf(await ownFile('admitted')),
		'etc/airlock/open-payload': programOf(await readFile(payloadProgram)),
		'etc/airlock/lease': programOf(await ownFile('lease')),
		'etc/airlock/services': textOf(`registrar=${registrar}\nverifier=${verifier}\n`),
		'etc/airlock/authorities.pem': textOf(authorities),
		'dev/console': { kind: 'device', major: 5, minor: 1 },
		...busyboxLinks,
		...(tpm === 'script' ? scriptFor(await ownFile('tpm')) : await tpmPrograms(root)),
	};
	for (const folder of ['proc', 'sys', 'run', 'tmp', 'mnt', 'var/lib/iscsi', 'etc/iscsi'])
		entries[folder] = { kind: 'folder' };
	const programs = [
		'usr/bin/openssl',
		'usr/bin/chattr',
		...['cryptsetup', 'dmsetup', 'kexec', 'iscsistart'].map(name => `usr/sbin/${name}`),
	];
	for (const [name, content] of await withLibraries(root, programs)) entries[name] = programOf(content);
	const order = await openModules(path.join(root, 'usr/lib/modules'));
	for (const [name, modules] of Object.entries(groups)) {
		const ordered = await order(...modules);
		entries[`lib/modules/${name}`] = textOf(ordered.map(m => `${m.name}\n`).join(''));
		for (const { name: module, content } of ordered) entries[`lib/modules/${module}.ko`] = textOf(content);
	}
	return packedArchive(entries);
}

/** Under the tools' names. */
const scriptFor = (script: Buffer): Record<string, RootEntry> => ({
	'etc/airlock/tpm': programOf(script),
	...Object.fromEntries(
		tpmTools.map(tool => [`sbin/tpm2_${tool}`, { kind: 'link', to: '../etc/airlock/tpm' } as const]),
	),
});
