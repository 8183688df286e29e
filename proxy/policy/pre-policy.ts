import {
	type Compiled,
	compileCondition,
	compileValue,
	maxSteps,
	type Root,
	type Scope,
} from './expression/compile.ts';
import { decisiveValues, tracedValues } from './expression/explain.ts';
import { expandHelpers, type Helpers } from './expression/helpers.ts';
import { type Parsed, parsed } from './expression/outcome.ts';
import { parseTree } from './expression/syntax.ts';
import type { PathName, Tree } from './expression/tree.ts';
import { findUnits, type Units } from './expression/units.ts';
import { Undecided } from './expression/values.ts';
import { type FactsAsked, factFunctions } from './fact-functions.ts';
import type { Facts } from './facts.ts';
import type { PrePolicy, PreResult, SourceLocation } from './policy-set.ts';
import { resolvePreRoot } from './pre-roots.ts';
import { checkTimeComparisons } from './time-comparisons.ts';

/** What a condition may refer to beside the facts. */
export interface PreSurroundings {
	readonly units?: Units | undefined;
	/** The party's own. */
	readonly helpers?: Helpers | undefined;
	/** The rows of the table; names of others are refused when they are known. */
	readonly operations?: readonly string[] | undefined;
}

/**
 * Compiles what stands behind `<party>.pre`: a condition over `Request.…`, `Resource.…` and
 * `External.<source>.…`, the proxy's clock, and what it has executed.
 * @param externalSources the sources that the site declares
 */
export function compilePrePolicy(
	source: string,
	where: SourceLocation,
	externalSources: readonly string[],
	surroundings: PreSurroundings = {},
): Parsed<PrePolicy> {
	return parsed(() => {
		const tree = expandHelpers(parseTree(source), surroundings.helpers ?? new Map());
		const { resolve, functions, needs } = openSurroundings(externalSources, surroundings);
		const compiled = compileCondition<Facts>(tree, resolve, functions);
		const units = checkTree(tree, surroundings);
		const text = source.trim().replaceAll(/\s+/g, ' ');
		const needed = needs();
		const { external } = needed;
		return {
			source: text,
			where,
			needs: needed,
			tree,
			evaluate: facts => evaluateCondition({ compiled, units, source: text, external }, facts),
		};
	});
}

/** Everything that can be told of a helper without data, whatever kind of value it gives. */
export function checkHelper(
	tree: Tree,
	externalSources: readonly string[],
	surroundings: PreSurroundings,
): Parsed<Tree> {
	return parsed(() => {
		const { resolve, functions } = openSurroundings(externalSources, surroundings);
		compileValue<Facts>(tree, resolve, functions);
		checkTree(tree, surroundings);
		return tree;
	});
}

function checkTree(tree: Tree, { units }: PreSurroundings): ReadonlyMap<Tree, string> {
	checkTimeComparisons(tree);
	return findUnits(tree, units ?? new Map());
}

/** The roots and functions of one condition, and what it will have asked for once it is compiled. */
function openSurroundings(externalSources: readonly string[], { helpers, operations }: PreSurroundings) {
	const external = new Set<string>();
	const asked: FactsAsked = { time: false, executions: [] };
	let needsResource = false;
	return {
		resolve(names: readonly PathName[]): Root<Facts> {
			const root = resolvePreRoot(names, externalSources, [...(helpers?.keys() ?? [])]);
			if (names[0]?.name === 'Resource') needsResource = true;
			if (names[0]?.name === 'External') external.add(names[1]?.name ?? '');
			return root;
		},
		functions: factFunctions(asked, operations),
		needs: (): PrePolicy['needs'] => ({
			resource: needsResource,
			external: [...external].sort(),
			...(asked.time && { time: true }),
			...(asked.executions.length > 0 && { executions: asked.executions }),
		}),
	};
}

interface Condition {
	readonly compiled: Compiled<Facts>;
	readonly units: ReadonlyMap<Tree, string>;
	readonly source: string;
	/** The External sources that it reads. */
	readonly external: readonly string[];
}

function evaluateCondition(condition: Condition, facts: Facts): PreResult {
	const { compiled, source } = condition;
	const scope: Scope<Facts> = { input: facts, steps: maxSteps, trace: new Array(compiled.traced.length) };
	try {
		const value = compiled.evaluate(scope);
		if (typeof value !== 'boolean')
			throw new Undecided('it gives neither true nor false; fold lists with ANY or ALL');
		return new Explained(condition, scope, value);
	} catch (error) {
		// Whatever goes wrong, the policy does not hold. Only our own reasons are worth showing.
		const reason = error instanceof Undecided ? error.message : 'the evaluation failed';
		return {
			holds: false,
			undecided: true,
			reason: `${source} cannot be decided: ${reason}`,
			values: safeValues(condition, scope),
		};
	}
}

/**
 * A result that puts itself into words when somebody asks: that takes longer than finding it. A class, because
 * accessors of an object literal make every result several times as dear.
 */
class Explained implements PreResult {
	readonly holds: boolean;
	readonly #condition: Condition;
	readonly #scope: Scope<Facts>;

	constructor(condition: Condition, scope: Scope<Facts>, holds: boolean) {
		this.holds = holds;
		this.#condition = condition;
		this.#scope = scope;
	}

	get reason(): string {
		return reasonOf(this.#condition, this.#scope, this.holds);
	}

	get values(): PreResult['values'] {
		return safeValues(this.#condition, this.#scope);
	}
}

function reasonOf(
	{ compiled, units, source, external }: Condition,
	scope: Scope<Facts>,
	holds: boolean,
): string {
	const because = decisiveValues(compiled, scope.trace, units);
	const alone = because.length === 0 || because[0] === `${source} is ${holds}`;
	const reserved = reservedIn(external, scope.input).map(text => `, with ${text}`);
	return `${source} ${holds ? 'holds' : 'is false'}${alone ? '' : `: ${because.join(', ')}`}${reserved.join('')}`;
}

/** What of the sources that the condition reads is promised and not yet to be seen. */
function reservedIn(sources: readonly string[], { External }: Facts): string[] {
	return sources.flatMap(name => {
		const source = Object.hasOwn(External, name) ? External[name] : undefined;
		return source?.status === 'fresh' && source.reserved !== undefined ? [source.reserved] : [];
	});
}

function safeValues({ compiled, units }: Condition, scope: Scope<Facts>): PreResult['values'] {
	try {
		return tracedValues(compiled, scope.trace, units);
	} catch {
		return [];
	}
}
