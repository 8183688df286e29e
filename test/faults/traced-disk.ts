import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runProgram } from '../run-program.ts';

/** What a program has done to the files of a folder, in its order. */
export type DiskEvent =
	| { readonly kind: 'made' | 'removed'; readonly file: string }
	| { readonly kind: 'write'; readonly file: string; readonly position: number; readonly bytes: Buffer }
	| { readonly kind: 'size'; readonly file: string; readonly length: number }
	/**
	 * Everything that was done to the file before the event of that number is on the disk; of the folder itself, `.`: what was
	 * made and removed in it.
	 */
	| { readonly kind: 'synced'; readonly file: string; readonly before: number }
	| { readonly kind: 'sync failed'; readonly file: string }
	/** What it has written to its standard output. */
	| { readonly kind: 'told'; readonly text: string };

const traced = ['openat', 'close', 'write', 'pwrite64', 'ftruncate', 'unlink', 'fsync', 'fdatasync'];

/**
 * Runs a TypeScript program under strace, and says what it has done to the files of a folder.
 *
 * @param inject what strace is to make fail, as its option of that name has it
 * @throws Error at what it has done there that is not among the events
 */
export async function traceProgram(
	program: readonly string[],
	{ folder, inject = [] }: { readonly folder: string; readonly inject?: readonly string[] },
): Promise<DiskEvent[]> {
	const own = await mkdtemp(path.join(tmpdir(), 'bimetal-trace-'));
	const trace = path.join(own, 'trace');
	try {
		const options = [
			...['-f', '-qq', '-xx', '-s', '1000000', '-e', 'signal=none', '-o', trace],
			...['-e', `trace=${traced}`, ...inject.flatMap(each => ['-e', `inject=${each}`])],
		];
		const { code, stderr } = await runProgram('strace', [...options, process.execPath, ...program]);
		if (code !== 0) throw new Error(`strace ended with ${code}: ${stderr}`);
		return readTrace(await readFile(trace, 'latin1'), folder);
	} finally {
		await rm(own, { recursive: true });
	}
}

/** A call: `name(arguments) = result`, with strace's alignment, and perhaps a word on the result. */
const whole = /^(\w+)\((.*)\) += (-?\d+)/s;
const resumed = /^<\.\.\. \w+ resumed>/;

function readTrace(text: string, folder: string): DiskEvent[] {
	const events: DiskEvent[] = [];
	const files = new Map<string, string>();
	const made = new Set<string>();
	/** By thread: what it has begun, and how many events there were then. */
	const begun = new Map<string, { readonly start: string; readonly before: number }>();
	for (const line of text.split('\n')) {
		const [thread = '', rest = ''] = line.split(/ +(.*)/s);
		if (rest.endsWith('<unfinished ...>')) {
			// From then on, others may be given its number.
			const closed = /^close\((\d+)/.exec(rest)?.[1];
			if (closed !== undefined) files.delete(closed);
			begun.set(thread, { start: rest.slice(0, -'<unfinished ...>'.length), before: events.length });
			continue;
		}
		const start = resumed.test(rest) ? begun.get(thread) : undefined;
		const [, name = '', parameters = '', result = ''] =
			whole.exec(start ? start.start + rest.replace(resumed, '') : rest) ?? [];
		const before = start?.before ?? events.length;
		const [first = '', second = '', third = '', fourth = ''] = parameters.trim().split(', ');
		const file = files.get(first);
		if (name === 'openat' && !result.startsWith('-')) {
			const opened = bytesOf(second).toString();
			const name = opened === folder ? '.' : path.basename(opened);
			if (opened !== folder && path.dirname(opened) !== folder) continue;
			files.set(result, name);
			if (third.includes('O_CREAT') && !made.has(name)) {
				made.add(name);
				events.push({ kind: 'made', file: name });
			}
		} else if (name === 'unlink' && result === '0') {
			const removed = bytesOf(first).toString();
			if (path.dirname(removed) !== folder) continue;
			made.delete(path.basename(removed));
			events.push({ kind: 'removed', file: path.basename(removed) });
		} else if (name === 'close' && !start) files.delete(first);
		else if (name === 'write' && first === '1')
			events.push({ kind: 'told', text: bytesOf(second).toString() });
		else if (file === undefined) continue;
		else if (name === 'pwrite64' && result === third)
			events.push({ kind: 'write', file, position: Number(fourth), bytes: bytesOf(second) });
		else if (name === 'ftruncate' && result === '0')
			events.push({ kind: 'size', file, length: Number(second) });
		else if (name === 'fsync' || name === 'fdatasync')
			events.push(result === '0' ? { kind: 'synced', file, before } : { kind: 'sync failed', file });
		else throw new Error(`what becomes of ${file} is not known: ${line.slice(0, 200)}`);
	}
	return events;
}

/** `"\x62\x69"` */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll(/["\\x]/g, ''), 'hex');

/** Bytes that a disk writes wholly or not at all. */
const sector = 512;

/**
 * Files as a power failure leaves them after the first so many events: what was synced is there, and of the rest those sectors
 * that `isThere` says.
 */
export function filesAfterCut(
	events: readonly DiskEvent[],
	count: number,
	isThere: () => boolean,
): Map<string, Buffer> {
	const done = events.slice(0, count);
	const synced = new Map<string, number>();
	for (const event of done)
		if (event.kind === 'synced') synced.set(event.file, Math.max(event.before, synced.get(event.file) ?? 0));
	const names = new Set<string>();
	const contents = new Map<string, Buffer>();
	for (const [number, event] of done.entries()) {
		const isDone = (file: string): boolean => number < (synced.get(file) ?? 0) || isThere();
		if (event.kind === 'made' && isDone('.')) names.add(event.file);
		else if (event.kind === 'removed') {
			contents.delete(event.file);
			if (isDone('.')) names.delete(event.file);
		} else if (event.kind === 'size' || event.kind === 'write') {
			const content = contents.get(event.file) ?? Buffer.alloc(0);
			contents.set(event.file, changed(content, event, isDone));
		}
	}
	return new Map([...names].map(name => [name, contents.get(name) ?? Buffer.alloc(0)]));
}

function changed(
	content: Buffer,
	event: DiskEvent & { readonly kind: 'write' | 'size' },
	isDone: (file: string) => boolean,
): Buffer {
	const { file } = event;
	const grown = (before: Buffer, length: number): Buffer =>
		before.length < length ? Buffer.concat([before, Buffer.alloc(length - before.length)]) : before;
	if (event.kind === 'size')
		return isDone(file) ? grown(content, event.length).subarray(0, event.length) : content;
	const { position, bytes } = event;
	let after = content;
	for (let from = 0; from < bytes.length; ) {
		const to = Math.min(bytes.length, from + sector - ((position + from) % sector));
		if (isDone(file)) {
			after = grown(after, position + to);
			bytes.copy(after, position + from, from, to);
		}
		from = to;
	}
	return after;
}
