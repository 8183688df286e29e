import path from 'node:path';
import type { RootEntry } from '../guest/cpio-archive.ts';
import { withLibraries } from './shared-libraries.ts';
import { ownPrograms, programOf, textOf } from './system-files.ts';

/** strongSwan: the daemon that agrees on keys, and what tells it with whom. */
export const ipsecPackages: readonly string[] = [
	'strongswan-charon',
	'strongswan-libcharon',
	'strongswan-swanctl',
];

/** What it loads when it runs; cryptography is openssl's and the kernel's. */
const plugins = ['random', 'nonce', 'openssl', 'kernel-netlink', 'socket-default', 'vici'];

/** Threads of charon's are ended by it, and it is loaded only then. */
const unwinder = 'usr/lib/x86_64-linux-gnu/libgcc_s.so.1';

/** No more than that: what is not loaded cannot be spoken to. */
const settings = `charon {
	load = ${plugins.join(' ')}
	install_routes = no
	install_virtual_ip = no
	retransmit_tries = 3
	filelog { }
	syslog { daemon { default = -1 } }
}
swanctl { load = random openssl }
`;

/** What encrypts between nodes, in a system of busybox. `root`: a folder of unpacked packages. */
export async function ipsecPrograms(root: string): Promise<Record<string, RootEntry>> {
	const folder = 'usr/lib/ipsec';
	const files = plugins.map(name => `${folder}/plugins/libstrongswan-${name}.so`);
	const entries: Record<string, RootEntry> = {
		...(await ownPrograms('ipsec')),
		'etc/strongswan.conf': textOf(settings),
		'var/run': { kind: 'link', to: '../run' },
	};
	const found = await withLibraries(root, [`${folder}/charon`, 'usr/sbin/swanctl', unwinder, ...files]);
	for (const [name, content] of found) {
		const base = path.basename(name);
		if (base === 'charon') entries[`${folder}/charon`] = programOf(content);
		else if (base.startsWith('libstrongswan-')) entries[`${folder}/plugins/${base}`] = programOf(content);
		else entries[base === path.basename(unwinder) ? `lib/${base}` : name] = programOf(content);
	}
	return entries;
}
