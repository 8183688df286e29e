import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import type { Hardware } from '../bmc/host.ts';
import { BOOT_KINDS } from './boot-plan.ts';
import { DEFAULT_MEMORY_MIB, hasCable } from './machine-arguments.ts';
import type { Disk, ServerOptions } from './server-options.ts';

const imageInfo = z.object({ 'virtual-size': z.number(), format: z.string() });

/**
 * How many bytes each disk has for its machine.
 * @throws BimetalError DiskUnusable with qemu-img's own words
 */
export async function measureDisks(disks: readonly Disk[]): Promise<readonly number[]> {
	if (disks.length === 0) return [];
	const program = await findProgram('qemu-img');
	return Promise.all(
		disks.map(async ({ file, format }) => {
			try {
				// -U: another machine that has it open is found out when this one starts, with a better message.
				const args = ['info', '-U', '--output=json', '-f', format, file];
				const { stdout } = await promisify(execFile)(program, args);
				return imageInfo.parse(JSON.parse(stdout))['virtual-size'];
			} catch (cause) {
				const said =
					cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
				throw new BimetalError('DiskUnusable', `${file} is no disk of format ${format}: ${said}`, {
					status: 400,
					cause,
				});
			}
		}),
	);
}

/** What the BMC finds in a server, with each disk's bytes. */
export function inventory(options: ServerOptions, diskBytes: readonly number[]): Hardware {
	const cores = options.cpus ?? 1;
	return {
		// One socket; see machine-arguments.ts.
		processors: [
			{
				model: options.accelerator === 'kvm' ? 'KVM host processor' : 'QEMU Virtual CPU version 2.5+',
				partNumber: 'QEMU-CPU',
				// QEMU's SMBIOS type 4 says so, whatever it runs on.
				maxSpeedMHz: 2000,
				cores,
				threads: cores,
				// AMD family 15, model 107, stepping 1, as qemu64 says with CPUID.
				id: { family: '0x0f', model: '0x6b', step: '0x01', registers: '0x0000000000060fb1' },
			},
		],
		memory: [
			{
				model: 'QEMU RAM',
				partNumber: 'QEMU-DIMM',
				capacityMiB: options.memoryMiB ?? DEFAULT_MEMORY_MIB,
			},
		],
		drives: diskBytes.map(capacityBytes => ({
			model: 'VirtIO Block Device',
			mediaType: 'SSD',
			protocol: 'OEM',
			capacityBytes,
			health: 'OK',
		})),
		nics: (options.nics ?? []).map(nic => ({ mac: nic.mac, hasCable: hasCable(nic) })),
		bootMode: options.firmware === 'bios' ? 'Legacy' : 'UEFI',
		bootTargets: ['None', ...BOOT_KINDS],
		trustedModule: options.tpm ? 'TPM2_0' : undefined,
	};
}
