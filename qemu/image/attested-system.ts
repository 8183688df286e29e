import { readFile } from 'node:fs/promises';
import type { RootEntry } from '../guest/cpio-archive.ts';
import { ipsecPrograms } from './ipsec-programs.ts';
import { ownPrograms, programOf, systemFile, textOf } from './system-files.ts';
import { tpmPrograms } from './tpm-programs.ts';

/** The same that proves in the airlock what has booted. */
const agent = new URL('../airlock/system/agent', import.meta.url);

/** What a system needs to go on proving what runs in it. `root`: a folder of unpacked packages. */
export async function attestedEntries(
	root: string,
	{ isFull }: { readonly isFull: boolean },
): Promise<Record<string, RootEntry>> {
	const programs = {
		...(await ownPrograms('attested')),
		'etc/bimetal/agent': programOf(await readFile(agent)),
	};
	// Debian with systemd has them as packages.
	if (!isFull) return { ...programs, ...(await tpmPrograms(root)), ...(await ipsecPrograms(root)) };
	const units = 'etc/systemd/system';
	return {
		...programs,
		[`${units}/bimetal-attested.service`]: textOf(await systemFile('bimetal-attested.service')),
		[`${units}/multi-user.target.wants/bimetal-attested.service`]: {
			kind: 'link',
			to: '../bimetal-attested.service',
		},
	};
}

/** What starts the system, inside the root: there an airlock finds it, and there it can be encrypted with everything else. */
export function bootEntries(of: {
	readonly kernel: Buffer;
	readonly initrd: Buffer;
	readonly commandLine: string;
}): Record<string, RootEntry> {
	return {
		'boot/vmlinuz': textOf(of.kernel),
		'boot/initrd': textOf(of.initrd),
		// Everything that root runs or reads, and all that is mapped to be run, is measured (Linux, Documentation/ABI/testing/ima_policy).
		// Firmware has left the timer as it is no longer after another kernel, and a machine that waits for its host's processor
		// passes for one whose timer does not work: the kernel would stop there. No machine of today needs that test.
		'boot/arguments': textOf(`${of.commandLine} ima_policy=tcb no_timer_check\n`),
	};
}
