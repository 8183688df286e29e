import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { copyInto } from './ext4-volume.ts';
import { fatSize, makeFatVolume } from './fat-volume.ts';
import { runTool } from './tools.ts';

const sector = 512;
const mebibyte = 1024 * 1024;
/** "EFI System", "Non-FS data" and "Linux" (the table of partition types of fdisk(8)). */
const efiSystem = 0xef;
const nonFileSystem = 0xda;
const linux = 0x83;

export interface DiskImageParts {
	readonly kernel: Buffer;
	readonly initrd: Buffer;
	/** The kernel's command line. */
	readonly commandLine: string;
	/** For EFI/BOOT/BOOTX64.EFI. */
	readonly efiProgram: Buffer;
	/** 440 bytes. */
	readonly masterBootRecord: Buffer;
	/** What the second partition holds: a file system of so many bytes, in a file. A boot counter, which is 0, when absent. */
	readonly root?: { readonly file: string; readonly size: number };
}

/**
 * Makes a disk, qcow2, that a PC boots by BIOS (syslinux) and by UEFI (a program at the path for removable media); the
 * second partition holds the system, or only a boot counter. Throws PartMissing, GuestNotBuilt.
 */
export async function makeDiskImage(folder: string, name: string, parts: DiskImageParts): Promise<void> {
	const files = {
		'syslinux.cfg': syslinuxConfiguration(parts.commandLine),
		vmlinuz: parts.kernel,
		initrd: parts.initrd,
		'EFI/BOOT/BOOTX64.EFI': parts.efiProgram,
	};
	const system = { at: mebibyte, size: fatSize(Object.values(files)) };
	const { root } = parts;
	const second = { at: system.at + system.size, size: root?.size ?? mebibyte };
	if (parts.masterBootRecord.length > 440)
		throw new BimetalError('GuestNotBuilt', 'the boot code is too long');
	const first = Buffer.alloc(sector);
	parts.masterBootRecord.copy(first);
	partitionEntry({ type: efiSystem, ...system, isActive: true }).copy(first, 446);
	partitionEntry({ type: root ? linux : nonFileSystem, ...second, isActive: false }).copy(first, 462);
	first.writeUInt16LE(0xaa55, 510);

	const raw = `${name}.raw`;
	const image = await open(path.join(folder, raw), 'w');
	try {
		await image.write(first, 0, sector, 0);
		await image.truncate(second.at + second.size);
		if (!root) await image.write(Buffer.from('bimetal-boots 0000000000'), 0, 24, second.at);
	} finally {
		await image.close();
	}
	await makeFatVolume({ folder, image: raw, ...system }, files);
	if (root) await copyInto(root.file, path.join(folder, raw), second.at);
	await runTool(folder, 'syslinux', '--install', '--offset', String(system.at), raw);
	await runTool(folder, 'qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, name);
	await rm(path.join(folder, raw));
}

/** For syslinux, and for isolinux too. */
export function syslinuxConfiguration(commandLine: string): string {
	return `DEFAULT guest\nPROMPT 0\nLABEL guest\nLINUX vmlinuz\nINITRD initrd\nAPPEND ${commandLine}\n`;
}

interface Partition {
	readonly type: number;
	readonly at: number;
	readonly size: number;
	readonly isActive: boolean;
}

/** 16 bytes of the master boot record. Cylinders, heads and sectors say "beyond": the sector numbers count. */
function partitionEntry({ type, at, size, isActive }: Partition): Buffer {
	const entry = Buffer.alloc(16);
	Buffer.from([isActive ? 0x80 : 0, 0xfe, 0xff, 0xff, type, 0xfe, 0xff, 0xff]).copy(entry);
	entry.writeUInt32LE(at / sector, 8);
	entry.writeUInt32LE(size / sector, 12);
	return entry;
}
