import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../../common/clock.ts';

/** What was kept of a session: the file's SHA-256 and length. */
export interface Kept {
	readonly sha256: string;
	readonly bytes: number;
	/** False when it could not be written to its end, and the session ended for it. */
	readonly complete: boolean;
}

/** A session's transcript while it is written. */
export interface Transcript {
	/** `o`: what the BMC sent; `i`: what the operator did. */
	add(direction: 'o' | 'i', bytes: Buffer): void;
	/** Bytes that are not on disk yet: the caller holds the console back while there are many. */
	pending(): number;
	/** Called once when it can be written no further, with the reason: what cannot be recorded must not go on. */
	onFault(take: (reason: string) => void): void;
	/** Called whenever nothing is pending any more. */
	onDrained(take: () => void): void;
	close(): Promise<Kept>;
}

export interface TranscriptOptions {
	readonly file: string;
	/** Bytes. */
	readonly limit: number;
	readonly clock: Clock;
	/** Text as text, everything else as base64. */
	readonly as: 'text' | 'base64';
	/** Whether what the operator sends is kept as well. */
	readonly input: boolean;
	readonly title: string;
}

/**
 * Writes a transcript as asciicast v2 (asciinema's format: a line of JSON, then one for each piece with its time in
 * seconds), which `asciinema play` replays. Of a console that is no text the data are base64. Mode 0600.
 */
export async function openTranscript(options: TranscriptOptions): Promise<Transcript> {
	const { clock, limit } = options;
	await mkdir(dirname(options.file), { recursive: true, mode: 0o700 });
	const handle = await open(options.file, 'wx', 0o600);
	const hash = createHash('sha256');
	const decoders = { o: new StringDecoder('utf8'), i: new StringDecoder('utf8') };
	const start = clock.elapsed();
	let bytes = 0;
	let pending = 0;
	let tail: Promise<void> = Promise.resolve();
	/** The disk does not have what was to be written. */
	let isBroken = false;
	let failed: string | undefined;
	let onFault: (reason: string) => void = () => undefined;
	let onDrained: () => void = () => undefined;

	const fail = (reason: string): void => {
		if (failed !== undefined) return;
		failed = reason;
		onFault(reason);
	};
	const append = (line: unknown): void => {
		if (failed !== undefined) return;
		const text = Buffer.from(`${JSON.stringify(line)}\n`);
		if (bytes + text.length > limit) {
			fail('its transcript has grown to its limit');
			return;
		}
		bytes += text.length;
		hash.update(text);
		pending += text.length;
		tail = tail.then(async () => {
			try {
				if (!isBroken) await handle.appendFile(text);
			} catch {
				isBroken = true;
				fail('its transcript cannot be written');
			} finally {
				pending -= text.length;
				if (pending === 0) onDrained();
			}
		});
	};

	append({
		version: 2,
		width: 80,
		height: 25,
		timestamp: Math.floor(clock.now() / 1000),
		title: options.title,
		...(options.as === 'base64' && { encoding: 'base64' }),
	});
	return {
		add(direction, data) {
			if (direction === 'i' && !options.input) return;
			const text = options.as === 'base64' ? data.toString('base64') : decoders[direction].write(data);
			if (text !== '') append([Math.round(clock.elapsed() - start) / 1000, direction, text]);
		},
		pending: () => pending,
		onFault(take) {
			onFault = take;
			if (failed !== undefined) take(failed);
		},
		onDrained(take) {
			onDrained = take;
		},
		async close() {
			await tail;
			try {
				if (!isBroken) await handle.sync();
			} catch {
				isBroken = true;
			} finally {
				await handle.close();
			}
			// Then the file is shorter than what was to be in it, or ends in the middle of a line.
			if (isBroken)
				return (await transcriptLeft(options.file)) ?? { sha256: hash.digest('hex'), bytes, complete: false };
			return { sha256: hash.digest('hex'), bytes, complete: failed === undefined };
		},
	};
}

/** What a transcript came to whose session did not end well; null when there is none. */
export async function transcriptLeft(file: string): Promise<Kept | null> {
	try {
		const content = await readFile(file);
		return {
			sha256: createHash('sha256').update(content).digest('hex'),
			bytes: content.length,
			complete: false,
		};
	} catch (fault) {
		if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return null;
		throw fault;
	}
}
