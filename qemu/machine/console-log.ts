import { closeSync, openSync, writeSync } from 'node:fs';
import { BimetalError } from '../../common/errors/bimetal-error.ts';

export interface ConsoleLogOptions {
	/** Everything is added to it too, up to `fileLimit`; mode 0600, for people type passwords on consoles. */
	readonly file?: string;
	/** Bytes; 16 MiB where nothing is said. What comes after that is in the memory of the last lines only. */
	readonly fileLimit?: number;
}

/** What a machine wrote on its serial port. */
export interface ConsoleLog {
	add(bytes: Buffer): void;
	/** The last lines without control characters, at most 200. */
	lastLines(count?: number): readonly string[];
	/** Everything that comes from now on; the returned function ends it. */
	onData(listener: (bytes: Buffer) => void): () => void;
	/**
	 * Resolves with the match once what has come since the machine's start, or since the last match that was waited
	 * for, holds the pattern. Throws ConsoleSilent with the last lines when it does not within `ms` milliseconds.
	 */
	waitFor(pattern: RegExp, ms: number): Promise<RegExpExecArray>;
	/** Ends whatever waits, with a reason: the machine is gone. */
	fail(reason: string): void;
	close(): void;
}

const keptLines = 200;
/** Characters in which a pattern is looked for, at least. */
const keptText = 256 * 1024;

export function createConsoleLog(options: ConsoleLogOptions = {}): ConsoleLog {
	const file = options.file === undefined ? undefined : openSync(options.file, 'a', 0o600);
	let room = options.fileLimit ?? 16 * 1024 * 1024;
	let isClosed = false;
	let failed: string | undefined;
	let text = '';
	/** Where in `text` looking goes on: behind the last match. */
	let from = 0;
	const listeners = new Set<(bytes: Buffer) => void>();
	const checks = new Set<() => void>();

	const lastLines = (count = 20): readonly string[] => {
		const lines = plain(text)
			.split('\n')
			.map(line => line.trimEnd());
		return lines.filter(line => line !== '').slice(-Math.min(count, keptLines));
	};
	const silent = (pattern: RegExp, why: string): BimetalError => {
		const lines = lastLines();
		const said =
			lines.length === 0
				? 'Nothing was said.'
				: `Its last lines:\n${lines.map(line => `  | ${line}`).join('\n')}`;
		return new BimetalError('ConsoleSilent', `the console never showed ${pattern}: ${why}. ${said}`, {
			expose: true,
		});
	};
	return {
		add(bytes) {
			if (file !== undefined && !isClosed && room > 0) room -= writeSync(file, bytes.subarray(0, room));
			text += bytes.toString('latin1');
			// Not at each of the many small pieces that come: cutting copies what is kept.
			if (text.length > 2 * keptText) {
				from = Math.max(0, from - (text.length - keptText));
				text = text.slice(-keptText);
			}
			for (const listener of listeners) listener(bytes);
			for (const check of checks) check();
		},
		lastLines,
		onData(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		waitFor(pattern, ms) {
			return new Promise((resolve, reject) => {
				const search = new RegExp(pattern.source, pattern.flags.replace('y', '').replace('g', ''));
				const stop = () => {
					clearTimeout(timer);
					checks.delete(check);
				};
				const check = () => {
					const match = search.exec(text.slice(from));
					if (match) {
						from += match.index + match[0].length;
						stop();
						resolve(match);
					} else if (failed !== undefined) {
						stop();
						reject(silent(pattern, failed));
					}
				};
				const timer = setTimeout(() => {
					stop();
					reject(silent(pattern, `${Math.round(ms / 1000)} s are over`));
				}, ms);
				checks.add(check);
				check();
			});
		},
		fail(reason) {
			failed = reason;
			for (const check of checks) check();
		},
		close() {
			if (isClosed) return;
			isClosed = true;
			if (file !== undefined) closeSync(file);
		},
	};
}

/** Without what steers a terminal (ECMA-48: CSI and OSC sequences, and the other control characters). */
function plain(text: string): string {
	return (
		text
			.replace(/\r\n?/g, '\n')
			// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
			.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)/g, '')
			// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
			.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, '')
	);
}
