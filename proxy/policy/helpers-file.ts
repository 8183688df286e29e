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

/** Every helper after those that it uses; those that refer to each other in a circle are problems and left out. */
function inOrder(
	document: YamlDocument,
	trees: ReadonlyMap<string, Tree>,
	problems: ConfigProblem[],
): readonly string[] {
	const done = new Map<string, boolean>();
	const order: string[] = [];
	const visit = (name: string, path: readonly string[]): boolean => {
		const known = done.get(name);
		if (known !== undefined) return known;
		if (path.includes(name)) {
			const circle = [...path.slice(path.indexOf(name)), name].join(' → ');
			problems.push({
				file: document.file,
				...document.locateKey([name]),
				message: `the helpers ${circle} refer to each other in a circle`,
				fix: 'write one of them without the others',
			});
			return false;
		}
		const tree = trees.get(name) as Tree;
		const used = new Set(leadingNames(tree).map(each => each.name));
		const right = [...used].filter(each => trees.has(each)).every(each => visit(each, [...path, name]));
		if (!done.has(name)) {
			done.set(name, right);
			if (right) order.push(name);
		}
		return right;
	};
	for (const name of trees.keys()) visit(name, []);
	return order;
}
