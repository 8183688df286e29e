import { createHash } from 'node:crypto';
import { BimetalError } from '../../common/errors/bimetal-error.ts';

/** A program for UEFI, as much of it as is measured. */
export interface EfiProgram {
	/** SHA-256 of the program without its signatures, in hexadecimal: what firmware measures of it. */
	readonly digest: string;
	/** What lies in memory where the program runs, by the section's name. */
	readonly sections: ReadonlyMap<string, Buffer>;
}

/** Offsets in the optional header of a 64-bit program (PE format, "Optional Header"). */
const [checksumAt, headersSizeAt, certificatesAt] = [64, 60, 144];
const magic64 = 0x20b;
const sectionSize = 40;

/**
 * Reads a program and its Authenticode digest ("Windows Authenticode Portable Executable Signature Format", "Calculating the PE
 * Image Hash"; UEFI 2.10, section 32.5.1). It may be anybody's. Throws ProgramUnfit.
 */
export function readEfiProgram(file: Buffer): EfiProgram {
	try {
		return read(file);
	} catch (fault) {
		if (!(fault instanceof RangeError)) throw fault;
		throw unfit('it ends too early');
	}
}

function read(file: Buffer): EfiProgram {
	const coff = file.readUInt32LE(0x3c) + 4;
	if (file.toString('latin1', coff - 4, coff) !== 'PE\0\0') throw unfit('it is no PE file');
	const optional = coff + 20;
	if (file.readUInt16LE(optional) !== magic64) throw unfit('it is not for 64 bits');
	const headersEnd = file.readUInt32LE(optional + headersSizeAt);
	const table = optional + file.readUInt16LE(coff + 16);
	const sections = Array.from({ length: file.readUInt16LE(coff + 2) }, (_, index) => {
		const at = table + index * sectionSize;
		const [name = ''] = file.toString('latin1', at, at + 8).split('\0');
		const raw = { from: file.readUInt32LE(at + 20), size: file.readUInt32LE(at + 16) };
		if (raw.size > 0 && raw.from + raw.size > file.length) throw unfit(`its section ${name} is cut short`);
		return { name, inMemory: file.readUInt32LE(at + 8), ...raw };
	});
	// Where signatures stand: at the end, and not part of what is signed.
	const signatures = file.readUInt32LE(optional + certificatesAt + 4);
	if (headersEnd > file.length || headersEnd < optional + certificatesAt + 8 || signatures > file.length)
		throw unfit('its headers make no sense');
	const hash = createHash('sha256')
		.update(file.subarray(0, optional + checksumAt))
		.update(file.subarray(optional + checksumAt + 4, optional + certificatesAt))
		.update(file.subarray(optional + certificatesAt + 8, headersEnd));
	let summed = headersEnd;
	for (const { from, size } of sections.filter(each => each.size > 0).sort((a, b) => a.from - b.from)) {
		hash.update(file.subarray(from, from + size));
		summed += size;
	}
	hash.update(file.subarray(summed, file.length - signatures));
	return {
		digest: hash.digest('hex'),
		sections: new Map(
			sections.map(({ name, from, size, inMemory }) => [
				name,
				Buffer.concat([file.subarray(from, from + Math.min(size, inMemory))], inMemory),
			]),
		),
	};
}

const unfit = (why: string): BimetalError =>
	new BimetalError('ProgramUnfit', `this is no program for UEFI: ${why}`, { status: 422, expose: true });
