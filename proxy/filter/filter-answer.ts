import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { PostPolicy, PredicatePolicy } from '../policy/policy-set.ts';
import { filterErrors } from './errors.ts';
import { hideMessageTexts, isMessageList } from './messages.ts';
import { createRulesCache, type ImpliedRules, type PostRules, type TypeRules } from './post-rules.ts';
import { isObject, type JsonObject, linkTarget, typeOf } from './resource-type.ts';

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
	/** Something in the answer is of a kind that a policy is about, whether it changed or not. */
	readonly isConcerned: boolean;
	/** The resource asked for is itself one that a predicate drops: 404. `answer` is then null. */
	readonly hidden: boolean;
	/**
	 * Members that are only links and that a predicate is about. They are left out unless `resolved` holds them:
	 * fetch them and filter again.
	 */
	readonly unresolved: readonly string[];
}

/** A memo by the policies' own lists: what a version's policies say of a type is worked out once. */
const rulesFor = createRulesCache();

/**
 * Applies post-policies to an answer: predicates drop members, judging what the BMC said, then masks replace
 * properties. A policy finds its resources by `@odata.type`, at any depth. What a BMC has made of the whole resource
 * (its `@odata.etag`, the texts of messages) goes as well. Parts that nothing is about are the very same values.
 * @throws BimetalError `AnswerTooComplex` (502)
 */
export function filterAnswer({ answer, posts, resolved = none }: FilterInput): FilterOutput {
	if (posts.every(list => list.length === 0)) {
		return { answer, changed: false, isConcerned: false, hidden: false, unresolved: [] };
	}
	const state: State = {
		rules: rulesFor(posts),
		resolved,
		unresolved: new Set(),
		nodes: 0,
		isConcerned: false,
	};
	const filtered = filterValue(answer, undefined, 0, state);
	const hidden = filtered === dropped;
	return {
		answer: hidden ? null : filtered,
		changed: hidden || filtered !== answer,
		isConcerned: state.isConcerned,
		hidden,
		unresolved: [...state.unresolved],
	};
}

const none: ReadonlyMap<string, JsonValue> = new Map();
const dropped = Symbol('dropped');
type Filtered = JsonValue | typeof dropped;

interface State {
	readonly rules: PostRules;
	readonly resolved: ReadonlyMap<string, JsonValue>;
	readonly unresolved: Set<string>;
	nodes: number;
	isConcerned: boolean;
}

/** Gives the very same value when nothing in it changes. */
function filterValue(
	value: JsonValue,
	implied: ImpliedRules | undefined,
	depth: number,
	state: State,
): Filtered {
	if (typeof value !== 'object' || value === null) return value;
	if (depth > maxDepth || ++state.nodes > maxNodes) {
		throw filterErrors.AnswerTooComplex('the BMC answered with more than can be filtered');
	}
	if (!isObject(value)) return filterList(value as readonly JsonValue[], implied, depth, state);
	const rules = state.rules.ofType(typeOf(value), implied?.schema);
	if (rules.predicates.length > 0 || rules.hasMasks) state.isConcerned = true;
	// A link in a collection is judged by what it leads to.
	const target = implied === undefined ? undefined : linkTarget(value);
	if (implied !== undefined && target !== undefined) {
		if (!isLinkShown(target, implied, state)) return dropped;
	} else if (!holdAll(rules.predicates, value)) return dropped;
	return filterProperties(value, rules, depth, state);
}

/** A member that is only a link cannot be judged by itself; unknown means hidden. */
function isLinkShown(target: string, implied: ImpliedRules, state: State): boolean {
	if (implied.predicates.length === 0) return true;
	const resource = state.resolved.get(target);
	if (resource === undefined) {
		state.unresolved.add(target);
		return false;
	}
	if (!isObject(resource)) return false;
	return holdAll(state.rules.ofType(typeOf(resource), implied.schema).predicates, resource);
}

function holdAll(predicates: readonly PredicatePolicy[], resource: JsonObject): boolean {
	for (const predicate of predicates) if (!predicate.holds(resource)) return false;
	return true;
}

function filterList(
	list: readonly JsonValue[],
	implied: ImpliedRules | undefined,
	depth: number,
	state: State,
): JsonValue {
	let kept: JsonValue[] | undefined;
	for (let i = 0; i < list.length; i++) {
		const element = list[i] as JsonValue;
		const filtered = filterValue(element, implied, depth + 1, state);
		if (filtered !== element) kept ??= list.slice(0, i);
		if (kept && filtered !== dropped) kept.push(filtered);
	}
	return kept ?? list;
}

function filterProperties(resource: JsonObject, rules: TypeRules, depth: number, state: State): JsonObject {
	let copy: { [key: string]: JsonValue } | undefined;
	// Parsed JSON has own properties alone, and this makes no list of them.
	for (const key in resource) {
		const before = resource[key] as JsonValue;
		const mask = rules.hasMasks ? rules.maskOf(key) : undefined;
		if (mask?.kind === 'set') {
			if (before !== mask.value) {
				copy ??= { ...resource };
				copy[key] = mask.value;
			}
			continue;
		}
		if (key === '@odata.etag' || mask?.kind === 'remove') {
			copy ??= { ...resource };
			delete copy[key];
			continue;
		}
		if (typeof before !== 'object' || before === null) continue;
		const implied = key === 'Members' ? rules.members : key === 'Events' ? rules.events : undefined;
		let after: Filtered = isToldOfHidden(key, before, rules)
			? hideMessageTexts(before as readonly JsonValue[])
			: filterValue(before, implied, depth + 1, state);
		if (mask && after !== dropped) after = mask.apply(after);
		if (after !== before) {
			copy ??= { ...resource };
			if (after === dropped) {
				delete copy[key];
				delete copy[`${key}@odata.count`];
			} else copy[key] = after;
		}
		if (!Array.isArray(after)) continue;
		const isJudged = implied !== undefined && implied.predicates.length > 0;
		if (isJudged) state.isConcerned = true;
		// Even where nothing was dropped here: the BMC's count may tell of members on pages not shown.
		const count = `${key}@odata.count`;
		if (
			(isJudged || after.length !== (before as readonly JsonValue[]).length) &&
			Object.hasOwn(resource, count)
		) {
			copy ??= { ...resource };
			copy[count] = after.length;
		}
	}
	if (copy) state.isConcerned = true;
	return copy ?? resource;
}

/** Messages quote what they are about: anything in the answer, or in the resource that they are part of. */
function isToldOfHidden(key: string, value: JsonValue, { hasMasks }: TypeRules): boolean {
	return isMessageList(key, value) && (key !== 'Messages' || hasMasks);
}
