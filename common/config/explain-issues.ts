import type { z } from 'zod';
import type { ConfigProblem } from './config-error.ts';
import { nearest } from './nearest.ts';
import { knownKeys } from './schema-keys.ts';
import type { YamlDocument, YamlPath } from './yaml-document.ts';

type Issue = z.core.$ZodIssue;

/** Puts what zod found into words for whoever wrote the file, each with its place and what would be right. */
export function explainIssues(
	document: YamlDocument,
	schema: z.ZodType,
	issues: readonly Issue[],
	base: YamlPath = [],
): ConfigProblem[] {
	return issues.flatMap(issue => {
		const path = [...base, ...issue.path.filter(step => typeof step !== 'symbol')];
		if (issue.code === 'unrecognized_keys') return explainUnknownKeys(document, schema, path, issue.keys);
		if (issue.code === 'invalid_union' && issue.errors.length > 0) {
			return explainIssues(document, schema, closest(issue.errors), path);
		}
		if (issue.code === 'invalid_key') {
			const reason = issue.issues.map(inner => inner.message).join('; ');
			return [at(document, 'key', path, `the key ${quote(path.at(-1))} is wrong: ${reason}`)];
		}
		const found = lookUp(document.value, path);
		if (found === undefined && path.length > 0) {
			const parent = path.slice(0, -1);
			return [at(document, 'key', parent, `${quote(path.at(-1))} is missing${inside(parent)}`)];
		}
		const name = path.length === 0 ? '' : `${quote(describe(path))}: `;
		const options = issue.code === 'invalid_value' ? issue.values.map(String) : [];
		const meant = typeof found === 'string' ? nearest(found, options) : undefined;
		const fix = meant === undefined ? undefined : `did you mean ${quote(meant)}?`;
		return [at(document, 'value', path, `${name}${lower(issue.message)}`, fix)];
	});
}

function explainUnknownKeys(
	document: YamlDocument,
	schema: z.ZodType,
	path: YamlPath,
	keys: readonly string[],
): ConfigProblem[] {
	const known = knownKeys(schema, path, document.value);
	return keys.map(key => {
		const meant = nearest(key, known);
		const fix =
			meant !== undefined
				? `did you mean ${quote(meant)}?`
				: known.length > 0
					? `known here: ${known.join(', ')}`
					: undefined;
		return at(document, 'key', [...path, key], `unknown key ${quote(key)}${inside(path)}`, fix);
	});
}

/** Of a union's alternatives, what is wrong with the one that the value comes nearest to. */
function closest(alternatives: readonly (readonly Issue[])[]): readonly Issue[] {
	const flat = alternatives.map(issues => issues.flatMap(flatten));
	const best = [...flat].sort((a, b) => distance(a) - distance(b))[0] ?? [];
	if (best.length !== 1 || !isOtherKind(best[0])) return best;
	// The value is of none of these kinds.
	const messages = flat.map(issues => lower(issues[0]?.message ?? ''));
	return [{ ...best[0], code: 'custom', message: [...new Set(messages)].join(', or ') } as Issue];
}

/** A union within a union counts as what is wrong with the nearest of its own alternatives. */
function flatten(issue: Issue): readonly Issue[] {
	if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
	return closest(issue.errors).map(inner => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function distance(issues: readonly Issue[]): number {
	const costs = issues.map(issue => {
		if (issue.code === 'unrecognized_keys') return 10 * issue.keys.length;
		return isOtherKind(issue) ? 100 : 1;
	});
	return costs.reduce((sum, cost) => sum + cost, 0);
}

function isOtherKind(issue: Issue | undefined): boolean {
	return issue?.code === 'invalid_type' && issue.path.length === 0;
}

function at(
	document: YamlDocument,
	what: 'key' | 'value',
	path: YamlPath,
	message: string,
	fix?: string,
): ConfigProblem {
	const place = what === 'key' ? document.locateKey(path) : document.locate(path);
	return { file: document.file, ...place, message, ...(fix === undefined ? {} : { fix }) };
}

function lookUp(value: unknown, path: YamlPath): unknown {
	let found = value;
	for (const step of path) {
		if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
		found = (found as Record<string | number, unknown>)[step];
	}
	return found;
}

function describe(path: YamlPath): string {
	return path
		.map(step => (typeof step === 'number' ? `[${step + 1}]` : step))
		.join('.')
		.replaceAll('.[', '[');
}

function inside(path: YamlPath): string {
	return path.length === 0 ? '' : ` in ${quote(describe(path))}`;
}

function quote(text: unknown): string {
	return JSON.stringify(String(text));
}

/** zod's own messages begin with a capital; ours may begin with somebody's name. */
function lower(message: string): string {
	return message.replace(/^(?:Invalid|Too|Unrecognized)\b/, word => word.toLowerCase());
}
