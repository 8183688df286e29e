import { render, type Tree } from '../expression/tree.ts';
import type { Literal } from './alternatives.ts';
import { type Cell, cellsOf, type Scalar, truthOf } from './cells.ts';
import { pathsIn, type Variable } from './formula.ts';
import { couldBe, listsWith, type NumberFolds } from './number-folds.ts';
import { join, type Shape, shapeOf } from './shape.ts';
import { domainOf } from './variable-domain.ts';

/** Lists tried for one path, and lists looked at in a proof; beyond them the answer is "undecided". */
const maxLists = 20_000;
const maxOffered = 2000;
const numeric: ReadonlySet<string> = new Set(['SUM', 'MIN', 'MAX', 'AVG']);

/** All folds over the elements at one path, `External.PDU.Outlets.Power`. */
export interface ListDomain {
	readonly path: string;
	readonly names: readonly string[];
	readonly literals: readonly Literal[];
	/** Proved: no list gives what the literals want of it. */
	readonly impossible: boolean;
	/**
	 * Lists that give it, the short ones first.
	 * @param most how many elements of a kind to try at least
	 */
	lists(most: number): Iterable<readonly Scalar[]>;
	/** The largest number that a literal compares with. */
	readonly highest: number;
}

/** The one path whose elements a fold reads; undefined when there are several, or none. */
export function listPath(variable: Variable): { path: string; names: readonly string[] } | undefined {
	if (!variable.list) return undefined;
	const [path, ...more] = pathsIn(variable.list);
	if (!path || more.length > 0) return undefined;
	return { path: render(path), names: path.names.map(({ name }) => name) };
}

/**
 * @param folds the folds over the elements at `path`, each with the literals that read it alone
 */
export function listDomain(
	path: string,
	names: readonly string[],
	folds: readonly { readonly variable: Variable; readonly literals: readonly Literal[] }[],
): ListDomain {
	const literals = folds.flatMap(fold => fold.literals);
	const accepts = acceptsList(path, literals);
	const numbers = folds.filter(({ variable }) => isOfNumbers(variable, path, folds));
	const counts = folds.filter(({ variable }) => !numeric.has(variable.fold ?? ''));
	const alone = numbers.length === 0;
	return {
		path,
		names,
		literals,
		impossible:
			(numbers.length > 0 && !numberLists(withEnds(path, numbers, folds), 'possible').some(couldBe)) ||
			provesNoCount(path, alone ? counts : counts.filter(fold => !numbers.includes(fold))),
		highest: highestOf(counts),
		*lists(most) {
			const seen = new Set<string>();
			const offer = function* (lists: Iterable<readonly Scalar[]>): Generator<readonly Scalar[]> {
				let left = maxOffered;
				for (const list of lists) {
					if (left-- === 0) return;
					const key = JSON.stringify(list);
					if (seen.has(key) || !accepts(list)) continue;
					seen.add(key);
					yield list;
				}
			};
			if (!alone) for (const choice of numberLists(numbers, 'fitting')) yield* offer(listsWith(choice));
			if (!alone && counts.length > 0) yield* offer(mixedLists(path, folds));
			if (counts.length > 0) yield* offer(countedLists(path, counts, most).lists);
		},
	};
}

function acceptsList(path: string, literals: readonly Literal[]): (list: readonly Scalar[]) => boolean {
	const truths = literals.map(({ atom, wanted }) => ({ truth: truthOf(atom.tree, path), wanted }));
	return list => truths.every(({ truth, wanted }) => truth(list) === wanted);
}

interface Fold {
	readonly variable: Variable;
	readonly literals: readonly Literal[];
	/** What each element must be, so that the smallest and the largest of them must be it too. */
	readonly elements?: readonly Literal[];
}

const highestOf = (folds: readonly Fold[]): number => {
	const shape = join(folds.flatMap(({ variable, literals }) => shapesFor(variable.key, literals)));
	return Math.max(0, ...shape.numbers, ...shape.zones.flat());
};

