import type { Request, RequestHandler } from 'express';
import express from 'express';
import type { z } from 'zod';
import { hilErrors } from '../errors.ts';

const longestBody = 1024 * 1024;

/** HIL's clients name no type of content, or a wrong one: whatever comes is kept as it came. */
export const readRaw: RequestHandler = express.raw({ type: () => true, limit: longestBody, inflate: false });

/**
 * A call's arguments: those of its path, and of its body or query, by one schema that allows no others.
 * @throws ValidationError, as HIL does: also for an argument in two places, a GET with a body, an empty query value
 */
export function readArguments<S extends z.ZodObject>(schema: S, request: Request): z.output<S> {
	const body: unknown = request.body;
	const text = Buffer.isBuffer(body) && body.length > 0 ? body : undefined;
	const isGet = request.method === 'GET' || request.method === 'HEAD';
	if (isGet && text) throw hilErrors.ValidationError('A GET has no body.');
	const given = isGet ? queryOf(request) : text ? bodyOf(text) : {};
	const path = Object.entries(request.params).map(([name, value]): [string, string] => [
		name,
		// What a wildcard matched comes in pieces.
		Array.isArray(value) ? value.join('/') : String(value),
	]);
	for (const [name] of path) {
		if (Object.hasOwn(given, name)) throw hilErrors.ValidationError(`${name} is in the path: give it once.`);
	}
	const result = schema.safeParse({ ...given, ...Object.fromEntries(path) });
	if (result.success) return result.data;
	const misfits = result.error.issues.map(issue =>
		[issue.path.join('.'), issue.message].filter(Boolean).join(': '),
	);
	throw hilErrors.ValidationError(misfits.join('; '), { cause: result.error });
}

function queryOf(request: Request): Record<string, string> {
	const given: Record<string, string> = {};
	const { searchParams } = new URL(request.originalUrl, 'http://hil.invalid');
	for (const [name, value] of searchParams) {
		if (value === '') throw hilErrors.ValidationError(`${name} has no value.`);
		if (Object.hasOwn(given, name)) throw hilErrors.ValidationError(`${name} is given twice.`);
		Object.defineProperty(given, name, { value, enumerable: true });
	}
	return given;
}

function bodyOf(bytes: Buffer): Record<string, unknown> {
	let text: string;
	let value: unknown;
	try {
		text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
		value = JSON.parse(text);
	} catch (cause) {
		throw hilErrors.ValidationError('The body is not JSON.', { cause });
	}
	if (typeof value !== 'object' || value === null || Array.isArray(value)) {
		throw hilErrors.ValidationError('The body must be a JSON object.');
	}
	const twice = repeatedKey(text);
	if (twice !== undefined) throw hilErrors.ValidationError(`The key ${twice} is in the body twice.`);
	if (/"__proto__"\s*:/.test(text)) throw hilErrors.ValidationError('No key is called __proto__.');
	return value as Record<string, unknown>;
}

/** A key that an object of a JSON text has twice: parsers differ in which one counts (RFC 8259 section 4). */
export function repeatedKey(json: string): string | undefined {
	const objects: (Set<string> | undefined)[] = [];
	const tokens = [...json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)].map(([token]) => token);
	for (const [index, token] of tokens.entries()) {
		if (token === '{') objects.push(new Set());
		else if (token === '[') objects.push(undefined);
		else if (token === '}' || token === ']') objects.pop();
		else if (token !== ':' && tokens[index + 1] === ':') {
			const key = JSON.parse(token) as string;
			const keys = objects.at(-1);
			if (keys?.has(key)) return key;
			keys?.add(key);
		}
	}
	return undefined;
}
