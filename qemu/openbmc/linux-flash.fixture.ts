/** Where the AST2600's memory begins, and what is put where in it; far enough apart for what the kernel unpacks. */
const memory = { kernel: 0x81000000, deviceTree: 0x8f000000, initrd: 0x90000000 } as const;
/** Bytes for the code and its table. */
const headSize = 4096;

/**
 * The smallest of boot loaders, as ARM code (A32): it stands where the first core begins to run, copies what its table
 * names (from, to, end of from) out of the flash, which begins at address 0 then, and enters the kernel as Linux wants it
 * (Documentation/arch/arm/booting.rst: r0 0, r1 no machine, r2 the device tree). The second core sleeps at once.
 */
const code = [
	0xee103fb0, // 00 mrc p15, 0, r3, c0, c0, 5   MPIDR
	0xe2133003, // 04 ands r3, r3, #3
	0x1a00000e, // 08 bne 48                      not the first core
	0xe28f4040, // 0c add r4, pc, #64             54: the table
	0xe8b400e0, // 10 ldmia r4!, {r5, r6, r7}
	0xe3750001, // 14 cmn r5, #1                  -1 ends the table
	0x0a000004, // 18 beq 30
	0xe8b50f00, // 1c ldmia r5!, {r8-r11}
	0xe8a60f00, // 20 stmia r6!, {r8-r11}
	0xe1550007, // 24 cmp r5, r7
	0x3afffffb, // 28 blo 1c
	0xeafffff7, // 2c b 10
	0xe3a00000, // 30 mov r0, #0
	0xe3e01000, // 34 mvn r1, #0
	0xe1a02006, // 38 mov r2, r6
	0xe1a0f007, // 3c mov pc, r7
	0xe320f000, // 40 nop
	0xe320f000, // 44 nop
	0xe320f003, // 48 wfi
	0xeafffffd, // 4c b 48
	0xe320f000, // 50 nop
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
