import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { findLibraries } from './shared-libraries.ts';

/** An ELF file for 32 bits with its loader and what it needs; one segment that is loaded at 0x10000. */
function elf(needed: readonly string[], loader?: string): Buffer {
	const base = 0x10000;
	const headers = loader === undefined ? 2 : 3;
	const textAt = 52 + headers * 32;
	const text = Buffer.from(`\0${needed.map(name => `${name}\0`).join('')}${loader ?? ''}\0`);
	const dynamicAt = textAt + text.length;
	const dynamic = Buffer.alloc((needed.length + 2) * 8);
	let offset = 1;
	for (const [index, name] of needed.entries()) {
		dynamic.writeUInt32LE(1, index * 8);
		dynamic.writeUInt32LE(offset, index * 8 + 4);
		offset += name.length + 1;
	}
	dynamic.writeUInt32LE(5, needed.length * 8);
	dynamic.writeUInt32LE(base + textAt, needed.length * 8 + 4);
	const head = Buffer.alloc(textAt);
	head.write('\x7fELF\x01\x01', 'latin1');
	head.writeUInt32LE(52, 28);
	head.writeUInt16LE(headers, 44);
	const size = dynamicAt + dynamic.length;
	const segments = [
		[1, 0, base, base, size],
		[2, dynamicAt, base + dynamicAt, 0, dynamic.length],
		[3, textAt + offset, base + textAt + offset, 0, (loader ?? '').length + 1],
	].slice(0, headers);
	for (const [index, fields] of segments.entries())
		for (const [field, value] of fields.entries()) head.writeUInt32LE(value, 52 + index * 32 + field * 4);
	return Buffer.concat([head, text, dynamic]);
}

test('finds what programs need, what that needs, and the loader, wherever packages put it', async t => {
	const root = await mkdtemp(path.join(tmpdir(), 'bimetal-libraries-'));
	t.teardown(() => rm(root, { recursive: true }));
	await mkdir(path.join(root, 'usr/lib/arm'), { recursive: true });
	await mkdir(path.join(root, 'lib'));
	const libc = elf(['ld.so.3']);
	await writeFile(path.join(root, 'usr/lib/arm/libc.so.6'), libc);
	await writeFile(path.join(root, 'usr/lib/arm/libssl.so.3'), elf(['libcrypto.so.3', 'libc.so.6']));
	await writeFile(path.join(root, 'usr/lib/arm/libcrypto.so.3'), elf(['libc.so.6', 'libssl.so.3']));
	await writeFile(path.join(root, 'lib/ld.so.3'), elf([]));
	await writeFile(path.join(root, 'lib/libunused.so.1'), elf([]));

	const found = await findLibraries(root, [elf(['libssl.so.3'], '/lib/ld.so.3')]);
	t.deepEqual([...found.keys()].sort(), ['ld.so.3', 'libc.so.6', 'libcrypto.so.3', 'libssl.so.3']);
	t.deepEqual(found.get('libc.so.6'), libc);

	await t.throwsAsync(findLibraries(root, [elf(['libgone.so.1'])]), { message: /no package has .*libgone/ });
	await t.throwsAsync(findLibraries(root, [Buffer.from('#!/bin/sh\n')]), { message: /not for 32-bit ARM/ });
});
