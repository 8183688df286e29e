import type { JsonValue } from './canonical-request.ts';
import { type Refusal, refusal } from './refusals.ts';

/** bmcweb's own limits: containers inside each other, and scalars, arrays and objects together. */
const maxDepth = 10;
const maxValues = 2000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses RFC 8259 JSON that every parser understands alike, and refuses the rest: duplicate keys (compared
 * after unescaping, since one parser keeps the first and another the last), a byte order mark, invalid UTF-8,
 * lone surrogates, numbers that a double cannot hold exactly, and anything beyond the limits.
 *
 * Refuses the key `__proto__` too: schema libraries drop it, so that who approves a stored request would see
 * less than what is sent; no Redfish resource has it.
 * Throws a BimetalError whose code starts with `Json`.
 */
export function parseStrictJson(bytes: Uint8Array): JsonValue {
	return parseStrictJsonText(decode(bytes));
}

function decode(bytes: Uint8Array): string {
	try {
		return utf8.decode(bytes);
	} catch {
		throw refusal('JsonEncoding');
	}
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const safeInteger = /^(?:0|-?[1-9][0-9]{0,14})$/;
const fourHex = /^[0-9a-fA-F]{4}$/;
const escapes: Readonly<Record<string, string>> = {
	'"': '"',
	'\\': '\\',
	'/': '/',
	b: '\b',
	f: '\f',
	n: '\n',
	r: '\r',
	t: '\t',
};

function parseStrictJsonText(text: string): JsonValue {
	let at = 0;
	let values = 0;

	const fail = (code: Refusal): never => {
		throw refusal(code, `at character ${at}`);
	};

	const skipSpace = (): void => {
		for (;;) {
			const c = text.charCodeAt(at);
			if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
			at++;
		}
	};

	const literal = <T>(word: string, value: T): T => {
		if (!text.startsWith(word, at)) return fail('JsonMalformed');
		at += word.length;
		return value;
	};

	const number = (): number => {
		numberPattern.lastIndex = at;
		const written = numberPattern.exec(text)?.[0];
		if (written === undefined) return fail('JsonMalformed');
		const value = Number(written);
		if (!safeInteger.test(written) && !isExact(written, value)) return fail('JsonNumberInexact');
		at += written.length;
		return value;
	};

	const escaped = (): string => {
		const letter = text[at + 1];
		if (letter === 'u') {
			const hex = text.slice(at + 2, at + 6);
			if (!fourHex.test(hex)) return fail('JsonMalformed');
			at += 6;
			return String.fromCharCode(Number.parseInt(hex, 16));
		}
		const character = letter === undefined ? undefined : escapes[letter];
		if (character === undefined) return fail('JsonMalformed');
		at += 2;
		return character;
	};

	const string = (): string => {
		at++;
		let done = '';
		let from = at;
		for (;;) {
			const c = text.charCodeAt(at);
			if (c === 0x22) break;
			if (c === 0x5c) {
				done += text.slice(from, at);
				done += escaped();
				from = at;
			} else if (c >= 0x20) at++;
			else return fail('JsonMalformed'); // a control character, or (NaN) the end of the text
		}
		const value = done + text.slice(from, at);
		if (done !== '' && !value.isWellFormed()) return fail('JsonLoneSurrogate');
		at++;
		return value;
	};

	const array = (depth: number): JsonValue => {
		if (depth > maxDepth) return fail('JsonTooDeep');
		at++;
		skipSpace();
		const items: JsonValue[] = [];
		if (text[at] === ']') {
			at++;
			return items;
		}
		for (;;) {
			items.push(value(depth));
			const next = text[at++];
			if (next === ']') return items;
			if (next !== ',') {
				at--;
				return fail('JsonMalformed');
			}
		}
	};

	const object = (depth: number): JsonValue => {
		if (depth > maxDepth) return fail('JsonTooDeep');
		at++;
		skipSpace();
		const members: Record<string, JsonValue> = {};
		if (text[at] === '}') {
			at++;
			return members;
		}
		for (;;) {
			skipSpace();
			if (text[at] !== '"') return fail('JsonMalformed');
			const key = string();
			if (key === '__proto__') return fail('JsonForbiddenKey');
			if (Object.hasOwn(members, key)) return fail('JsonDuplicateKey');
			skipSpace();
			if (text[at] !== ':') return fail('JsonMalformed');
			at++;
			members[key] = value(depth);
			const next = text[at++];
			if (next === '}') return members;
			if (next !== ',') {
				at--;
				return fail('JsonMalformed');
			}
		}
	};

	/** One value with the white space around it; `depth` is that of the container it stands in. */
	const value = (depth: number): JsonValue => {
		skipSpace();
		if (++values > maxValues) return fail('JsonTooManyValues');
		const found = scalarOrContainer(depth);
		skipSpace();
		return found;
	};

	const scalarOrContainer = (depth: number): JsonValue => {
		switch (text[at]) {
			case '{':
				return object(depth + 1);
			case '[':
				return array(depth + 1);
			case '"':
				return string();
			case 't':
				return literal('true', true);
			case 'f':
				return literal('false', false);
			case 'n':
				return literal('null', null);
			default:
				return number();
		}
	};

	if (text.charCodeAt(0) === 0xfeff) return fail('JsonByteOrderMark');
	const found = value(0);
	if (at !== text.length) return fail('JsonMalformed');
	return found;
}

/** Whether the double, written out again, is the very number that stood in the text. Minus zero is not. */
function isExact(written: string, value: number): boolean {
	if (!Number.isFinite(value) || Object.is(value, -0)) return false;
	return decimal(written) === decimal(String(value));
}

/** Sign, digits without outer zeros, power of ten: equal for equal numbers, however they are written. */
function decimal(written: string): string {
	const [mantissa = '', exponent = '0'] = written.toLowerCase().split('e');
	const sign = mantissa.startsWith('-') ? '-' : '';
	const [whole = '', fraction = ''] = mantissa.slice(sign.length).split('.');
	const digits = trimLeadingZeros(whole + fraction);
	const trimmed = trimTrailingZeros(digits);
	if (trimmed === '') return '0';
	return `${sign}${trimmed}e${Number(exponent) - fraction.length + digits.length - trimmed.length}`;
}

function trimLeadingZeros(digits: string): string {
	let from = 0;
	while (digits[from] === '0') from++;
	return digits.slice(from);
}

function trimTrailingZeros(digits: string): string {
	let to = digits.length;
	while (digits[to - 1] === '0') to--;
	return digits.slice(0, to);
}
