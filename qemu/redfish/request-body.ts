import { isObject, type Json, type JsonObject } from './json.ts';
import { type MessageName, quoted } from './messages.ts';
import { failed, type Outcome } from './outcome.ts';

/** What a property takes: the reason why it does not, or undefined. */
export type Check = (value: Json) => 'type' | 'list' | 'format' | undefined;
/** The properties that a request may hold; nested as the body is. */
export interface Shape {
	readonly [property: string]: Check | Shape;
}
/** Values by their path, for instance `Boot/BootSourceOverrideTarget`. */
export type Values = ReadonlyMap<string, Json>;
/** What was read, or the answer that refuses it. */
export type Read<T> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly outcome: Outcome };

export const text: Check = value => (typeof value === 'string' ? undefined : 'type');
export const flag: Check = value => (typeof value === 'boolean' ? undefined : 'type');
export const anything: Check = () => undefined;
export const object: Check = value => (isObject(value) ? undefined : 'type');
export const wholeNumber =
	(least: number, most: number): Check =>
	value => {
		if (typeof value !== 'number' || !Number.isInteger(value)) return 'type';
		return value < least || value > most ? 'format' : undefined;
	};
export const oneOf =
	(...allowed: readonly string[]): Check =>
	value => {
		if (typeof value !== 'string') return 'type';
		return allowed.includes(value) ? undefined : 'list';
	};
export const matching =
	(pattern: RegExp): Check =>
	value => {
		if (typeof value !== 'string') return 'type';
		return pattern.test(value) ? undefined : 'format';
	};
export const listOf =
	(item: Check): Check =>
	value => {
		if (!Array.isArray(value)) return 'type';
		return value.map(item).find(reason => reason !== undefined);
	};

// OpenBMC's own limits on JSON: bytes, depth, number of values.
const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 10;
const MAX_VALUES = 2000;

/**
 * The JSON object in a request's body, read as leniently as the real server reads it: a byte order mark is
 * skipped, of equal names the last one counts, Content-Encoding is not looked at.
 */
export function parseBody(body: Buffer, contentType: string | undefined): Read<JsonObject> {
	if (!isJsonType(contentType)) return refuse('UnrecognizedRequestBody');
	let value: Json;
	try {
		if (body.length > MAX_BYTES) return refuse('MalformedJSON');
		const content = new TextDecoder('utf-8', { fatal: true }).decode(body);
		value = JSON.parse(content) as Json;
	} catch {
		return refuse('MalformedJSON');
	}
	if (!isObject(value)) return refuse('UnrecognizedRequestBody');
	return withinLimits(value) ? { ok: true, value } : refuse('MalformedJSON');
}

function refuse(name: MessageName, ...args: string[]): { ok: false; outcome: Outcome } {
	return { ok: false, outcome: failed(400, name, ...args) };
}

function isJsonType(contentType: string | undefined): boolean {
	return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json';
}

function withinLimits(root: Json): boolean {
	let count = 0;
	let layer: Json[] = [root];
	for (let depth = 0; layer.length > 0; depth++) {
		count += layer.length;
		if (depth > MAX_DEPTH || count > MAX_VALUES) return false;
		layer = layer.flatMap(value =>
			typeof value === 'object' && value !== null
				? Object.values(value).filter(inner => inner !== undefined)
				: [],
		);
	}
	return true;
}

/** Every property of `body` checked against `shape`; the first one that does not fit gives the refusal. */
export function readValues(body: JsonObject, shape: Shape, required: readonly string[] = []): Read<Values> {
	const values = new Map<string, Json>();
	const refusal = collect(body, shape, '', values);
	if (refusal) return { ok: false, outcome: refusal };
	for (const path of required) {
		if (!values.has(path)) return refuse('PropertyMissing', path);
	}
	return { ok: true, value: values };
}

function collect(
	body: JsonObject,
	shape: Shape,
	prefix: string,
	values: Map<string, Json>,
): Outcome | undefined {
	for (const [name, value] of Object.entries(body)) {
		const expected = Object.hasOwn(shape, name) ? shape[name] : undefined;
		if (expected === undefined) return failed(400, 'PropertyUnknown', name);
		if (value === undefined) continue;
		if (typeof expected !== 'function') {
			if (!isObject(value)) return failed(400, 'PropertyValueTypeError', quoted(value), name);
			const refusal = collect(value, expected, `${prefix}${name}/`, values);
			if (refusal) return refusal;
			continue;
		}
		const reason = expected(value);
		if (reason === 'type') return failed(400, 'PropertyValueTypeError', quoted(value), name);
		if (reason === 'list') return failed(400, 'PropertyValueNotInList', quoted(value), name);
		if (reason === 'format') return failed(400, 'PropertyValueFormatError', quoted(value), name);
		values.set(`${prefix}${name}`, value);
	}
	return undefined;
}
