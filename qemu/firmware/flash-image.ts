import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { firmwareFiles, flashSize } from './build-firmware.ts';
import { withChosen } from './device-tree.ts';

/** Where the AST2600's memory begins, and what is put where in it; far enough apart for what the kernel unpacks. */
const memory = { kernel: 0x81000000, deviceTree: 0x8f000000, initrd: 0x90000000 } as const;
/** Bytes for the code and its table. */
const headSize = 4096;

/**
 * The smallest of boot loaders, as ARM code (A32): it stands where both cores begin to run. The first one unlocks the
 * system control unit as U-Boot does, copies what its table names (from, to, end of from) out of the flash, which begins
 * at address 0 then, and enters the kernel as Linux wants it (Documentation/arch/arm/booting.rst: r0 0, r1 no machine,
 * r2 the device tree). The other waits for the kernel to name its entry (AST2600 datasheet, SCU180 and SCU184;
 * arch/arm/mach-aspeed/platsmp.c): a sign that holds its number, then where to go on.
 */
const code = [
	0xee103fb0, // 00 mrc p15, 0, r3, c0, c0, 5   MPIDR
	0xe21330ff, // 04 ands r3, r3, #255           the core's number
	0x1a000012, // 08 bne 58                      not the first
	0xe59f006c, // 0c ldr r0, [pc, #108]          80
	0xe59f106c, // 10 ldr r1, [pc, #108]          84
	0xe5810000, // 14 str r0, [r1]
	0xe5810010, // 18 str r0, [r1, #16]
	0xe28f4070, // 1c add r4, pc, #112            94: the table
	0xe8b400e0, // 20 ldmia r4!, {r5, r6, r7}
	0xe3750001, // 24 cmn r5, #1                  -1 ends the table
	0x0a000004, // 28 beq 40
	0xe8b50f00, // 2c ldmia r5!, {r8-r11}
	0xe8a60f00, // 30 stmia r6!, {r8-r11}
	0xe1550007, // 34 cmp r5, r7
	0x3afffffb, // 38 blo 2c
	0xeafffff7, // 3c b 20
	0xe3a00000, // 40 mov r0, #0
	0xe3e01000, // 44 mvn r1, #0
	0xe1a02006, // 48 mov r2, r6
	0xe1a0f007, // 4c mov pc, r7
	0xe320f000, // 50 nop
	0xe320f000, // 54 nop
	0xe59f2028, // 58 ldr r2, [pc, #40]           88
	0xe1822003, // 5c orr r2, r2, r3
	0xe59f1024, // 60 ldr r1, [pc, #36]           8c
	0xe59f0024, // 64 ldr r0, [pc, #36]           90
	0xe320f002, // 68 wfe
	0xe5904000, // 6c ldr r4, [r0]
	0xe1520004, // 70 cmp r2, r4
	0x1afffffb, // 74 bne 68
	0xe591f000, // 78 ldr pc, [r1]
	0xe320f000, // 7c nop
	0x1688a8a8, // 80 what unlocks SCU000 and SCU010
	0x1e6e2000, // 84 the system control unit
	0xabbaab00, // 88 the sign, without the core's number
	0x1e6e2180, // 8c SCU180: the entry
	0x1e6e2184, // 90 SCU184: the sign
];

export interface LinuxFlash {
	/** A zImage. */
	readonly kernel: Buffer;
	readonly initrd: Buffer;
	/** Called with where the initrd will lie in memory: its first byte, and the one behind its last. */
	readonly deviceTree: (initrd: { readonly start: number; readonly end: number }) => Buffer;
}

/** A flash image from which an AST2600 boots Linux. */
export function linuxFlash({ kernel, initrd, deviceTree }: LinuxFlash): Buffer {
	const tree = deviceTree({ start: memory.initrd, end: memory.initrd + initrd.length });
	const table: number[] = [];
	const parts: Buffer[] = [];
	let at = headSize;
	for (const [content, to] of [
		[kernel, memory.kernel],
		[tree, memory.deviceTree],
		[initrd, memory.initrd],
	] as const) {
		// It is copied by sixteen bytes.
		const part = Buffer.concat([content, Buffer.alloc(-content.length & 15)]);
		table.push(at, to, at + part.length);
		parts.push(part);
		at += part.length;
	}
	table.push(0xffffffff, memory.deviceTree, memory.kernel);
	const head = Buffer.alloc(headSize, 0xff);
	for (const [index, word] of [...code, ...table].entries()) head.writeUInt32LE(word, index * 4);
	return Buffer.concat([head, ...parts]);
}

/**
 * A board's firmware as the whole of its flash. Nobody tells the kernel anything at its start then: it gathers its own
 * randomness, and goes by the latest time that is on the board's card. Throws FirmwareNotBuilt when it does not fit.
 *
 * @param folder the firmware's
 */
export async function boardFlash(folder: string): Promise<Buffer> {
	const read = (name: keyof typeof firmwareFiles) => readFile(path.join(folder, firmwareFiles[name]));
	const [kernel, initrd, tree] = await Promise.all([read('kernel'), read('initrd'), read('deviceTree')]);
	const used = linuxFlash({
		kernel,
		initrd,
		// The tree tells of twice the memory that QEMU's board has.
		deviceTree: ({ start, end }) =>
			withChosen(tree, {
				bootargs: 'console=ttyS4,115200n8 mem=1G quiet panic=-1',
				'linux,initrd-start': word(start),
				'linux,initrd-end': word(end),
			}),
	});
	if (used.length > flashSize)
		throw new BimetalError('FirmwareNotBuilt', `${used.length} bytes do not fit into the board's flash`, {
			expose: true,
		});
	return Buffer.concat([used, Buffer.alloc(flashSize - used.length, 0xff)]);
}

function word(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value);
	return bytes;
}
