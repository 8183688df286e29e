import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { compileCondition, maxSteps } from '../expression/compile.ts';
import type { Tree } from '../expression/tree.ts';
import { substitute } from './formula.ts';
import type { Shape } from './shape.ts';

export type Scalar = null | boolean | number | string;

/** One value that stands for a stretch of them, on which every regular tree gives the same. */
export interface Cell {
	readonly value: Scalar;
	/** The stretch is this value alone. */
	readonly point: boolean;
	/** Lies within another cell's stretch: worth trying, but proves nothing. */
	readonly extra: boolean;
	/** Of numbers: the ends of the stretch; they belong to it when it is a point, or of whole numbers. */
	readonly from: number;
	readonly to: number;
}

export type Range = 'number' | 'whole' | 'truth' | 'any';

/** What a fold can give; `any` for a single value, of which nothing is known. */
export function rangeOf(fold: string | undefined): Range {
	switch (fold) {
		case undefined:
		case 'WEEKDAY':
			return 'any';
		case 'ANY':
		case 'ALL':
			return 'truth';
		case 'COUNT':
		case 'LEN':
		case 'HOUR':
		case 'EXECUTED':
			return 'whole';
		default:
			return 'number';
	}
}

/** Cells that together hold every value of the range (and some extra ones). */
export function cellsOf(range: Range, shape: Shape): readonly Cell[] {
	const middles = shape.zones.map(([from, to]) => tidy(from / 2 + to / 2));
	const places = [...new Set([...shape.numbers, ...shape.zones.flat(), ...middles])].sort((a, b) => a - b);
	switch (range) {
		case 'truth':
			return [true, false].map(cellOfPoint);
		case 'whole':
			return wholeCells(places);
		case 'number':
			return numberCells(places);
		case 'any':
			return [...numberCells(places), ...textCells(shape), ...[true, false, null].map(cellOfPoint)];
	}
}

/** Where a zone was computed around, without what rounding added. */
const tidy = (value: number): number => Number(value.toPrecision(12));

const nowhere = { from: Number.NaN, to: Number.NaN };
export const cellOfPoint = (value: Scalar): Cell =>
	typeof value === 'number'
		? { value, point: true, extra: false, from: value, to: value }
		: { value, point: true, extra: false, ...nowhere };
const stretch = (value: number, from: number, to: number): Cell => ({
	value,
	point: false,
	extra: false,
	from,
	to,
});

function numberCells(places: readonly number[]): Cell[] {
	const first = places[0];
	const last = places.at(-1);
	if (first === undefined || last === undefined) {
		return [stretch(1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)];
	}
	const cells: Cell[] = [stretch(beside(first, -1), Number.NEGATIVE_INFINITY, first)];
	for (const [i, place] of places.entries()) {
		cells.push(cellOfPoint(place));
		const next = places[i + 1];
		if (next === undefined) continue;
		const middle = between(place, next);
		if (middle !== undefined) cells.push(stretch(middle, place, next));
	}
	return [...cells, stretch(beside(last, 1), last, Number.POSITIVE_INFINITY)];
}

const beside = (place: number, sign: number): number => {
	const near = Math.abs(place) < 1e15 ? Math.floor(place) + sign : place + sign * Math.abs(place);
	return sign > 0 ? Math.max(near, Math.ceil(place + 1e-6)) : near;
};

/** A number between two, a whole one if there is one; undefined when there is none. */
function between(a: number, b: number): number | undefined {
	const middle = a / 2 + b / 2;
	for (const candidate of [Math.round(middle), Math.floor(a) + 1, middle]) {
		if (candidate > a && candidate < b) return candidate;
	}
	return undefined;
}

function wholeCells(places: readonly number[]): Cell[] {
	const values = places.flatMap(place => [Math.floor(place) - 1, Math.floor(place), Math.floor(place) + 1]);
	const known = [...new Set([0, ...values])]
		.filter(value => value >= 0 && Number.isSafeInteger(value))
		.sort((a, b) => a - b);
	return known.map((value, i) => {
		const to = (known[i + 1] ?? Number.POSITIVE_INFINITY) - 1;
		return { value, point: to === value, extra: false, from: value, to };
	});
}

function textCells(shape: Shape): Cell[] {
	const texts = [...new Set(shape.texts)];
	let other = 'other';
	while (texts.some(text => text.toLowerCase().includes(other))) other += '-other';
	const cells: Cell[] = texts.map(cellOfPoint);
	cells.push({ value: other, point: false, extra: false, ...nowhere });
	if (shape.regular) return cells;
	// For CONTAINS, STARTSWITH and ENDSWITH: whatever begins, holds and ends as any of them asks for.
	const [a = ''] = texts;
	const made = [
		'',
		texts.join(''),
		[...texts].reverse().join(''),
		...texts.flatMap(text => [`${text}${other}`, `${other}${text}`, text.toUpperCase(), text.toLowerCase()]),
		...texts.map(text => `${a}${other}${text}`),
	];
	return [...cells, ...[...new Set(made)].map(value => ({ value, point: false, extra: true, ...nowhere }))];
}

/** A tree as a function of one of its variables, which is a value or a list; undefined where it is not decided. */
export type TruthOf = (value: Scalar | readonly Scalar[]) => boolean | undefined;

/** The evaluator's own answer, compiled once. */
export function truthOf(tree: Tree, key: string): TruthOf {
	const replaced = substitute(tree, key, { kind: 'path', names: [{ name: 'value', offset: 0 }] });
	try {
		const compiled = compileCondition<JsonValue>(replaced, names => {
			if (names.length !== 1 || names[0]?.name !== 'value') throw new Error('another variable');
			return { taken: 1, read: value => value };
		});
		const trace = new Array<undefined>(compiled.traced.length);
		return value => {
			try {
				const result = compiled.evaluate({ input: value, steps: maxSteps, trace: [...trace] });
				return typeof result === 'boolean' ? result : undefined;
			} catch {
				return undefined;
			}
		};
	} catch {
		return () => undefined;
	}
}
