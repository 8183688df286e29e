import type { Facts } from '../facts.ts';
import type { PrePolicy } from '../policy-set.ts';
import { alternatives, type Literal } from './alternatives.ts';
import { assembleFacts, type Placed } from './assemble-facts.ts';
import type { Scalar } from './cells.ts';
import { circumstances } from './circumstances.ts';
import { type Formula, formulaOf, roots, type Variable } from './formula.ts';
import { type ListDomain, listDomain, listPath } from './list-domain.ts';
import { type Domain, domainOf, smallestCore } from './variable-domain.ts';

/** One policy, and how it is to come out. */
export interface Goal {
	readonly pre: PrePolicy;
	/** False: it is decided, and false. A policy that cannot be decided is neither. */
	readonly holds: boolean;
}

export type Search =
	/** Confirmed: the compiled policies were evaluated on these facts and came out as wanted. */
	| { readonly kind: 'found'; readonly facts: Facts }
	/** Proved: there are no such facts. `because` are the parts that contradict each other. */
	| { readonly kind: 'impossible'; readonly because: readonly Literal[] }
	| { readonly kind: 'undecided'; readonly why: string };

export interface Situation {
	/** What is the same in every set of facts tried. */
	readonly facts: Facts;
	/** By path, the only texts that a property of the request can be: `Request.Method`. */
	readonly only: ReadonlyMap<string, readonly string[]>;
	/** False for facts that could never be; absent: all could be. */
	readonly accepts?: (facts: Facts) => boolean;
}

/** Ways to come true that are looked at, and sets of facts that are tried for each. */
const maxAlternatives = 4096;
const maxTries = 2000;
/** The same where each is tried at every hour of a week. */
const maxTimedTries = 20;

/** Facts on which all goals are met, the proof that there are none, or neither. Pure. */
export function findFacts(goals: readonly Goal[], situation: Situation): Search {
	const wishes = goals.map(({ pre, holds }) => ({ formula: formulaOf(pre), wanted: holds }));
	let looked = 0;
	let open: string | undefined;
	let core: readonly Literal[] = [];
	for (const literals of alternatives(wishes)) {
		if (++looked > maxAlternatives)
			return { kind: 'undecided', why: 'the policies have too many alternatives' };
		const contradiction = contradictionIn(literals, situation);
		if (contradiction) {
			if (core.length === 0 || contradiction.length < core.length) core = contradiction;
			continue;
		}
		const facts = realise(literals, goals, situation);
		if (facts) return { kind: 'found', facts };
		open ??= whyOpen(literals);
	}
	return open === undefined ? { kind: 'impossible', because: core } : { kind: 'undecided', why: open };
}

function whyOpen(literals: readonly Literal[]): string {
	const foreign = literals.find(({ atom }) => atom.foreign);
	if (foreign) return `${foreign.atom.key} cannot be analysed`;
	const several = literals.find(({ atom }) => atom.variables.length > 1);
	return several
		? `${several.atom.key} compares several values`
		: 'no example was found, and no proof that there is none';
}

/** Variables of these literals, each with those that read it alone. */
function variablesOf(literals: readonly Literal[]): { variable: Variable; literals: Literal[] }[] {
	const found = new Map<string, { variable: Variable; literals: Literal[] }>();
	for (const literal of literals) {
		for (const variable of literal.atom.variables) {
			const entry = found.get(variable.key) ?? { variable, literals: [] };
			if (literal.atom.variables.length === 1 && !literal.atom.foreign) entry.literals.push(literal);
			found.set(variable.key, entry);
		}
	}
	return [...found.values()];
}

function contradictionIn(literals: readonly Literal[], situation: Situation): readonly Literal[] | undefined {
	const contradicts = (some: readonly Literal[]): boolean => {
		const variables = variablesOf(some);
		return (
			some.some(isConstantOtherwise) ||
			variables.some(each => domain(each, situation).possible.length === 0) ||
			listsOf(variables).some(list => list.impossible)
		);
	};
	return contradicts(literals) ? smallestCore(literals, contradicts) : undefined;
}

