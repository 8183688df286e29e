import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { syslinuxConfiguration } from './disk-image.ts';
import { fatSize, makeFatVolume } from './fat-volume.ts';
import { runTool } from './tools.ts';

export interface IsoImageParts {
	readonly kernel: Buffer;
	readonly initrd: Buffer;
	/** The kernel's command line. */
	readonly commandLine: string;
	/** For EFI/BOOT/BOOTX64.EFI. */
	readonly efiProgram: Buffer;
	readonly isolinux: Buffer;
	readonly ldlinux: Buffer;
}

/**
 * Makes a CD with two entries of El Torito: isolinux for BIOS, and for UEFI a FAT image with the program. Throws
 * PartMissing, GuestNotBuilt.
 */
export async function makeIsoImage(folder: string, name: string, parts: IsoImageParts): Promise<void> {
	const tree = path.join(folder, 'cd');
	await mkdir(tree);
	const files = {
		'isolinux.bin': parts.isolinux,
		'ldlinux.c32': parts.ldlinux,
		'isolinux.cfg': syslinuxConfiguration(parts.commandLine),
		vmlinuz: parts.kernel,
		initrd: parts.initrd,
	};
	for (const [file, content] of Object.entries(files)) await writeFile(path.join(tree, file), content);
	const efi = { 'EFI/BOOT/BOOTX64.EFI': parts.efiProgram };
	const size = fatSize(Object.values(efi));
	const image = await open(path.join(tree, 'efi.img'), 'w');
	await image.truncate(size).finally(() => image.close());
	await makeFatVolume({ folder: tree, image: 'efi.img', at: 0, size }, efi);
	await runTool(
		folder,
		'xorriso',
		...['-as', 'mkisofs', '-quiet', '-o', name, '-V', 'BIMETAL', '-J'],
		...['-b', 'isolinux.bin', '-c', 'boot.cat', '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table'],
		...['-eltorito-alt-boot', '-e', 'efi.img', '-no-emul-boot', 'cd'],
	);
	await rm(tree, { recursive: true });
}
