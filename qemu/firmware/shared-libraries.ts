import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';

/**
 * The libraries that programs need, all that those need in their turn, and the loader that the programs name, each with
 * its content under the name it is looked for by. Looked for below `root`, wherever they lie.
 * Throws FirmwareNotBuilt when one is not there.
 */
export async function findLibraries(
	root: string,
	programs: readonly Buffer[],
): Promise<ReadonlyMap<string, Buffer>> {
	const files = new Map<string, string>();
	for (const file of await readdir(root, { recursive: true }))
		if (/\.so(\.|$)/.test(path.basename(file))) files.set(path.basename(file), path.join(root, file));
	const found = new Map<string, Buffer>();
	const add = async (names: readonly string[]): Promise<void> => {
		for (const name of names) {
			if (found.has(name)) continue;
			const file = files.get(name);
			if (file === undefined)
				throw new BimetalError('FirmwareNotBuilt', `no package has the library ${name}`, { expose: true });
			const content = await readFile(file);
			found.set(name, content);
			await add(neededBy(content));
		}
	};
	for (const program of programs) await add(neededBy(program));
	return found;
}

/** Of an ELF file (System V ABI, chapter 5) for 32 bits, least significant byte first. */
const elf = { magic: 0x464c457f, programHeader: 32, load: 1, dynamic: 2, interpreter: 3 };
const tags = { end: 0, needed: 1, stringTable: 5 };

/** What a program or library names as needed, its loader among it. Throws FirmwareNotBuilt when it is no such file. */
function neededBy(file: Buffer): string[] {
	if (file.length < 52 || file.readUInt32LE(0) !== elf.magic || file[4] !== 1 || file[5] !== 1)
		throw new BimetalError('FirmwareNotBuilt', 'a program is not for 32-bit ARM', { expose: true });
	const segments = Array.from({ length: file.readUInt16LE(44) }, (_, index) => {
		const at = file.readUInt32LE(28) + index * elf.programHeader;
		const [type = 0, offset = 0, address = 0, , size = 0] = [0, 4, 8, 12, 16].map(field =>
			file.readUInt32LE(at + field),
		);
		return { type, offset, address, size };
	});
	const textAt = (offset: number): string => file.toString('latin1', offset, file.indexOf(0, offset));
	const loader = segments.find(({ type }) => type === elf.interpreter);
	const needed = loader ? [path.basename(textAt(loader.offset))] : [];
	const dynamic = segments.find(({ type }) => type === elf.dynamic);
	if (!dynamic) return needed;
	const entries: { tag: number; value: number }[] = [];
	for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 8) {
		const entry = { tag: file.readUInt32LE(at), value: file.readUInt32LE(at + 4) };
		if (entry.tag === tags.end) break;
		entries.push(entry);
	}
	const table = entries.find(({ tag }) => tag === tags.stringTable)?.value ?? 0;
	const holder = segments.find(
		({ type, address, size }) => type === elf.load && table >= address && table < address + size,
	);
	if (!holder) return needed;
	const strings = holder.offset + table - holder.address;
	const names = entries.filter(({ tag }) => tag === tags.needed).map(({ value }) => textAt(strings + value));
	return [...needed, ...names];
}
