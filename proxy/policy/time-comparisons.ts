import { weekdays } from './expression/local-time.ts';
import { ExpressionSyntaxError } from './expression/outcome.ts';
import { temporalOf } from './expression/temporal.ts';
import { children, type Tree } from './expression/tree.ts';

/** What a function that reads the clock can be compared with; a typing mistake there would simply never be true. */
const shapes: Readonly<Record<string, { readonly shape: string; readonly fits: (text: string) => boolean }>> =
	{
		WEEKDAY: { shape: weekdays.join(', '), fits: text => weekdays.some(day => day === text) },
		CLOCK: { shape: 'a time of day like "07:30"', fits: text => temporalOf(text)?.kind === 'clock' },
		DATE: { shape: 'a day like "2026-12-24"', fits: text => temporalOf(text)?.kind === 'date' },
		NOW: { shape: 'a moment like "2026-12-24T22:05:00Z"', fits: text => temporalOf(text)?.kind === 'moment' },
	};

/** @throws ExpressionSyntaxError where the clock is compared with a text that it never shows. */
export function checkTimeComparisons(tree: Tree): void {
	if (tree.kind === 'compare' || tree.kind === 'in') {
		checkPair(tree.left, tree.right);
		checkPair(tree.right, tree.left);
	}
	if (tree.kind === 'call' && tree.name.name === 'BETWEEN') {
		const [value, ...ends] = tree.args;
		for (const end of ends) if (value) checkPair(value, end);
	}
	for (const child of children(tree)) checkTimeComparisons(child);
}

function checkPair(call: Tree, other: Tree): void {
	if (call.kind !== 'call' || !Object.hasOwn(shapes, call.name.name)) return;
	const { shape, fits } = shapes[call.name.name] ?? { shape: '', fits: () => true };
	for (const literal of other.kind === 'list' ? other.items : [other]) {
		if (literal.kind !== 'literal' || (typeof literal.value === 'string' && fits(literal.value))) continue;
		throw new ExpressionSyntaxError(
			call.name.offset,
			`${call.name.name} never is ${JSON.stringify(literal.value)?.slice(0, 60)}; write ${shape}`,
		);
	}
}
