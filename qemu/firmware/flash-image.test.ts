import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { firmwareFiles, flashSize } from './build-firmware.ts';
import { boardFlash, linuxFlash } from './flash-image.ts';

const words = (...values: number[]) => {
	const bytes = Buffer.alloc(values.length * 4);
	for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
	return bytes;
};
/** `/ { chosen { }; };` */
const tree = Buffer.concat([
	words(0xd00dfeed, 100, 56, 92, 40, 17, 16, 0, 0, 36, 0, 0, 0, 0),
	words(1, 0, 1, 0x63686f73, 0x656e0000, 2, 2, 4, 9),
]);

/** What the code at its start will do: the table is where its `add r4, pc, #…` says. */
function follow(flash: Buffer): { copies: { to: number; content: Buffer }[]; tree: number; entry: number } {
	const add = flash.readUInt32LE(0x1c);
	if ((add & 0xfffff000) >>> 0 !== 0xe28f4000) throw new Error('add r4, pc, # is elsewhere');
	const copies = [];
	for (let at = 0x24 + (add & 0xfff); ; at += 12) {
		const [from, to, end] = [0, 4, 8].map(offset => flash.readUInt32LE(at + offset)) as [
			number,
			number,
			number,
		];
		if (from === 0xffffffff) return { copies, tree: to, entry: end };
		copies.push({ to, content: flash.subarray(from, end) });
	}
}

test('its table copies kernel, device tree and initrd to memory where they do not meet, and enters the kernel', t => {
	const kernel = Buffer.alloc(5_000_001, 'kernel');
	const initrd = Buffer.alloc(30_000_003, 'initrd');
	let told = { start: 0, end: 0 };
	const flash = linuxFlash({
		kernel,
		initrd,
		deviceTree: where => {
			told = where;
			return tree;
		},
	});
	const { copies, tree: treeAt, entry } = follow(flash);
	const [first, second, third] = copies;
	t.is(copies.length, 3);
	t.true(first?.content.subarray(0, kernel.length).equals(kernel));
	t.true(second?.content.subarray(0, tree.length).equals(tree));
	t.true(third?.content.subarray(0, initrd.length).equals(initrd));
	t.deepEqual([entry, treeAt], [first?.to, second?.to]);
	t.deepEqual(told, { start: third?.to ?? 0, end: (third?.to ?? 0) + initrd.length });
	const ends = copies
		.map(({ to, content }) => [to, to + content.length] as const)
		.sort((a, b) => a[0] - b[0]);
	for (const [index, [from]] of ends.entries()) t.true(from >= (ends[index - 1]?.[1] ?? 0x80000000));
	t.true(
		ends.every(([, end]) => end <= 0x80000000 + 2 ** 30),
		'all of it is within the memory of the board',
	);
});

test("a board's flash is as large as the chip, and firmware that does not fit is refused", async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-flash-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const write = (name: keyof typeof firmwareFiles, content: Buffer) =>
		writeFile(path.join(folder, firmwareFiles[name]), content);
	await write('kernel', Buffer.alloc(1000, 'k'));
	await write('initrd', Buffer.alloc(1000, 'i'));
	await write('deviceTree', tree);
	const flash = await boardFlash(folder);
	t.is(flash.length, flashSize);
	t.is(flash.at(-1), 0xff, 'what is not used is as an erased chip');
	const [, chosen, initrd] = follow(flash).copies;
	const text = chosen?.content.toString('latin1') ?? '';
	for (const said of ['console=ttyS4', 'linux,initrd-start', 'linux,initrd-end'])
		t.true(text.includes(said), said);
	t.false(text.includes('rng-seed'), 'a seed that everybody has is none');
	t.true(initrd?.content.toString().startsWith('iii'));

	await write('initrd', Buffer.alloc(flashSize));
	await t.throwsAsync(boardFlash(folder), { code: 'FirmwareNotBuilt', message: /do not fit/ });
});
