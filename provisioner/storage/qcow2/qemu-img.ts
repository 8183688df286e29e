import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { findProgram } from '../../../common/processes/programs.ts';
import { provisionerErrors } from '../../errors.ts';

export interface QemuImgOptions {
	readonly folder: string;
	readonly signal?: AbortSignal | undefined;
	/** Per cent, where the command tells. */
	readonly onProgress?: ((percent: number) => void) | undefined;
	/** How it may end; 0 when absent. */
	readonly endings?: readonly number[] | undefined;
}

/** Bytes of its words that are kept. */
const longestOutput = 1024 * 1024;

/**
 * Runs qemu-img(1); its standard output.
 * @throws StorageFull, or StorageFault with its own words; what `signal` is aborted with
 */
export async function qemuImg(args: readonly string[], options: QemuImgOptions): Promise<string> {
	const { folder, signal, onProgress, endings = [0] } = options;
	signal?.throwIfAborted();
	const program = await findProgram('qemu-img');
	const child = spawn(program, [...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
	const kill = (): void => void child.kill('SIGKILL');
	signal?.addEventListener('abort', kill, { once: true });
	let out = '';
	let err = '';
	child.stdout.on('data', (bytes: Buffer) => {
		const text = bytes.toString('utf8');
		if (onProgress) {
			const [, percent] = /\(([\d.]+)\/100%\)\s*$/.exec(text) ?? [];
			if (percent !== undefined) onProgress(Number(percent));
		} else if (out.length < longestOutput) out += text;
	});
	child.stderr.on('data', (bytes: Buffer) => {
		if (err.length < longestOutput) err += bytes.toString('utf8');
	});
	const code = await new Promise<number | null>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', resolve);
	}).finally(() => signal?.removeEventListener('abort', kill));
	signal?.throwIfAborted();
	if (code !== null && endings.includes(code)) return out;
	const words = err.trim().replace(/^qemu-img: /, '') || `it ended with ${code}`;
	if (/No space left on device/i.test(words)) throw provisionerErrors.StorageFull('The storage is full.');
	throw provisionerErrors.StorageFault(`qemu-img ${args[0]}: ${words}`);
}

const info = z.looseObject({
	'virtual-size': z.int().min(0),
	'backing-filename': z.string().optional(),
	encrypted: z.boolean().optional(),
	'format-specific': z
		.looseObject({ data: z.looseObject({ 'data-file': z.string().optional() }) })
		.optional(),
});

/** The largest disk that is taken, in bytes: 16 TiB. */
const largest = 16 * 2 ** 40;

/**
 * The size that a machine would see of a file that somebody gave us.
 * @throws ImageRefused for what is not of the format, too large, encrypted, or refers to other files: those could be
 * any of this machine
 */
export async function inspectImage(file: string, format: 'raw' | 'qcow2', folder: string): Promise<number> {
	let text: string;
	try {
		text = await qemuImg(['info', '--output=json', '-f', format, file], { folder });
	} catch (cause) {
		if (cause instanceof BimetalError && cause.code === 'PartMissing') throw cause;
		const words = cause instanceof Error ? cause.message.replaceAll(file, 'the file') : '';
		throw provisionerErrors.ImageRefused(`It is no ${format} image. ${words}`, { cause });
	}
	const found = info.parse(JSON.parse(text));
	const size = found['virtual-size'];
	if (found['backing-filename'] !== undefined) {
		throw provisionerErrors.ImageRefused(
			'It is made upon another file: convert it to one that stands alone.',
		);
	}
	if (found['format-specific']?.data['data-file'] !== undefined) {
		throw provisionerErrors.ImageRefused(
			'Its data are in another file: convert it to one that stands alone.',
		);
	}
	if (found.encrypted)
		throw provisionerErrors.ImageRefused('It is encrypted: convert it to one that is not.');
	if (size === 0) throw provisionerErrors.ImageRefused('It is empty.');
	if (size > largest)
		throw provisionerErrors.ImageRefused(`It is of ${size} bytes; ${largest} are the most.`);
	if (format === 'raw') await mustBeRaw(file);
	else await mustBeWhole(file, folder);
	return size;
}

/** Sectors of a disk, in bytes. */
const sector = 512;

/** Every file is a raw disk to QEMU: what says that it is something else was meant to be that. */
async function mustBeRaw(file: string): Promise<void> {
	const handle = await open(file, 'r');
	try {
		const { buffer } = await handle.read(Buffer.alloc(6), 0, 6, 0);
		for (const [name, magic] of Object.entries(others)) {
			if (!buffer.subarray(0, magic.length / 2).equals(Buffer.from(magic, 'hex'))) continue;
			const wish = name === 'qcow2' ? 'say that its format is qcow2' : 'convert or unpack it first';
			throw provisionerErrors.ImageRefused(`It is no raw disk but ${name}: ${wish}.`);
		}
		const { size } = await handle.stat();
		if (size % sector !== 0) {
			throw provisionerErrors.ImageRefused(
				`Its ${size} bytes are no whole sectors: it is no raw disk, or was cut off.`,
			);
		}
	} finally {
		await handle.close();
	}
}

/** The first bytes of what people give by mistake. */
const others: Readonly<Record<string, string>> = {
	qcow2: '514649fb',
	gzip: '1f8b',
	xz: 'fd377a585a00',
	zstd: '28b52ffd',
	VMDK: '4b444d56',
};

/** QEMU reads what a file lacks at its end as zeros, silently. 3: bytes that nobody uses, which do no harm (qemu-img(1)). */
async function mustBeWhole(file: string, folder: string): Promise<void> {
	try {
		await qemuImg(['check', '-q', '-f', 'qcow2', file], { folder, endings: [0, 3] });
	} catch (cause) {
		throw provisionerErrors.ImageRefused('It is damaged, or was cut off.', { cause });
	}
}
