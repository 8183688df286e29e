import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { explainIssues } from './explain-issues.ts';
import { parseYaml } from './yaml-document.ts';

export interface ConfigSource<T> {
	/** The YAML file; also its name in messages. */
	readonly file: string;
	/** One schema for all of it; given the file's folder, when paths in it are relative to that. */
	readonly schema: z.ZodType<T> | ((folder: string) => z.ZodType<T>);
	/** The contents, when they do not come from the disk. */
	readonly text?: string;
}

/**
 * Reads a configuration file: YAML, checked once against one schema, deeply frozen. Objects should be
 * `z.strictObject`, so that unknown keys are refused.
 * @throws ConfigError that lists every problem with file, line and column.
 */
export function readConfig<T>({ file, schema, text }: ConfigSource<T>): T {
	const document = parseYaml(file, text ?? readText(file));
	const checked = typeof schema === 'function' ? schema(dirname(file)) : schema;
	const result = checked.safeParse(document.value);
	if (!result.success) throw new ConfigError(explainIssues(document, checked, result.error.issues));
	return deepFreeze(result.data);
}

/**
 * A text file that people write, as UTF-8.
 * @throws ConfigError when it cannot be read or is not UTF-8.
 */
function readText(file: string): string {
	const first = { file, line: 1, column: 1 };
	let bytes: Uint8Array;
	try {
		bytes = readFileSync(file);
	} catch (cause) {
		throw new ConfigError([{ ...first, ...whyUnreadable(cause) }], { cause });
	}
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch (cause) {
		throw new ConfigError([{ ...first, message: 'this is not UTF-8', fix: 'save it as UTF-8' }], { cause });
	}
}

function whyUnreadable(cause: unknown): { message: string; fix?: string } {
	const code = (cause as NodeJS.ErrnoException).code;
	if (code === 'ENOENT') return { message: 'there is no such file', fix: 'check the path' };
	if (code === 'EISDIR') return { message: 'this is a folder', fix: 'name a file in it' };
	if (code === 'EACCES') return { message: 'this user may not read it', fix: 'check its owner and mode' };
	return { message: `cannot be read: ${code ?? String(cause)}` };
}

/** Freezes plain objects and arrays all the way down; leaves other things (buffers, URLs) alone. */
export function deepFreeze<T>(value: T): T {
	if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
	const prototype: unknown = Object.getPrototypeOf(value);
	if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
	Object.freeze(value);
	for (const member of Object.values(value)) deepFreeze(member);
	return value;
}
