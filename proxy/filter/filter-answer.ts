import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { MaskPolicy, PostPolicy, PredicatePolicy } from '../policy/policy-set.ts';
import { filterErrors } from './errors.ts';
import { applyMask, inMaskOrder } from './mask.ts';
import { impliedSchema, isObject, type JsonObject, linkTarget, schemasOf } from './resource-type.ts';

const maxDepth = 64;
const maxNodes = 1_000_000;

export interface FilterInput {
	/** The BMC's answer, parsed; never changed. */
	readonly answer: JsonValue;
	/** The post-policies of each party whose policy the clause taken names; their order never matters. */
	readonly posts: readonly (readonly PostPolicy[])[];
	/** What `unresolved` links lead to, by `@odata.id`, when the caller has fetched it. */
	readonly resolved?: ReadonlyMap<string, JsonValue>;
}

export interface FilterOutput {
	readonly answer: JsonValue;
	readonly changed: boolean;
	/** The resource asked for is itself one that a predicate drops: 404. `answer` is then null. */
	readonly hidden: boolean;
	/**
	 * Members that are only links and that a predicate is about. They are left out unless `resolved` holds them:
	 * fetch them and filter again.
	 */
	readonly unresolved: readonly string[];
}

/**
 * Applies post-policies to an answer: predicates drop members, judging what the BMC said, then masks replace
 * properties. A policy finds its resources by `@odata.type`, at any depth.
 * @throws BimetalError `AnswerTooComplex` (502)
 */
export function filterAnswer({ answer, posts, resolved = new Map() }: FilterInput): FilterOutput {
	const all = posts.flat();
	if (all.length === 0) return { answer, changed: false, hidden: false, unresolved: [] };
	const state: State = {
		predicates: all.filter(post => post.kind === 'predicate'),
		masks: inMaskOrder(all.filter(post => post.kind === 'mask')),
		resolved,
		unresolved: new Set(),
		nodes: 0,
	};
	const filtered = filterValue(answer, undefined, 0, state);
	const hidden = filtered === dropped;
	return {
		answer: hidden ? null : filtered,
		changed: hidden || filtered !== answer,
		hidden,
		unresolved: [...state.unresolved],
	};
}

const dropped = Symbol('dropped');
type Filtered = JsonValue | typeof dropped;

interface State {
	readonly predicates: readonly PredicatePolicy[];
	readonly masks: readonly MaskPolicy[];
	readonly resolved: ReadonlyMap<string, JsonValue>;
	readonly unresolved: Set<string>;
	nodes: number;
}

/** Gives the very same value when nothing in it changes. */
function filterValue(value: JsonValue, implied: string | undefined, depth: number, state: State): Filtered {
	if (typeof value !== 'object' || value === null) return value;
	if (depth > maxDepth || ++state.nodes > maxNodes) {
		throw filterErrors.AnswerTooComplex('the BMC answered with more than can be filtered');
	}
	if (!isObject(value)) return filterList(value as readonly JsonValue[], implied, depth, state);
	if (implied !== undefined && !isShown(value, implied, state)) return dropped;
	const schemas = schemasOf(value, implied);
	// A link in a collection was judged by what it leads to.
	const isLink = implied !== undefined && linkTarget(value) !== undefined;
	if (!isLink && !holdAll(state.predicates, schemas, value)) return dropped;
	return maskAll(state.masks, schemas, filterProperties(value, schemas, depth, state));
}

/** A member that is only a link cannot be judged by itself; unknown means hidden. */
function isShown(member: JsonObject, implied: string, state: State): boolean {
	const target = linkTarget(member);
	if (target === undefined || !state.predicates.some(predicate => predicate.schema === implied)) return true;
	const resource = state.resolved.get(target);
	if (resource === undefined) {
		state.unresolved.add(target);
		return false;
	}
	return isObject(resource) && holdAll(state.predicates, schemasOf(resource, implied), resource);
}

function holdAll(
	predicates: readonly PredicatePolicy[],
	schemas: readonly string[],
	resource: JsonObject,
): boolean {
	return predicates.every(predicate => !schemas.includes(predicate.schema) || predicate.holds(resource));
}

function maskAll(masks: readonly MaskPolicy[], schemas: readonly string[], resource: JsonObject): JsonObject {
	let masked = resource;
	for (const mask of masks)
		if (schemas.includes(mask.schema)) masked = applyMask(masked, mask.path, mask.value);
	return masked;
}

function filterList(
	list: readonly JsonValue[],
	implied: string | undefined,
	depth: number,
	state: State,
): JsonValue {
	let isSame = true;
	const kept: JsonValue[] = [];
	for (const element of list) {
		const filtered = filterValue(element, implied, depth + 1, state);
		if (filtered !== element) isSame = false;
		if (filtered !== dropped) kept.push(filtered);
	}
	return isSame ? list : kept;
}

function filterProperties(
	resource: JsonObject,
	schemas: readonly string[],
	depth: number,
	state: State,
): JsonObject {
	let copy: { [key: string]: JsonValue } | undefined;
	for (const key of Object.keys(resource)) {
		const before = resource[key] as JsonValue;
		const implied = impliedSchema(schemas, key);
		const after = filterValue(before, implied, depth + 1, state);
		if (after !== before) {
			copy ??= { ...resource };
			if (after === dropped) {
				delete copy[key];
				delete copy[`${key}@odata.count`];
			} else copy[key] = after;
		}
		const count = `${key}@odata.count`;
		// Even where nothing was dropped here: the BMC's count may tell of members on pages not shown.
		if (Array.isArray(after) && Object.hasOwn(resource, count) && isJudged(after, before, implied, state)) {
			if (resource[count] !== after.length) {
				copy ??= { ...resource };
				copy[count] = after.length;
			}
		}
	}
	return copy ?? resource;
}

function isJudged(
	after: readonly JsonValue[],
	before: JsonValue,
	implied: string | undefined,
	state: State,
): boolean {
	if (Array.isArray(before) && before.length !== after.length) return true;
	return state.predicates.some(predicate => predicate.schema === implied);
}