/** What ALL (or the absence of any) says about each element, put on the smallest and on the largest. */
function withEnds(path: string, numbers: readonly Fold[], all: readonly Fold[]): readonly Fold[] {
	const elements = all.flatMap(({ variable: { key, fold, list }, literals }): Literal[] => {
		if (!list || !isCondition(list)) return [];
		const always = (wanted: boolean): Literal[] => [
			{ atom: { key: render(list), tree: list, variables: [], foreign: false }, wanted },
		];
		const wants = (value: boolean) =>
			literals.some(({ atom, wanted }) => atom.key === key && wanted === value);
		if (fold === 'ALL' && wants(true)) return always(true);
		if (fold === 'ANY' && wants(false)) return always(false);
		const isNone =
			fold === 'COUNT' &&
			domainOf({ key, fold, list }, literals).possible.every(({ value, to }) => value === 0 && to === 0);
		return isNone ? always(false) : [];
	});
	if (elements.length === 0) return numbers;
	const ends = ['MIN', 'MAX'].map((fold): Fold => {
		const key = `${fold}(${path})`;
		const before = numbers.find(({ variable }) => variable.key === key);
		return before ?? { variable: { key, fold, list: undefined }, literals: [] };
	});
	const others = numbers.filter(({ variable }) => !ends.some(end => end.variable.key === variable.key));
	return [...others, ...ends.map(end => ({ ...end, elements }))];
}

/** SUM and its kin of the elements themselves; then COUNT and LEN of the same say how many numbers there are. */
function isOfNumbers({ fold, list }: Variable, path: string, all: readonly Fold[]): boolean {
	const isPlain = (each: Variable) => each.list !== undefined && render(each.list) === path;
	if (!list || render(list) !== path) return false;
	if (numeric.has(fold ?? '')) return true;
	const besideNumbers = all.some(({ variable }) => numeric.has(variable.fold ?? '') && isPlain(variable));
	return besideNumbers && (fold === 'COUNT' || fold === 'LEN');
}

/** Every choice of one stretch for each fold; all are cut at the same places. */
function numberLists(folds: readonly Fold[], which: 'possible' | 'fitting'): NumberFolds[] {
	const path = folds.map(({ variable }) => /\((.*)\)$/s.exec(variable.key)?.[1] ?? '').at(0) ?? '';
	const cuts = join(
		folds.flatMap(({ variable, literals, elements = [] }) => [
			...shapesFor(variable.key, literals),
			...shapesFor(path, elements),
		]),
	);
	const domains = folds.map(({ variable, literals, elements = [] }) => {
		const own = domainOf(variable, literals, { cuts });
		const among = domainOf({ ...variable, key: path }, elements, { cuts, range: 'number' });
		const both = (cells: readonly Cell[], others: readonly Cell[]) =>
			cells.filter(cell => elements.length === 0 || others.some(({ value }) => value === cell.value));
		return {
			variable,
			possible: both(own.possible, among.possible),
			fitting: both(own.fitting, among.fitting),
		};
	});
	let choices: NumberFolds[] = [{}];
	for (const domain of domains) {
		const role = numeric.has(domain.variable.fold ?? '') ? (domain.variable.fold as 'SUM') : 'size';
		choices = choices.flatMap(choice => narrow(choice, role, domain[which]));
		// So many stretches that no proof is worth its time: all of them stay possible.
		if (choices.length > maxLists) return [{}];
	}
	return choices;
}

function narrow(choice: NumberFolds, role: keyof NumberFolds, cells: readonly Cell[]): NumberFolds[] {
	return cells.flatMap(cell => {
		const before = choice[role];
		// COUNT and LEN of one list are one number.
		if (before && before.value !== cell.value) return [];
		return [{ ...choice, [role]: cell }];
	});
}

