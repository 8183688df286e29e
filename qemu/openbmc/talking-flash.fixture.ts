/** UART5 of the AST2600, to which its console is wired; a 16550 (AST2600 datasheet, memory map). */
const uart5 = 0x1e784000;

/**
 * A flash image that says something on the console of an AST2600 and then stands still: ARM code (A32) at its start,
 * where the first core begins; the second one sleeps at once.
 */
export function talkingFlash(text: string, size: number): Buffer {
	const code = [
		0xee103fb0, // 00 mrc p15, 0, r3, c0, c0, 5   MPIDR
		0xe2133003, // 04 ands r3, r3, #3
		0x1a000006, // 08 bne 28                      not the first core
		0xe59f0020, // 0c ldr r0, [pc, #32]           34: the UART
		0xe28f1020, // 10 add r1, pc, #32             38: the text
		0xe4d12001, // 14 ldrb r2, [r1], #1
		0xe3520000, // 18 cmp r2, #0
		0x0a000001, // 1c beq 28
		0xe5802000, // 20 str r2, [r0]
		0xeafffffa, // 24 b 14
		0xe320f003, // 28 wfi
		0xeafffffd, // 2c b 28
		0x00000000, // 30
		uart5, //      34
	];
	const flash = Buffer.alloc(size, 0xff);
	code.forEach((word, i) => {
		flash.writeUInt32LE(word, i * 4);
	});
	flash.write(`${text}\0`, code.length * 4, 'latin1');
	return flash;
}
