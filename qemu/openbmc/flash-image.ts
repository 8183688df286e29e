import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { openbmcErrors } from './errors.ts';

/** The largest flash that an Aspeed BMC has, in bytes. */
const largest = 256 * 1024 * 1024;
const smallest = 64 * 1024;
const chunk = 1024 * 1024;
/** Longer than any device tree's name: what is looked at again of the chunk before. */
const overlap = 64;

export interface FlashImage {
	/** Hex. */
	readonly sha256: string;
	/** Bytes. */
	readonly size: number;
	/** Whether it was compared with a SHA-256 that somebody gave, and whose that was. */
	readonly verifiedBy: 'the command line' | 'the file beside it' | undefined;
	/** Names of the device trees in it (`aspeed-bmc-opp-romulus`), from the names in its FIT image. */
	readonly deviceTrees: ReadonlySet<string>;
}

/**
 * Copies a flash image to `to`, and says what it is. What is hashed is what is copied, so that the bytes that boot are
 * those that were verified, whatever becomes of the image meanwhile; it is only read. Throws ImageRefused, with the
 * copy removed by nobody but who made its folder.
 *
 * @param expected its SHA-256, hex; a file IMAGE.sha256 (as sha256sum writes it) beside it must agree as well
 */
export async function copyFlashImage(
	image: string,
	to: string,
	expected: string | undefined,
): Promise<FlashImage> {
	const wanted = await wantedDigests(image, expected);
	const from = await open(image, 'r').catch((cause: NodeJS.ErrnoException) => {
		throw openbmcErrors.ImageRefused(`the image ${image} cannot be read: ${cause.code ?? cause.message}`, {
			cause,
		});
	});
	try {
		const { size } = await from.stat().then(stat => {
			if (!stat.isFile()) throw openbmcErrors.ImageRefused(`the image ${image} is no file`);
			return stat;
		});
		if (size < smallest || size > largest)
			throw openbmcErrors.ImageRefused(
				`${image} has ${size} bytes: that is no flash image, which has ${smallest / 1024} KiB to ${largest / 1024 / 1024} MiB`,
			);
		const copied = await copy(from, to);
		for (const [whose, digest] of wanted) {
			if (digest === copied.sha256) continue;
			throw openbmcErrors.ImageRefused(
				`${image} is not what ${whose} says: its SHA-256 is ${copied.sha256}, expected is ${digest}`,
			);
		}
		return { ...copied, verifiedBy: wanted[0]?.[0] };
	} finally {
		await from.close();
	}
}

async function wantedDigests(
	image: string,
	expected: string | undefined,
): Promise<(readonly ['the command line' | 'the file beside it', string])[]> {
	const file = `${image}.sha256`;
	const beside = await readFile(file, 'utf8').catch((fault: NodeJS.ErrnoException) => {
		if (fault.code === 'ENOENT') return undefined;
		throw openbmcErrors.ImageRefused(`${file} cannot be read: ${fault.code}`, { cause: fault });
	});
	return [
		...(expected === undefined
			? []
			: [['the command line', digestIn(expected, 'the SHA-256 that is given')] as const]),
		...(beside === undefined ? [] : [['the file beside it', digestIn(beside, path.basename(file))] as const]),
	];
}

/** `HEX`, or `HEX  NAME` as sha256sum(1) writes it. */
function digestIn(text: string, what: string): string {
	const found = /^\\?([0-9a-f]{64})(?:\s|$)/i.exec(text.trim());
	if (!found?.[1]) throw openbmcErrors.ImageRefused(`${what} is no SHA-256: 64 hexadecimal digits`);
	return found[1].toLowerCase();
}

async function copy(
	from: Awaited<ReturnType<typeof open>>,
	to: string,
): Promise<Omit<FlashImage, 'verifiedBy'>> {
	const hash = createHash('sha256');
	const deviceTrees = new Set<string>();
	const target = await open(to, 'wx', 0o600);
	try {
		const bytes = Buffer.alloc(chunk);
		let size = 0;
		let tail = '';
		for (;;) {
			const { bytesRead } = await from.read(bytes, 0, chunk, size);
			if (bytesRead === 0) break;
			const part = bytes.subarray(0, bytesRead);
			hash.update(part);
			await target.writeFile(part);
			size += bytesRead;
			const text = tail + part.toString('latin1');
			for (const [, name = ''] of text.matchAll(/(aspeed-[a-z0-9-]{4,48})\.dtb/g)) deviceTrees.add(name);
			tail = text.slice(-overlap);
		}
		return { sha256: hash.digest('hex'), size, deviceTrees };
	} finally {
		await target.close();
	}
}
