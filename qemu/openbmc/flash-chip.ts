import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createConsoleLog } from '../machine/console-log.ts';
import { startQemu } from '../machine/start-qemu.ts';
import { openbmcErrors } from './errors.ts';

const mebibyte = 1024 * 1024;
/** Flash chips of QEMU's (hw/block/m25p80.c) by which a board's own is exchanged for a larger one; MiB. */
const chips = [
	{ size: 32, model: 'mx25l25635e' },
	{ size: 64, model: 'mx66u51235f' },
	{ size: 128, model: 'mx66l1g45g' },
	{ size: 256, model: 'mt25ql02g' },
] as const;

export interface FlashChip {
	/** Bytes. */
	readonly size: number;
	/** What the board's own chip is exchanged for; undefined: its own. */
	readonly model: string | undefined;
}

/**
 * How large the flash of a board is, in bytes: found by trying, since QEMU starts a board only with a file that is at
 * least as large. Throws PartMissing, QemuFailed.
 */
export async function flashSizeOf(machine: string, run: string): Promise<number> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-flash-'));
	try {
		const file = path.join(folder, 'flash');
		await writeFile(file, '');
		for (let size = 1; ; size *= 2) {
			await truncate(file, size * mebibyte);
			const refused = await refusal(machine, folder, run);
			if (refused === undefined) return size * mebibyte;
			// Newer QEMUs say it: "device requires 33554432 bytes, block backend provides …".
			const [, needed] = /requires (\d+) bytes/.exec(refused.message) ?? [];
			if (needed !== undefined) return Number(needed);
			if (!refused.message.includes('initial flash content') || size >= 512) throw refused;
		}
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

async function refusal(machine: string, folder: string, run: string): Promise<BimetalError | undefined> {
	try {
		const qemu = await startQemu({
			binary: 'qemu-system-arm',
			name: machine,
			args: ['-M', machine, '-nodefaults', '-S', '-drive', 'file=flash,format=raw,if=mtd,snapshot=on'],
			folder,
			run,
			console: createConsoleLog(),
		});
		await qemu.stop();
		return undefined;
	} catch (fault) {
		if (fault instanceof BimetalError && fault.code === 'QemuFailed') return fault;
		throw fault;
	}
}

/** The chip for an image: the board's own, or where the image is larger, one that has its size. Throws ImageRefused. */
export function chipFor(imageSize: number, ownSize: number): FlashChip {
	if (imageSize <= ownSize) return { size: ownSize, model: undefined };
	const chip = chips.find(({ size }) => size * mebibyte >= imageSize);
	if (!chip) throw openbmcErrors.ImageRefused(`no flash is large enough for an image of ${imageSize} bytes`);
	return { size: chip.size * mebibyte, model: chip.model };
}

/** Makes the file as large as the chip; what is added is erased flash: all bits set. Returns how many bytes those are. */
export async function padFlash(file: string, size: number): Promise<number> {
	const target = await open(file, 'r+');
	try {
		const { size: there } = await target.stat();
		const erased = Buffer.alloc(mebibyte, 0xff);
		for (let at = there; at < size; at += mebibyte)
			await target.write(erased, 0, Math.min(mebibyte, size - at), at);
		return Math.max(0, size - there);
	} finally {
		await target.close();
	}
}