/** An atom without variables, `1 == 2`, that comes out otherwise than it should. */
function isConstantOtherwise({ atom, wanted }: Literal): boolean {
	if (atom.foreign || atom.variables.length > 0) return false;
	const formula: Formula = { kind: 'atom', atom };
	return constantOf(formula) !== wanted;
}

function constantOf(formula: Extract<Formula, { kind: 'atom' }>): boolean | undefined {
	const { atom } = formula;
	const none: Variable = { key: '', fold: undefined, list: undefined };
	const fits = (wanted: boolean) => domainOf(none, [{ atom, wanted }], { only: [''] }).fitting.length > 0;
	return fits(true) ? true : fits(false) ? false : undefined;
}

function domain(
	{ variable, literals }: { variable: Variable; literals: readonly Literal[] },
	situation: Situation,
): Domain {
	const { key } = variable;
	const isText = /^Request\.(?!(?:Body|Image)(?:\.|$))/.test(key);
	return domainOf(variable, literals, { only: situation.only.get(key), isText });
}

function listsOf(variables: readonly { variable: Variable; literals: readonly Literal[] }[]): ListDomain[] {
	const byPath = new Map<string, { names: readonly string[]; folds: typeof variables }>();
	for (const each of variables) {
		const found = listPath(each.variable);
		if (!found) continue;
		const folds = [...(byPath.get(found.path)?.folds ?? []), each];
		byPath.set(found.path, { names: found.names, folds });
	}
	return [...byPath].map(([path, { names, folds }]) => listDomain(path, names, folds));
}

/** Tries values that fit each literal by itself, until the policies themselves agree. */
function realise(
	literals: readonly Literal[],
	goals: readonly Goal[],
	situation: Situation,
): Facts | undefined {
	const variables = variablesOf(literals);
	const choices: (readonly Placed[])[] = [];
	for (const each of variables) {
		const names = each.variable.key.split('.');
		if (each.variable.fold !== undefined || !roots.has(names[0] ?? '')) continue;
		choices.push(domain(each, situation).fitting.map(({ value }): Placed => ({ names, value })));
	}
	const found = listsOf(variables);
	const most = found.length > 1 ? Math.ceil(Math.max(2, ...found.map(({ highest }) => highest))) + 1 : 0;
	for (const list of found) {
		const lists = fewOfEachLength(list.lists(most));
		choices.push(lists.map((value): Placed => ({ names: list.names, value })));
	}
	const policies = goals.map(({ pre }) => pre);
	const isTimed = policies.some(({ needs }) => needs.time || needs.executions);
	let tries = isTimed ? maxTimedTries : maxTries;
	const holds = (facts: Facts): boolean =>
		goals.every(({ pre, holds: wanted }) => {
			const result = pre.evaluate(facts);
			return result.holds === wanted && result.undecided !== true;
		}) && situation.accepts?.(facts) !== false;
	const choose = (index: number, placed: readonly Placed[]): Facts | undefined => {
		const options = choices[index];
		if (!options) {
			tries--;
			const facts = assembleFacts(situation.facts, placed);
			return facts && firstOf(circumstances(facts, policies), holds);
		}
		for (const option of options) {
			const found = choose(index + 1, [...placed, option]);
			if (found || tries <= 0) return found;
		}
		return undefined;
	};
	return choose(0, []);
}

function firstOf<T>(all: Iterable<T>, fits: (one: T) => boolean): T | undefined {
	for (const one of all) if (fits(one)) return one;
	return undefined;
}

/** Lists that stand beside each other must be of one length, so each length gets its chance. */
function fewOfEachLength(lists: Iterable<readonly Scalar[]>): readonly (readonly Scalar[])[] {
	const taken: (readonly Scalar[])[] = [];
	const ofLength = new Map<number, number>();
	for (const list of lists) {
		const before = ofLength.get(list.length) ?? 0;
		if (before >= 3) continue;
		ofLength.set(list.length, before + 1);
		if (taken.push(list) >= 36) break;
	}
	return taken;
}
