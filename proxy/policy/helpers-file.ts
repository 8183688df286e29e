import type { ConfigProblem } from '../../common/config/config-error.ts';
import { explainIssues } from '../../common/config/explain-issues.ts';
import type { YamlDocument } from '../../common/config/yaml-document.ts';
import { expandHelpers, leadingNames } from './expression/helpers.ts';
import { type Parsed, parsed } from './expression/outcome.ts';
import { parseTree } from './expression/syntax.ts';
import type { Tree } from './expression/tree.ts';
import type { PartysFile } from './load-policy-files.ts';
import { openYaml } from './operations-file.ts';
import { helpersFile } from './policy-schemas.ts';
import { checkHelper, type PreSurroundings } from './pre-policy.ts';

export interface ReadHelpers {
	readonly party: string;
	/** Those that are right, written out: none refers to another any more. */
	readonly helpers: ReadonlyMap<string, Tree>;
	readonly problems: readonly ConfigProblem[];
}

/** Reads `<party>/helpers.yaml`: expressions with a name, in any order, for that party's conditions. */
export function readHelpersFile(
	file: PartysFile,
	context: PreSurroundings & { readonly externalSources: readonly string[] },
): ReadHelpers {
	const nothing = { party: file.party, helpers: new Map<string, Tree>() };
	const document = openYaml(file);
	if (Array.isArray(document)) return { ...nothing, problems: document };
	const checked = helpersFile.safeParse(document.value);
	if (!checked.success)
		return { ...nothing, problems: explainIssues(document, helpersFile, checked.error.issues) };
	const problems: ConfigProblem[] = [];
	const trees = new Map<string, Tree>();
	const take = <T>(name: string, result: Parsed<T>): T | undefined => {
		if (result.ok) return result.value;
		problems.push(document.problem([name], result.problem.message, undefined, result.problem.offset));
		return undefined;
	};
	for (const [name, text] of Object.entries(checked.data)) {
		const tree = take(
			name,
			parsed(() => parseTree(String(text))),
		);
		if (tree) trees.set(name, tree);
	}
	const helpers = new Map<string, Tree>();
	for (const name of inOrder(document, trees, problems)) {
		const expanded = take(
			name,
			parsed(() => expandHelpers(trees.get(name) as Tree, helpers)),
		);
		const surroundings = { ...context, helpers };
		const right = expanded && take(name, checkHelper(expanded, context.externalSources, surroundings));
		if (right) helpers.set(name, right);
	}
	return { party: file.party, helpers, problems };
}

/** How deep helpers may stand in each other: far deeper than anybody can follow, and no danger to the stack. */
const maxDepth = 100;

/**
 * Every helper after those that it uses; those that refer to each other in a circle, or too deep, are problems and
 * left out.
 */
function inOrder(
	document: YamlDocument,
	trees: ReadonlyMap<string, Tree>,
	problems: ConfigProblem[],
): readonly string[] {
	/** How deep each one is; undefined for one that is wrong. */
	const done = new Map<string, number | undefined>();
	const order: string[] = [];
	const refuse = (name: string, message: string): undefined => {
		const place = document.locateKey([name]);
		problems.push({ file: document.file, ...place, message, fix: 'write one of them without the others' });
	};
	const depthOf = (name: string, path: readonly string[]): number | undefined => {
		if (done.has(name)) return done.get(name);
		if (path.includes(name)) {
			const circle = [...path.slice(path.indexOf(name)), name].join(' → ');
			return refuse(name, `the helpers ${circle} refer to each other in a circle`);
		}
		const tooDeep = `the helpers under ${name} stand in each other more than ${maxDepth} deep`;
		if (path.length > maxDepth) return refuse(name, tooDeep);
		const used = new Set(leadingNames(trees.get(name) as Tree).map(each => each.name));
		let depth: number | undefined = 1;
		for (const each of used) {
			if (depth === undefined || !trees.has(each)) continue;
			const below = depthOf(each, [...path, name]);
			depth = below === undefined ? undefined : Math.max(depth, below + 1);
		}
		if (depth !== undefined && depth > maxDepth) depth = refuse(name, tooDeep);
		done.set(name, depth);
		if (depth !== undefined) order.push(name);
		return depth;
	};
	for (const name of trees.keys()) depthOf(name, []);
	return order;
}
