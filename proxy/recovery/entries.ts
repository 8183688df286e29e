import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../../common/store/durable-file.ts';
import { recoveryErrors } from './errors.ts';
import type { ReadBytes } from './sealed-stream.ts';

/** A file in a backup. */
export interface Entry {
	/** Relative, with slashes. */
	readonly path: string;
	readonly mode: number;
	/** Bytes. */
	readonly size: number;
	readonly bytes: () => AsyncIterable<Uint8Array>;
}

const segment = /^(?!\.\.?$)[^/\\\0]{1,255}$/;
const entryHead = z.strictObject({
	// What is restored never leaves its folder.
	path: z
		.string()
		.refine(path => path.split('/').every(name => segment.test(name)), 'expected a relative path'),
	mode: z.int().min(0).max(0o777),
	size: z.int().min(0),
});

/** Files one after another: length of a head (4 bytes), head, contents; a length of 0 ends it. */
export async function* pack(entries: AsyncIterable<Entry>): AsyncGenerator<Uint8Array> {
	for await (const { path, mode, size, bytes } of entries) {
		const head = Buffer.from(JSON.stringify({ path, mode, size } satisfies z.infer<typeof entryHead>));
		const length = Buffer.alloc(4);
		length.writeUInt32BE(head.length);
		yield Buffer.concat([length, head]);
		let left = size;
		for await (const chunk of bytes()) {
			const part = chunk.subarray(0, left); // a log may have grown meanwhile
			left -= part.length;
			if (part.length > 0) yield part;
			if (left === 0) break;
		}
		if (left > 0) throw new Error(`${path} became shorter while it was being copied`);
	}
	yield Buffer.alloc(4);
}

/** Writes the files into `folder`, synced. @throws BimetalError BackupUnreadable */
export async function unpack(stream: AsyncIterable<Buffer>, folder: string): Promise<string[]> {
	const read = readerOf(stream);
	const paths: string[] = [];
	const folders = new Set<string>([folder]);
	for (;;) {
		const size = await read(4);
		if (size.length < 4) throw recoveryErrors.BackupUnreadable('the backup ends too early');
		const length = size.readUInt32BE();
		if (length === 0) break;
		const head = entryHead.safeParse(jsonOf(await read(Math.min(length, 64 * 1024))));
		if (!head.success)
			throw recoveryErrors.BackupUnreadable('the backup holds what is no file', { cause: head.error });
		const target = join(folder, head.data.path);
		await mkdir(dirname(target), { recursive: true, mode: 0o700 });
		for (let made = dirname(target); made.length >= folder.length; made = dirname(made)) folders.add(made);
		const file = await open(target, 'wx', head.data.mode);
		try {
			await file.chmod(head.data.mode);
			for (let left = head.data.size; left > 0; ) {
				const part = await read(Math.min(left, 1024 * 1024));
				if (part.length === 0) throw recoveryErrors.BackupUnreadable('the backup ends too early');
				await file.writeFile(part);
				left -= part.length;
			}
			await file.sync();
		} finally {
			await file.close();
		}
		paths.push(head.data.path);
	}
	// The last chunk is authenticated only when it is read.
	if ((await read(1)).length > 0) throw recoveryErrors.BackupUnreadable('the backup goes on after its end');
	for (const made of folders) await syncFolder(made);
	return paths;
}

function jsonOf(bytes: Buffer): unknown {
	try {
		return JSON.parse(bytes.toString('utf8'));
	} catch {
		return undefined;
	}
}

/** Reads a stream in pieces of a wanted length; shorter ones only at its end. */
function readerOf(stream: AsyncIterable<Buffer>): ReadBytes {
	const source = stream[Symbol.asyncIterator]();
	let held: Buffer = Buffer.alloc(0);
	return async length => {
		const parts = [held];
		let size = held.length;
		while (size < length) {
			const next = await source.next();
			if (next.done) break;
			parts.push(next.value);
			size += next.value.length;
		}
		const all = Buffer.concat(parts);
		held = all.subarray(length);
		return all.subarray(0, length);
	};
}
