import { constants } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startChild } from '../../common/processes/children.ts';

export type Accelerator = 'kvm' | 'tcg';

/** Milliseconds in which the probe's machine must have ended: it takes a tenth of a second where KVM works. */
const limit = 2000;
/** What the machine ends with when the boot sector ran: isa-debug-exit makes 2 n + 1 of n. */
const ran = 2 * 0x10 + 1;

/**
 * KVM where a machine really runs under it, and soon; else TCG. There are hosts whose /dev/kvm can be opened and whose
 * guests then stand still, so the device's presence says nothing. Throws PartMissing.
 */
export async function findAccelerator(): Promise<Accelerator> {
	const mayOpen = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
		() => true,
		() => false,
	);
	return mayOpen && (await boots('kvm')) ? 'kvm' : 'tcg';
}

/** Whether a boot sector that writes one byte to the debug port gets to do so in time. */
export async function boots(accelerator: Accelerator, within = limit): Promise<boolean> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-probe-'));
	try {
		// mov al, 0x10; out 0xf4, al; hlt; jmp -3
		const sector = Buffer.alloc(512);
		Buffer.from([0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]).copy(sector);
		sector.writeUInt16LE(0xaa55, 510);
		await writeFile(path.join(folder, 'sector'), sector);
		const child = await startChild(
			'qemu-system-x86_64',
			[
				...['-accel', accelerator, '-M', 'pc', '-m', '32', '-nodefaults', '-display', 'none'],
				...['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
				...['-drive', 'file=sector,format=raw,if=ide,readonly=off,snapshot=on'],
			],
			{ run: 'probe', folder },
		);
		let isLate = false;
		const timer = setTimeout(() => {
			isLate = true;
			void child.stop();
		}, within);
		const { code } = await child.exited;
		clearTimeout(timer);
		return !isLate && code === ran;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
