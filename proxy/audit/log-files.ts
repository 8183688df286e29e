import { createReadStream } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../../common/store/durable-file.ts';

/** A file that grows at its end only. */
export interface LogFile {
	/** Appends all of it. */
	write(bytes: Uint8Array): Promise<void>;
	/** What was written is on disk when it resolves. */
	sync(): Promise<void>;
	close(): Promise<void>;
}

/** Opens a log file for appending, creating it (mode 0600) so that its name survives a crash. */
export async function openLogFile(path: string): Promise<LogFile> {
	const handle = await open(path, 'a', 0o600);
	try {
		await handle.chmod(0o600);
		await syncFolder(dirname(path));
	} catch (error) {
		await handle.close();
		throw error;
	}
	return {
		write: bytes => handle.writeFile(bytes),
		sync: () => handle.datasync(),
		close: () => handle.close(),
	};
}

/** Opens a file to be read and written at any place, creating it (mode 0600) so that its name survives a crash. */
export async function openWritable(path: string): Promise<FileHandle> {
	const created = await open(path, 'a', 0o600);
	try {
		await created.chmod(0o600);
		await syncFolder(dirname(path));
	} finally {
		await created.close();
	}
	return open(path, 'r+');
}

/** Writes all of it at `position`; a short write goes on where it stopped. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
	for (let done = 0; done < bytes.length; ) {
		done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
	}
}

export interface NamedLogFile {
	readonly path: string;
	/** The number of the record that it begins with: its name says so. */
	readonly first: number;
}

const fileName = /^audit-(\d{15})\.jsonl$/;

export function logFilePath(folder: string, first: number): string {
	return join(folder, `audit-${String(first).padStart(15, '0')}.jsonl`);
}

/** In the order of their records. Other files in the folder are none of the log's. */
export async function listLogFiles(folder: string): Promise<NamedLogFile[]> {
	const names = (await readdir(folder)).sort();
	return names.flatMap(name => {
		const first = fileName.exec(name)?.[1];
		return first === undefined ? [] : [{ path: join(folder, name), first: Number(first) }];
	});
}

/** In bytes, newline included. A longer line cannot have been appended. */
export const longestLine = 256 * 1024;
const newline = 0x0a;

/**
 * The file's lines from offset `start` on, with their newlines; the last may lack it, and so does one that is longer
 * than the longest.
 */
export async function* readLines(path: string, start = 0): AsyncGenerator<Buffer> {
	let rest: Buffer = Buffer.alloc(0);
	for await (const chunk of createReadStream(path, { highWaterMark: longestLine, start })) {
		const bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
		let from = 0;
		for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, from)) {
			yield bytes.subarray(from, end + 1);
			from = end + 1;
		}
		rest = bytes.subarray(from);
		if (rest.length > longestLine) {
			yield rest;
			return;
		}
	}
	if (rest.length > 0) yield rest;
}

export function isWholeLine(bytes: Uint8Array): boolean {
	return bytes.at(-1) === newline;
}
