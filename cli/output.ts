import { styleText } from 'node:util';
import type { CliContext } from './context.ts';
import { visible, visibleJson } from './visible.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (style: Style, text: string) => string;

/** Colours for a terminal; plain text elsewhere, and where NO_COLOR (no-color.org) or a dumb terminal asks. */
export function painter(context: CliContext, stream: 'stdout' | 'stderr' = 'stdout'): Paint {
	const plain = !context[stream].isTTY || Boolean(context.env.NO_COLOR) || context.env.TERM === 'dumb';
	return (style, text) => (plain ? text : styleText(style, text, { validateStream: false }));
}

/** The one JSON document of `--json` (and of a Redfish answer). */
export function printJson(context: CliContext, value: unknown): void {
	context.stdout.write(`${visibleJson(value)}\n`);
}

export function printLine(context: CliContext, line = ''): void {
	context.stdout.write(`${line}\n`);
}

/** Rows under bold headings, without lines; cells may be painted, and are made safe to show before. */
export async function printTable(
	context: CliContext,
	headings: readonly string[],
	rows: readonly (readonly string[])[],
): Promise<void> {
	const { default: Table } = await import('cli-table3');
	const paint = painter(context);
	const table = new Table({
		head: headings.map(heading => paint('bold', heading)),
		chars: {
			top: '',
			'top-mid': '',
			'top-left': '',
			'top-right': '',
			bottom: '',
			'bottom-mid': '',
			'bottom-left': '',
			'bottom-right': '',
			left: '',
			'left-mid': '',
			mid: '',
			'mid-mid': '',
			right: '',
			'right-mid': '',
			middle: '  ',
		},
		style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
	});
	table.push(...rows.map(row => [...row]));
	for (const line of table.toString().split('\n')) printLine(context, line.trimEnd());
}

/** `label   value` lines with the labels under each other. */
export function printFields(
	context: CliContext,
	fields: readonly (readonly [label: string, value: string])[],
): void {
	const paint = painter(context);
	const width = Math.max(...fields.map(([label]) => label.length));
	for (const [label, value] of fields) {
		const [first = '', ...more] = value.split('\n');
		printLine(context, `${paint('dim', label.padEnd(width))}  ${first}`.trimEnd());
		for (const line of more) printLine(context, `${' '.repeat(width)}  ${line}`);
	}
}

/** `in 14 min`, `3 s ago`: a moment as seen from now, both in milliseconds since the epoch. */
export function relativeTime(moment: number, now: number): string {
	const seconds = Math.round(Math.abs(moment - now) / 1000);
	const [amount, unit] =
		seconds < 100
			? [seconds, 's']
			: seconds < 6000
				? [Math.round(seconds / 60), 'min']
				: seconds < 172_800
					? [Math.round(seconds / 3600), 'h']
					: [Math.round(seconds / 86_400), 'days'];
	return moment > now ? `in ${amount} ${unit}` : `${amount} ${unit} ago`;
}

/** A moment for people: ISO 8601 without the milliseconds that nobody asked for. */
export const dateText = (moment: string): string => moment.replace(/\.\d+(?=Z$)/, '');

/** At most `width` characters of text that is safe to show. */
export function short(text: string, width: number): string {
	const safe = visible(text);
	return safe.length <= width ? safe : `${safe.slice(0, width - 1)}…`;
}