const shapesFor = (key: string, literals: readonly Literal[]): Shape[] =>
	literals.map(({ atom }) => shapeOf(atom.tree, key));

/**
 * Lists made of one kind of element for each way in which the folded conditions can come out, as many of each as
 * any literal can tell apart.
 */
function countedLists(
	path: string,
	folds: readonly Fold[],
	atLeast = 0,
): { readonly lists: Iterable<readonly Scalar[]>; readonly isComplete: boolean } {
	const conditions = folds.flatMap(({ variable }) => (variable.list ? [variable.list] : []));
	const shapes = conditions.map(list => shapeOf(list, path));
	const own = join(folds.flatMap(({ variable, literals }) => shapesFor(variable.key, literals)));
	const judges = conditions.map(list =>
		isCondition(list)
			? truthOf({ kind: 'call', name: { name: 'ANY', offset: 0 }, args: [list] }, path)
			: undefined,
	);
	const kinds = new Map<string, Scalar>();
	for (const { value } of cellsOf('any', join(shapes))) {
		const signature = judges.map(judge =>
			judge ? judge([value]) : typeof value === 'boolean' ? value : typeof value,
		);
		// An element on which a condition has no value leaves the whole fold without one.
		if (signature.includes(undefined)) continue;
		const key = JSON.stringify(signature);
		if (!kinds.has(key)) kinds.set(key, value);
	}
	const elements = [...kinds.values()];
	const most = Math.max(atLeast, Math.ceil(highestOf(folds)) + 1);
	const size = (most + 1) ** elements.length;
	const isRegular =
		own.regular &&
		shapes.every(({ regular, zones }) => regular && zones.length === 0) &&
		conditions.every(list => isCondition(list) || render(list) === path);
	return { lists: multisets(elements, most), isComplete: isRegular && size <= maxLists };
}

/** Short lists of the numbers between which any condition on an element, or any limit on a fold, tells. */
function mixedLists(path: string, folds: readonly Fold[]): Iterable<readonly Scalar[]> {
	const shapes = folds.flatMap(({ variable, literals }) => [
		...shapesFor(variable.key, literals),
		...(variable.list ? [shapeOf(variable.list, path)] : []),
	]);
	const values = cellsOf('number', join([...shapes, { ...join([]), numbers: [0] }])).map(
		({ value }) => value,
	);
	return multisets(values.slice(0, 8), 4);
}

/** Whether a list is one of true and false, whatever its elements are. */
function isCondition(list: Tree): boolean {
	return (
		['compare', 'in', 'not', 'and', 'or'].includes(list.kind) ||
		(list.kind === 'call' && ['CONTAINS', 'STARTSWITH', 'ENDSWITH'].includes(list.name.name))
	);
}

/** The short lists first. */
function* multisets(elements: readonly Scalar[], most: number): Generator<readonly Scalar[]> {
	const longest = Math.min(4096, most * elements.length);
	for (let length = 0; length <= longest; length++) yield* ofLength(elements, most, length);
}

function* ofLength(elements: readonly Scalar[], most: number, length: number): Generator<readonly Scalar[]> {
	const [first, ...rest] = elements;
	if (first === undefined || length > most * elements.length) {
		if (length === 0) yield [];
		return;
	}
	for (let times = Math.min(most, length); times >= 0; times--) {
		for (const others of ofLength(rest, most, length - times)) {
			yield [...new Array<Scalar>(times).fill(first), ...others];
		}
	}
}

/**
 * A list with more elements of a kind than the largest number that any literal names, plus one, comes out like one
 * with just that many; so when all the shorter ones fail, every list does.
 */
function provesNoCount(path: string, folds: readonly Fold[]): boolean {
	if (folds.length === 0) return false;
	const { lists, isComplete } = countedLists(path, folds);
	if (!isComplete) return false;
	const accepts = acceptsList(
		path,
		folds.flatMap(fold => fold.literals),
	);
	for (const list of lists) if (accepts(list)) return false;
	return true;
}
