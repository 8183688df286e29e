import type { RootEntry } from '../guest/cpio-archive.ts';
import { withLibraries } from './shared-libraries.ts';
import { programOf } from './system-files.ts';

/** tpm2-tools are one program, which goes by its name; so does what stands in their place in the airlock. */
export const tpmTools = [
	...['clear', 'clearcontrol', 'pcrevent', 'nvread', 'createek', 'createak', 'quote'],
	...['startauthsession', 'policysecret', 'activatecredential', 'flushcontext'],
];
/** What talks to the kernel's TPM; tpm2-tools load it when they run. */
const tpmDevice = 'libtss2-tcti-device.so.0';

/** Packages that they come in. */
export const tpmPackages: readonly string[] = ['tpm2-tools', 'openssl'];

/** What the agent of attestation runs, in a system of busybox. `root`: a folder of unpacked packages. */
export async function tpmPrograms(root: string): Promise<Record<string, RootEntry>> {
	const entries: Record<string, RootEntry> = {};
	const library = `usr/lib/x86_64-linux-gnu/${tpmDevice}`;
	const programs = ['usr/bin/tpm2', 'usr/bin/openssl', library];
	for (const [name, content] of await withLibraries(root, programs))
		entries[name === `sbin/${tpmDevice}` ? `lib/${tpmDevice}` : name] = programOf(content);
	for (const tool of tpmTools) entries[`sbin/tpm2_${tool}`] = { kind: 'link', to: 'tpm2' };
	return entries;
}
