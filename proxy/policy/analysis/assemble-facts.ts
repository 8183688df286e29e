import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import type { Facts } from '../facts.ts';
import type { Scalar } from './cells.ts';

/** What stands at a path: one value, or a list of what its elements have there. */
export interface Placed {
	readonly names: readonly string[];
	readonly value: Scalar | readonly Scalar[];
}

type Tree = { [name: string]: Branch };
type Branch = Tree | Branch[] | Scalar;

/**
 * Facts in which each path has its value; undefined when two of them cannot stand beside each other. A list stands
 * one name before the end of its path (`External.Servers.State` is a list of objects with a State), where that
 * leaves anything to hold it.
 */
export function assembleFacts(base: Facts, placed: readonly Placed[]): Facts | undefined {
	const request: Tree = {};
	const roots: Tree = {};
	for (const each of inOrder(placed)) {
		const [root, ...names] = each.names;
		const first = names[0];
		if (root === undefined || first === undefined) return undefined;
		if (root === 'Request' && first !== 'Body' && first !== 'Image') {
			if (names.length > 1 || typeof each.value !== 'string') return undefined;
			request[first] = each.value;
		} else if (!place(roots, each, root === 'Resource' ? 1 : 2)) return undefined;
	}
	const { Body: body, Image: image } = (roots.Request ?? {}) as Tree;
	const external = roots.External as Tree | undefined;
	return {
		...base,
		Request: {
			...base.Request,
			...(request as Partial<Facts['Request']>),
			...(body === undefined ? {} : { Body: merge(base.Request.Body, body) }),
			...(image === undefined ? {} : { Image: image as JsonValue }),
		},
		Resource: roots.Resource === undefined ? base.Resource : (roots.Resource as JsonValue),
		External: {
			...base.External,
			...Object.fromEntries(
				Object.entries(external ?? {}).map(([name, value]) => [
					name,
					{ status: 'fresh', value: value as JsonValue, asOf: 0 },
				]),
			),
		},
	};
}

/** The sample's body with what the policies need in it. */
function merge(base: JsonValue | undefined, over: Branch): JsonValue {
	if (!isObject(base) || !isObject(over)) return over as JsonValue;
	const before = base as { readonly [name: string]: JsonValue };
	const merged: { [name: string]: JsonValue } = { ...before };
	for (const [name, value] of Object.entries(over as Tree)) merged[name] = merge(before[name], value);
	return merged;
}

const isObject = (value: unknown): boolean =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lists of objects before lists by themselves (`COUNT(External.Servers)`), which then only ask for a length. */
function inOrder(placed: readonly Placed[]): readonly Placed[] {
	return [...placed].sort((a, b) => b.names.length - a.names.length);
}

/** @param fixed how many names lead to the value that cannot itself be the list's holder */
function place(roots: Tree, { names, value }: Placed, fixed: number): boolean {
	const isList = Array.isArray(value);
	// External.<source> may be a list; the resource and the body are objects.
	const least = names[0] === 'External' ? 2 : fixed + 1;
	const holder = isList && names.length - 1 >= least ? names.length - 1 : names.length;
	let at: Tree = roots;
	for (const name of names.slice(0, holder - 1)) {
		const next = at[name] ?? {};
		if (typeof next !== 'object' || next === null || Array.isArray(next)) return false;
		at[name] = next;
		at = next;
	}
	const last = names[holder - 1] as string;
	if (!isList) {
		if (Object.hasOwn(at, last)) return false;
		at[last] = value as Scalar;
		return true;
	}
	const values = value as readonly Scalar[];
	const before = at[last];
	if (before !== undefined && (!Array.isArray(before) || before.length !== values.length)) return false;
	if (holder === names.length) {
		// Only its length counts where the elements are objects already.
		if (before === undefined) at[last] = [...values];
		return true;
	}
	const field = names[holder] as string;
	const elements = before ?? values.map((): Tree => ({}));
	if (elements.some(each => typeof each !== 'object' || each === null || Array.isArray(each))) return false;
	for (const [i, each] of (elements as Tree[]).entries()) each[field] = values[i] as Scalar;
	at[last] = elements;
	return true;
}
