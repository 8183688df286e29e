import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { compileCondition, maxSteps } from '../expression/compile.ts';
import { parseTree } from '../expression/syntax.ts';
import { render, type Tree } from '../expression/tree.ts';
import { Undecided } from '../expression/values.ts';
import type { PrePolicy } from '../policy-set.ts';
import { conditionKey, replaceWhere } from './formula.ts';

/** What a decision record says of the policies that were asked: by expression, what it came to. */
export interface RecordedPolicy {
	readonly party: string;
	readonly operation: string;
	readonly expression: string;
	readonly holds: boolean;
	readonly values: readonly { readonly expression: string; readonly value: string }[];
}

/** What is known of the request itself, by path: `Request.Method`. */
export type KnownPaths = ReadonlyMap<string, JsonValue>;

/** Whether a policy would have held on what is on record; undefined when the record does not say enough. */
export function truthFromRecord(
	pre: PrePolicy,
	own: RecordedPolicy | undefined,
	recorded: readonly RecordedPolicy[],
	known: KnownPaths,
): boolean | undefined {
	if (own && isSameCondition(pre, own.expression)) return own.holds;
	const values = new Map<string, JsonValue>(known);
	for (const policy of recorded) {
		for (const { expression, value } of policy.values) {
			const whole = wholeValue(value);
			if (whole !== undefined) values.set(expression, whole);
		}
	}
	return evaluateWith(pre, values);
}

/** Only a text without helpers says by itself what it means. */
function isSameCondition(pre: PrePolicy, expression: string): boolean {
	try {
		return render(parseTree(expression)) === conditionKey(pre);
	} catch {
		return false;
	}
}

/** A value that was neither cut when it was recorded nor left out; undefined otherwise. */
function wholeValue(text: string): JsonValue | undefined {
	try {
		const value = JSON.parse(text) as JsonValue;
		return isWhole(value) ? value : undefined;
	} catch {
		return undefined;
	}
}

function isWhole(value: JsonValue): boolean {
	if (Array.isArray(value)) return value.every(isWhole) && !/^… and \d+ more$/.test(String(value.at(-1)));
	if (typeof value === 'object') return value === null;
	return (
		typeof value !== 'string' ||
		(value !== '(an object)' && !value.endsWith('…') && !value.includes('[redacted]'))
	);
}

class NotOnRecord extends Error {}

function given(value: JsonValue | undefined): JsonValue {
	if (value === undefined) throw new NotOnRecord();
	return value;
}

function evaluateWith(pre: PrePolicy, values: ReadonlyMap<string, JsonValue>): boolean | undefined {
	try {
		const used: JsonValue[] = [];
		const tree = replaceWhere(pre.tree ?? parseTree(pre.source), (part): Tree | undefined => {
			const value = part.kind === 'literal' ? undefined : values.get(render(part));
			if (value === undefined) return undefined;
			return { kind: 'path', names: [{ name: `recorded${used.push(value) - 1}`, offset: 0 }] };
		});
		const compiled = compileCondition<readonly JsonValue[]>(tree, names => {
			const index = /^recorded(\d+)$/.exec(names[0]?.name ?? '')?.[1];
			if (index !== undefined) return { taken: 1, read: input => given(input[Number(index)]) };
			// Of a body that is known it is also known what is not in it.
			const isInBody = names[0]?.name === 'Request' && names[1]?.name === 'Body';
			return {
				taken: isInBody ? 2 : names.length,
				read: () => given(isInBody ? values.get('Request.Body') : undefined),
			};
		});
		const trace = new Array<JsonValue | undefined>(compiled.traced.length);
		return compiled.evaluate({ input: used, steps: maxSteps, trace }) === true;
	} catch (error) {
		// What the language cannot decide does not hold; what is not on record, or not modelled, is not known.
		return error instanceof Undecided ? false : undefined;
	}
}
