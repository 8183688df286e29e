import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { RootEntry } from '../guest/cpio-archive.ts';
import { type KernelModule, openModules } from '../guest/kernel-modules.ts';
import type { BoardProgram } from './board-program.ts';
import type { FirmwareParts } from './firmware-packages.ts';
import { findLibraries } from './shared-libraries.ts';

/** The modules that the board loads, in groups that `system/start` knows, in the order in which it loads them. */
const groups: Readonly<Record<string, readonly string[]>> = {
	// nf_tables and conntrack look for the checksum when they are loaded, which is nobody's symbol.
	firewall: ['crc32c_generic', 'nf_tables', 'nft_ct'],
	network: ['mdio-aspeed', 'realtek', 'ftgmac100'],
	card: ['sdhci-of-aspeed', 'ext4'],
};

/** Node's own parts that Debian has taken out of it: Node ends when one of them is not where it looks for it. */
const outsideNode = [
	'acorn/dist/acorn.js',
	'acorn-walk/dist/walk.js',
	'cjs-module-lexer/lexer.js',
	'cjs-module-lexer/dist/lexer.js',
	'minimatch/dist/cjs/index.bundle.js',
	'undici/undici-fetch.js',
];
const scripts = ['start', 'redfish', 'proxy', 'console', 'stop', 'lease'];
const settings = ['inittab', 'firewall.nft'];
const people = {
	passwd: 'root:x:0:0::/:/bin/sh\nboard:x:1000:1000::/:/bin/sh\n',
	group: 'root:x:0:\nboard:x:1000:\n',
	hosts: '127.0.0.1 localhost\n',
};

/** The board's whole root file system, which its kernel unpacks into memory: nothing in it is anybody's secret. */
export async function rootFiles(
	parts: Pick<FirmwareParts, 'root' | 'modules'>,
	program: BoardProgram,
): Promise<Readonly<Record<string, RootEntry>>> {
	const fileOf = await indexFiles(parts.root);
	const busybox = await fileOf('bin/busybox');
	const node = await fileOf('bin/node');
	const nft = await fileOf('sbin/nft');
	const entries: Record<string, RootEntry> = {
		init: { kind: 'link', to: 'bin/busybox' },
		lib: { kind: 'link', to: 'usr/lib' },
		sbin: { kind: 'link', to: 'bin' },
		'bin/busybox': { kind: 'file', content: busybox, isProgram: true },
		'bin/sh': { kind: 'link', to: 'busybox' },
		'bin/nft': { kind: 'file', content: nft, isProgram: true },
		'usr/bin/node': { kind: 'file', content: node, isProgram: true },
		'usr/bin/env': { kind: 'link', to: '../../bin/busybox' },
		'dev/console': { kind: 'device', major: 5, minor: 1 },
		'dev/null': { kind: 'device', major: 1, minor: 3 },
		...Object.fromEntries(['proc', 'sys', 'run', 'tmp', 'card'].map(name => [name, { kind: 'folder' }])),
	};
	const add = (path: string, content: Buffer | string, isProgram = false) => {
		entries[path] = { kind: 'file', content, isProgram };
	};
	for (const [name, content] of Object.entries(program.files)) add(`usr/lib/board/${name}`, content);
	for (const [name, content] of await findLibraries(parts.root, [node, nft]))
		add(`usr/lib/${name}`, content, true);
	for (const name of outsideNode) add(`usr/share/nodejs/${name}`, await fileOf(`share/nodejs/${name}`));
	for (const [name, content] of Object.entries(people)) add(`etc/${name}`, content);
	const own = (name: string) => readFile(new URL(`system/${name}`, import.meta.url));
	for (const name of scripts) add(`etc/board/${name}`, await own(name), true);
	for (const name of settings) add(name === 'inittab' ? 'etc/inittab' : `etc/board/${name}`, await own(name));
	const order = await openModules(parts.modules);
	for (const [name, modules] of Object.entries(groups)) {
		const ordered = await order(...modules);
		add(`usr/lib/modules/${name}`, ordered.map(module => `${module.name}\n`).join(''));
		for (const module of ordered) add(`usr/lib/modules/${module.name}.ko`, withoutSignature(module));
	}
	return entries;
}

/** Reads a file of the packages by the end of its path. */
async function indexFiles(root: string): Promise<(end: string) => Promise<Buffer>> {
	const files = await readdir(root, { recursive: true });
	return async end => {
		const file = files.find(name => name === end || name.endsWith(`/${end}`));
		if (file === undefined)
			throw new BimetalError('FirmwareNotBuilt', `no package has ${end}`, { expose: true });
		return readFile(path.join(root, file));
	};
}

/**
 * A module without the signature at its end (Documentation/admin-guide/module-signing.rst): to check an RSA signature
 * takes this processor, emulated, a third of a second for each. They come from packages whose signatures were checked,
 * in an image that is loaded as a whole.
 */
function withoutSignature({ content }: KernelModule): Buffer {
	const magic = '~Module signature appended~\n';
	const end = content.length - magic.length;
	if (content.toString('latin1', end) !== magic) return content;
	return content.subarray(0, end - 12 - content.readUInt32BE(end - 4));
}
