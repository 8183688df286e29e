import { StringDecoder } from 'node:string_decoder';

/** What a terminal would show of what a switch writes: lines, without what moves the cursor or colours them. */
export interface Screen {
	/** Those that have ended, since `clear`. */
	readonly lines: readonly string[];
	/** The one that has not: a prompt, or a part of a line. */
	readonly current: string;
	/** Characters that came since `clear`. */
	readonly size: number;
	write(bytes: Buffer): void;
	/** Forgets the lines that have ended. */
	clear(): void;
	/** Forgets the line that has not ended, as if the cursor stood at its beginning. */
	clearCurrent(): void;
}

/** Control sequences (ECMA-48, section 5.4), operating system commands, and escapes of two characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const sequences = /^\u001b(?:\[([0-?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_=>78c])/;
/** The beginning of one of which more has to come. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const unfinished = /^\u001b(?:\[[0-?]*[ -/]*|\][^\u0007\u001b]*\u001b?)?$/;
const longestEscape = 64;

export function createScreen(): Screen {
	const decoder = new StringDecoder('utf8');
	let lines: string[] = [];
	let cells: string[] = [];
	let column = 0;
	let size = 0;
	let pending = '';

	/** Shows the text; returns what of it is the beginning of something. */
	function take(text: string): string {
		let at = 0;
		while (at < text.length) {
			if (text[at] !== '\u001b') {
				const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
				show(character);
				at += character.length;
				continue;
			}
			const rest = text.slice(at, at + longestEscape);
			const sequence = sequences.exec(rest);
			if (!sequence && unfinished.test(rest) && rest.length < longestEscape) return rest;
			if (sequence?.[2] === 'K') erase(sequence[1] ?? '');
			at += sequence?.[0].length ?? 1;
		}
		return '';
	}

	/** From the cursor to the end, or all of the line. */
	function erase(how: string): void {
		if (how === '' || how === '0') cells.length = Math.min(column, cells.length);
		else if (how === '2') cells = [];
	}

	function show(character: string): void {
		if (character === '\n') {
			lines.push(text());
			cells = [];
			column = 0;
		} else if (character === '\r') column = 0;
		else if (character === '\b') column = Math.max(0, column - 1);
		else if (character === '\t') put(' ');
		else if (!/[\p{Cc}\p{Cf}]/u.test(character)) put(character);
	}

	function put(character: string): void {
		while (cells.length < column) cells.push(' ');
		cells[column++] = character;
	}

	const text = (): string => cells.join('').trimEnd();
	return {
		get lines() {
			return lines;
		},
		get current() {
			return text();
		},
		get size() {
			return size;
		},
		write(bytes) {
			size += bytes.length;
			pending = take(pending + decoder.write(bytes));
		},
		clear() {
			lines = [];
			size = 0;
		},
		clearCurrent() {
			cells = [];
			column = 0;
		},
	};
}
