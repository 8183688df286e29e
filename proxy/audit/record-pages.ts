import { type FileHandle, open } from 'node:fs/promises';
import { isWholeLine, listLogFiles, longestLine, readLines } from './log-files.ts';

/**
 * The lines (without newlines) of the records after number `after`, as they stand in the log's files: at most `limit`,
 * none after record `upTo`, and none more once they hold `bytes`. Finds its place by bisection, so that a page deep in
 * the log costs what the first one does. Checks nothing: who reads it checks.
 */
export async function readRecordLines(
	folder: string,
	options: { after: number; upTo: number; limit: number; bytes: number },
): Promise<string[]> {
	const { after, upTo, limit, bytes } = options;
	const wanted = Math.min(limit, upTo - after);
	const lines: string[] = [];
	let size = 0;
	if (wanted <= 0) return lines;
	const files = await listLogFiles(folder);
	const start = files.findLastIndex(file => file.first <= after + 1);
	for (const { path, first } of files.slice(Math.max(0, start))) {
		const offset = first > after ? 0 : await offsetOf(path, after + 1);
		for await (const line of readLines(path, offset)) {
			if (!isWholeLine(line)) return lines;
			lines.push(line.toString('utf8', 0, line.length - 1));
			size += line.length;
			if (lines.length >= wanted || size >= bytes) return lines;
		}
	}
	return lines;
}

/** Where in a log file the line of record `seq` begins; its end when the record is not in it. */
export async function offsetOf(path: string, seq: number): Promise<number> {
	const file = await open(path, 'r');
	try {
		return await findRecord(file, (await file.stat()).size, seq);
	} finally {
		await file.close();
	}
}

/** The offset of the line of record `seq`, or of the first after it. */
async function findRecord(file: FileHandle, end: number, seq: number): Promise<number> {
	let low = 0;
	let high = end;
	while (low < high) {
		const middle = Math.floor((low + high) / 2);
		const line = await lineAt(file, await lineStart(file, middle, end), end);
		const found = line.whole ? seqOf(line.text) : Number.POSITIVE_INFINITY;
		if (found >= seq) high = middle;
		else low = line.start + 1;
	}
	return lineStart(file, low, end);
}

/** The first offset from `offset` on at which a line begins. */
async function lineStart(file: FileHandle, offset: number, end: number): Promise<number> {
	return offset === 0 ? 0 : (await lineAt(file, offset - 1, end)).next;
}

/** Reads on from `start` to the next newline. */
async function lineAt(file: FileHandle, start: number, end: number) {
	let bytes: Buffer = Buffer.alloc(0);
	for (let more = 4096; bytes.length < longestLine && start + bytes.length < end; more *= 4) {
		const { buffer, bytesRead } = await file.read(Buffer.alloc(more), 0, more, start + bytes.length);
		const scanned = bytes.length;
		bytes = Buffer.concat([bytes, buffer.subarray(0, bytesRead)]);
		const newline = bytes.indexOf(0x0a, scanned);
		if (newline !== -1) {
			return { start, whole: true, text: bytes.toString('utf8', 0, newline), next: start + newline + 1 };
		}
		if (bytesRead === 0) break;
	}
	return { start, whole: false, text: '', next: end };
}

/** A line ends with `"seq":N,"time":"…"}`. */
const seqOf = (line: string): number =>
	Number(/"seq":(\d{1,15}),"time":"[^"]*"\}$/.exec(line)?.[1] ?? Number.NaN);
