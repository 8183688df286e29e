import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';

/** Of a program header and of a dynamic section's entry (System V ABI, "Program Header" and "Dynamic Section"). */
const dynamicSegment = 2;
const interpreterSegment = 3;
const needed = 1n;
const stringTable = 5n;

/** What a 64-bit ELF file needs to run: names of shared libraries, and the path of its loader. Throws GuestNotBuilt. */
function needsOfElf(file: Buffer): {
	readonly libraries: string[];
	readonly interpreter: string | null;
} {
	if (file.toString('latin1', 0, 6) !== '\x7fELF\x02\x01')
		throw new BimetalError('GuestNotBuilt', 'a program is no 64-bit ELF file');
	const at = Number(file.readBigUInt64LE(32));
	const size = file.readUInt16LE(54);
	const segments = Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
		const head = at + index * size;
		const number = (offset: number): number => Number(file.readBigUInt64LE(head + offset));
		return { type: file.readUInt32LE(head), offset: number(8), address: number(16), size: number(32) };
	});
	/** Where in the file an address of memory is. */
	const placeOf = (address: number): number => {
		const found = segments.find(
			each => each.type === 1 && address >= each.address && address < each.address + each.size,
		);
		if (!found) throw new BimetalError('GuestNotBuilt', 'a program is damaged');
		return found.offset + address - found.address;
	};
	const textAt = (place: number): string => file.toString('utf8', place, file.indexOf(0, place));
	const interpreter = segments.find(({ type }) => type === interpreterSegment);
	const dynamic = segments.find(({ type }) => type === dynamicSegment);
	const names: bigint[] = [];
	let strings = 0;
	for (let entry = 0; dynamic && entry < dynamic.size; entry += 16) {
		const tag = file.readBigInt64LE(dynamic.offset + entry);
		const value = file.readBigUInt64LE(dynamic.offset + entry + 8);
		if (tag === 0n) break;
		if (tag === needed) names.push(value);
		if (tag === stringTable) strings = placeOf(Number(value));
	}
	return {
		libraries: names.map(name => textAt(strings + Number(name))),
		interpreter: interpreter ? textAt(interpreter.offset) : null,
	};
}

/**
 * Programs of an unpacked folder with all shared libraries that they need, by the paths that the loader looks at.
 * Throws GuestNotBuilt for one that the packages lack.
 */
export async function withLibraries(
	root: string,
	programs: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
	const known = new Map<string, string>();
	for (const entry of await readdir(root, { recursive: true })) {
		const name = path.basename(entry);
		if (/\.so(\.|$)/.test(name) && !entry.includes('libc-dev') && !known.has(name)) known.set(name, entry);
	}
	const files = new Map<string, Buffer>();
	const add = async (name: string, to: string): Promise<void> => {
		if (files.has(to)) return;
		const content = await readFile(await realpath(path.join(root, name)));
		files.set(to, content);
		const { libraries, interpreter } = needsOfElf(content);
		const loader = interpreter === null ? [] : [path.basename(interpreter)];
		for (const library of [...libraries, ...loader]) {
			const found = known.get(library);
			if (found === undefined) throw new BimetalError('GuestNotBuilt', `the packages lack ${library}`);
			await add(found, loader.includes(library) ? `lib64/${library}` : `lib/${library}`);
		}
	};
	for (const program of programs) await add(program, `sbin/${path.basename(program)}`);
	return files;
}
