import { BimetalError } from '../../common/errors/bimetal-error.ts';

export interface UnifiedKernelParts {
	/** systemd's EFI stub: linuxx64.efi.stub. */
	readonly stub: Buffer;
	readonly kernel: Buffer;
	readonly initrd: Buffer;
	readonly commandLine: string;
}

/** The size of a section header (PE format, "Section Table"). */
const headerSize = 40;
/** CNT_INITIALIZED_DATA and MEM_READ (PE format, "Section Flags"). */
const dataFlags = 0x4000_0040;

/**
 * One EFI program of kernel, initrd and command line: sections that are added to the stub, which looks for them by
 * their names (UAPI specification "Unified Kernel Image"). UEFI starts it from a disk, a CD or by TFTP, with no other
 * file and no configuration. Throws StubUnfit.
 */
export function unifiedKernel({ stub, kernel, initrd, commandLine }: UnifiedKernelParts): Buffer {
	const header = Buffer.from(stub);
	const coff = header.readUInt32LE(0x3c) + 4;
	if (header.toString('latin1', coff - 4, coff) !== 'PE\0\0')
		throw new BimetalError('StubUnfit', 'the EFI stub is no PE file');
	const optional = coff + 20;
	const tableAt = optional + header.readUInt16LE(coff + 16);
	const count = header.readUInt16LE(coff + 2);
	const alignment = header.readUInt32LE(optional + 32);
	const fileAlignment = header.readUInt32LE(optional + 36);
	const headersEnd = header.readUInt32LE(optional + 60);
	const added: readonly (readonly [name: string, content: Buffer])[] = [
		['.cmdline', Buffer.from(commandLine)],
		['.initrd', initrd],
		['.linux', kernel],
	];
	if (tableAt + (count + added.length) * headerSize > headersEnd)
		throw new BimetalError('StubUnfit', 'the EFI stub has no room for more sections');

	let address = header.readUInt32LE(optional + 56);
	let size = stub.length;
	const parts: Buffer[] = [header];
	for (const [index, [name, content]] of added.entries()) {
		address = roundUp(address, Math.max(alignment, 4096));
		const pad = roundUp(size, fileAlignment) - size;
		const raw = roundUp(content.length, fileAlignment);
		const at = tableAt + (count + index) * headerSize;
		header.fill(0, at, at + headerSize);
		header.write(name, at, 'latin1');
		header.writeUInt32LE(content.length, at + 8);
		header.writeUInt32LE(address, at + 12);
		header.writeUInt32LE(raw, at + 16);
		header.writeUInt32LE(size + pad, at + 20);
		header.writeUInt32LE(dataFlags, at + 36);
		parts.push(Buffer.alloc(pad), content, Buffer.alloc(raw - content.length));
		size += pad + raw;
		address += content.length;
	}
	header.writeUInt16LE(count + added.length, coff + 2);
	header.writeUInt32LE(roundUp(address, alignment), optional + 56);
	return Buffer.concat(parts);
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
