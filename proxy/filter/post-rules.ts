import type { PostPolicy, PredicatePolicy } from '../policy/policy-set.ts';
import { compileMasks, inMaskOrder, type PropertyMask } from './mask.ts';
import { impliedSchema, schemasOfType } from './resource-type.ts';

/** What the post-policies in force say about resources of one type. */
export interface TypeRules {
	readonly predicates: readonly PredicatePolicy[];
	readonly hasMasks: boolean;
	/** What the masks do to a property of this name. */
	readonly maskOf: (name: string) => PropertyMask | undefined;
	/** The schema that members without a type of their own are of; and predicates about it. */
	readonly members: ImpliedRules | undefined;
	/** The same for the records of an Event. */
	readonly events: ImpliedRules | undefined;
}

export interface ImpliedRules {
	readonly schema: string;
	readonly predicates: readonly PredicatePolicy[];
}

/** Post-policies of several parties, found by type. */
export interface PostRules {
	/** @param type `@odata.type`, where the resource says; @param implied what it is by where it stands */
	ofType(type: string | undefined, implied: string | undefined): TypeRules;
}

/** Types that are remembered: a BMC has some fifty. One that invents others costs time, not memory. */
const maxTypes = 500;

/** Looks up policies by type once for each type, not for each resource. */
function compilePostRules(posts: readonly (readonly PostPolicy[])[]): PostRules {
	const all = posts.flat();
	const predicates = all.filter(post => post.kind === 'predicate');
	const masks = inMaskOrder(all.filter(post => post.kind === 'mask'));
	const known = new Map<string | undefined, Map<string | undefined, TypeRules>>();
	const about = (schema: string) => predicates.filter(predicate => predicate.schema === schema);
	const impliedRules = (schemas: readonly string[], key: string): ImpliedRules | undefined => {
		const schema = impliedSchema(schemas, key);
		return schema === undefined ? undefined : { schema, predicates: about(schema) };
	};
	const rulesOf = (type: string | undefined, implied: string | undefined): TypeRules => {
		const schemas = schemasOfType(type, implied);
		const own = masks.filter(({ schema }) => schemas.includes(schema));
		return {
			predicates: predicates.filter(({ schema }) => schemas.includes(schema)),
			hasMasks: own.length > 0,
			maskOf: compileMasks(own),
			members: impliedRules(schemas, 'Members'),
			events: impliedRules(schemas, 'Events'),
		};
	};
	let count = 0;
	return {
		ofType(type, implied) {
			let byType = known.get(implied);
			const found = byType?.get(type);
			if (found) return found;
			const rules = rulesOf(type, implied);
			if (count >= maxTypes) return rules;
			count++;
			if (!byType) {
				byType = new Map();
				known.set(implied, byType);
			}
			byType.set(type, rules);
			return rules;
		},
	};
}

/**
 * The same, kept for as long as the policies are: a policy version's lists are the same objects in every verdict. One
 * list is by far the most common; several are compiled anew.
 */
export function createRulesCache(): (posts: readonly (readonly PostPolicy[])[]) => PostRules {
	const kept = new WeakMap<readonly PostPolicy[], PostRules>();
	return posts => {
		const [list, ...others] = posts;
		if (!list || others.length > 0) return compilePostRules(posts);
		let rules = kept.get(list);
		if (!rules) {
			rules = compilePostRules(posts);
			kept.set(list, rules);
		}
		return rules;
	};
}
