import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { findAccelerator } from '../../qemu/machine/accelerator.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { printJson, printLine, printTable } from '../output.ts';
import { progressLine } from '../progress.ts';

/** What each kind of emulated hardware runs. */
const programs: readonly (readonly [what: string, names: readonly string[]])[] = [
	['servers', ['qemu-system-x86_64', 'qemu-img', 'swtpm', 'swtpm_setup']],
	['guests', ['apt-get', 'dpkg-deb', 'xz', 'mformat', 'syslinux', 'xorriso']],
	['boards', ['qemu-system-arm', 'apt-get', 'dpkg-deb', 'mkfs.ext4']],
	['switch', ['ovs-vswitchd', 'ovsdb-server', 'ovsdb-tool', 'ip']],
];

/** `bimetal qemu parts`: fails when something is missing. */
export async function showParts(context: CliContext, options: { readonly json?: boolean }): Promise<number> {
	const parts: { for: string; program: string; path: string | null; missing: string | null }[] = [];
	for (const [what, names] of programs) {
		for (const program of names) {
			const found = await findProgram(program).then(
				path => ({ path, missing: null }),
				fault => {
					if (!(fault instanceof BimetalError)) throw fault;
					return { path: null, missing: fault.message };
				},
			);
			parts.push({ for: what, program, ...found });
		}
	}
	const hasQemu = parts.some(({ program, path }) => program === 'qemu-system-x86_64' && path !== null);
	const progress = progressLine(context);
	if (hasQemu) progress.show('Booting a boot sector under KVM');
	const accelerator = hasQemu ? await findAccelerator() : null;
	progress.end();
	if (options.json) printJson(context, { parts, accelerator });
	else {
		await printTable(
			context,
			['FOR', 'PROGRAM', 'HERE'],
			parts.map(({ for: what, program, path, missing }) => [what, program, path ?? `no: ${missing}`]),
		);
		if (accelerator === 'kvm') printLine(context, 'KVM works: machines run at full speed.');
		else if (accelerator === 'tcg')
			printLine(context, 'KVM runs no machine here: QEMU translates code itself (TCG), many times slower.');
	}
	return parts.some(({ missing }) => missing !== null) ? exitCodes.missing.code : exitCodes.ok.code;
}
