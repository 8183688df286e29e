import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { cpioArchive, type RootEntry } from '../guest/cpio-archive.ts';
import { openModules } from '../guest/kernel-modules.ts';
import { withLibraries } from '../image/shared-libraries.ts';
import { busyboxLinks, programOf, textOf } from '../image/system-files.ts';

/** The modules that init loads, in groups that it knows: some are for cards that not every server has. */
const groups: Readonly<Record<string, readonly string[]>> = {
	base: ['virtio_net', 'virtio_rng'],
	intel: ['e1000e', 'igb', 'ixgbe'],
	broadcom: ['tg3'],
};

/** tpm2-tools are one program, which goes by its name. */
const tpmTools = [
	...['clear', 'clearcontrol', 'nvread', 'createek', 'createak', 'quote'],
	...['startauthsession', 'policysecret', 'activatecredential', 'flushcontext'],
];
/** What talks to the kernel's TPM; tpm2-tools load it when they run. */
const tpmDevice = 'libtss2-tcti-device.so.0';

/** Whom the agent asks, and by what it knows them. */
export interface AirlockServices {
	/** `https://HOST:PORT` each. */
	readonly registrar: string;
	readonly verifier: string;
	/** PEM: their authorities. */
	readonly authorities: string;
}

/** All of the airlock's system, which runs from memory: gzipped cpio. `root`: a folder of unpacked packages. */
export async function airlockRoot(root: string, services: AirlockServices): Promise<Buffer> {
	const ownFile = (name: string): Promise<Buffer> => readFile(new URL(`system/${name}`, import.meta.url));
	const { registrar, verifier, authorities } = services;
	const entries: Record<string, RootEntry> = {
		'bin/busybox': programOf(await readFile(path.join(root, 'usr/bin/busybox'))),
		init: programOf(await ownFile('init')),
		'etc/airlock/agent': programOf(await ownFile('agent')),
		'etc/airlock/erase': programOf(await ownFile('erase')),
		'etc/airlock/lease': programOf(await ownFile('lease')),
		'etc/airlock/services': textOf(`registrar=${registrar}\nverifier=${verifier}\n`),
		'etc/airlock/authorities.pem': textOf(authorities),
		'dev/console': { kind: 'device', major: 5, minor: 1 },
		...busyboxLinks,
	};
	for (const folder of ['proc', 'sys', 'run', 'tmp']) entries[folder] = { kind: 'folder' };
	const library = `usr/lib/x86_64-linux-gnu/${tpmDevice}`;
	const programs = ['usr/bin/tpm2', 'usr/bin/openssl', 'usr/bin/wget', library];
	for (const [name, content] of await withLibraries(root, programs))
		entries[name === `sbin/${tpmDevice}` ? `lib/${tpmDevice}` : name] = programOf(content);
	for (const tool of tpmTools) entries[`sbin/tpm2_${tool}`] = { kind: 'link', to: 'tpm2' };
	const order = await openModules(path.join(root, 'usr/lib/modules'));
	for (const [name, modules] of Object.entries(groups)) {
		const ordered = await order(...modules);
		entries[`lib/modules/${name}`] = textOf(ordered.map(m => `${m.name}\n`).join(''));
		for (const { name: module, content } of ordered) entries[`lib/modules/${module}.ko`] = textOf(content);
	}
	return promisify(gzip)(cpioArchive(entries), { level: 9 });
}
