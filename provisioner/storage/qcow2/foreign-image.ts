import { type FileHandle, open, rm } from 'node:fs/promises';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { confine } from '../../../common/processes/confinement.ts';
import { findProgram } from '../../../common/processes/programs.ts';
import { provisionerErrors } from '../../errors.ts';
import { headerLength, readQcow2Header } from './qcow2-header.ts';
import { qemuImg } from './qemu-img.ts';

export interface ForeignImage {
	readonly file: string;
	readonly format: 'raw' | 'qcow2';
}

export interface TakeInOptions {
	/** The file to make, with its whole path; there must be none. */
	readonly target: string;
	readonly signal: AbortSignal;
	/** Bytes that the copy may have; as many as the file's own length allows, when absent. */
	readonly longest?: number;
	/** Per cent. */
	readonly onProgress?: ((percent: number) => void) | undefined;
}

const GiB = 2 ** 30;
/** Bytes of memory for who reads it. */
const memory = 2 * GiB;
/** A file of few bytes can say that it holds many. What compression gains in earnest is far less. */
const longestCopy = (size: number): number => Math.min(16 * 2 ** 40, Math.max(GiB, size * 64));
/** Seconds of a processor for making so many bytes; of the clock, four times as many. */
const longestWork = (bytes: number): number => 60 + bytes / (4 * 2 ** 20);

/** @throws PartMissing, with what to install */
export async function canTakeIn(): Promise<void> {
	await findProgram('qemu-img');
}

/**
 * Makes a qcow2 file of our own of what somebody gave us; resolves with the size in bytes that a machine sees. QEMU reads it
 * with hardly any rights, and for as long, with as much memory and to as many bytes as it is worth: it was written by whoever
 * liked to. @throws ImageRefused for what is not of the format, too large, encrypted, damaged, or refers to other files, which
 * could be any of this machine; StorageFull, StorageFault
 */
export async function takeIn({ file, format }: ForeignImage, options: TakeInOptions): Promise<number> {
	const { target, signal, onProgress } = options;
	const source = await open(file, 'r');
	const opened: FileHandle[] = [source];
	let isDone = false;
	try {
		const { size: length, mode } = await source.stat();
		const { buffer, bytesRead } = await source.read(Buffer.alloc(headerLength), 0, headerLength, 0);
		const head = buffer.subarray(0, bytesRead);
		const size = format === 'raw' ? rawSize(head, length) : readQcow2Header(head, length);
		// Said first: what it is run by is on every system.
		await canTakeIn();
		const most = options.longest ?? longestCopy(length);
		const confined = await confine({ cpu: longestWork(most), memory, fileSize: most });
		const copy = await open(target, 'wx+', 0o600);
		opened.push(copy);
		const run = (args: readonly string[], more: Partial<Parameters<typeof qemuImg>[1]>) =>
			qemuImg(args, {
				...{ folder: '/', signal, confined, files: [source.fd, copy.fd] },
				timeout: Math.min(longestWork(most) * 4000, 2 ** 31 - 1),
				...more,
			});
		if (confined.user !== undefined) {
			// By their numbers they are opened anew, as that user; to their names it has no way.
			await copy.chown(confined.user, confined.user);
			await source.chmod(mode | 0o004);
		}
		try {
			// QEMU reads what a file lacks at its end as zeros, silently. 3: bytes that nobody uses do no harm (qemu-img(1)).
			if (format === 'qcow2') await run(['check', '-q', '-f', format, given], { endings: [0, 3] });
			await run(['convert', '-p', '-f', format, '-O', 'qcow2', given, made], { onProgress });
		} catch (fault) {
			throw refusalOf(fault, most);
		} finally {
			if (confined.user !== undefined) {
				await source.chmod(mode);
				await copy.chown(process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
			}
		}
		// It was made by one who could have been led astray.
		const own = await copy.read(Buffer.alloc(headerLength), 0, headerLength, 0);
		const { size: copied } = await copy.stat();
		if (readQcow2Header(own.buffer.subarray(0, own.bytesRead), copied) !== size)
			throw provisionerErrors.StorageFault('the copy of the image is of another size');
		isDone = true;
		return size;
	} finally {
		for (const handle of opened) await handle.close();
		if (!isDone && opened.length > 1) await rm(target, { force: true });
	}
}

/** Where the program finds what it was handed: proc(5), fd. */
const given = '/proc/self/fd/3';
const made = '/proc/self/fd/4';

/** What the program met is mostly the file's fault; what is not, is a fault of ours. */
function refusalOf(fault: unknown, most: number): unknown {
	if (!(fault instanceof BimetalError) || fault.code !== 'StorageFault') return fault;
	if (/Input\/output error/.test(fault.message)) return fault;
	if (/SIGXFSZ|File too large/.test(fault.message))
		return provisionerErrors.ImageRefused(`It holds far more than it says: more than ${most} bytes.`, {
			cause: fault,
		});
	if (/SIGXCPU|SIGKILL|allocate memory/.test(fault.message))
		return provisionerErrors.ImageRefused('It takes too long to read, or too much memory.', { cause: fault });
	return provisionerErrors.ImageRefused('It is damaged, or was cut off.', { cause: fault });
}

/** Sectors of a disk, in bytes. */
const sector = 512;

/** Every file is a raw disk to QEMU: what says that it is something else was meant to be that. */
function rawSize(head: Buffer, length: number): number {
	for (const [name, magic] of Object.entries(others)) {
		if (!head.subarray(0, magic.length / 2).equals(Buffer.from(magic, 'hex'))) continue;
		const wish = name === 'qcow2' ? 'say that its format is qcow2' : 'convert or unpack it first';
		throw provisionerErrors.ImageRefused(`It is no raw disk but ${name}: ${wish}.`);
	}
	if (length === 0) throw provisionerErrors.ImageRefused('It is empty.');
	if (length % sector !== 0) {
		throw provisionerErrors.ImageRefused(
			`Its ${length} bytes are no whole sectors: it is no raw disk, or was cut off.`,
		);
	}
	return length;
}

/** The first bytes of what people give by mistake. */
const others: Readonly<Record<string, string>> = {
	qcow2: '514649fb',
	gzip: '1f8b',
	xz: 'fd377a585a00',
	zstd: '28b52ffd',
	VMDK: '4b444d56',
};
