import type { BenchResult } from './bench-case.ts';
import { escapeXml, niceStep, round, text } from './svg-text.ts';

/** What a side went through, in order. */
interface Bar {
	readonly side: string;
	readonly stages: readonly { readonly name: string; readonly seconds: number }[];
	readonly total: number;
}

const layout = { width: 760, left: 150, right: 60, top: 40, bar: 26, gap: 18, legend: 22 };
/** Far apart in lightness from one to the next, and to be told apart by those who see fewer colours (Okabe and Ito). */
const colours = [
	...['#0072b2', '#e69f00', '#56b4e9', '#d55e00', '#009e73'],
	...['#cc79a7', '#f0e442', '#8c8c8c', '#5e3c99'],
];

/**
 * A case whose figures are stages in seconds, and their sum under no name, as a picture: a bar for each side, made of its stages
 * in the order of the figures. It is its own paper: to be read on a dark page as well.
 * @returns an SVG document
 */
export function drawStages(results: readonly BenchResult[]): string {
	const bars = barsOf(results);
	const [first] = results;
	if (!first) throw new Error('nothing was measured');
	const drawn = new Set(bars.flatMap(({ stages }) => stages.map(({ name }) => name)));
	// From the end: what every boot ends with has the same colour in every picture.
	const names = stagesOf(results).reverse();
	const colourOf = new Map(names.map((name, index) => [name, colours[index % colours.length] ?? '']));
	const legend = names.filter(name => drawn.has(name)).reverse();
	const longest = Math.max(...bars.map(({ total }) => total));
	const step = niceStep(longest / 6);
	const inner = layout.width - layout.left - layout.right;
	const x = (seconds: number): number => layout.left + (seconds / longest) * inner;
	const bottom = layout.top + bars.length * (layout.bar + layout.gap);
	const rows = Math.ceil(legend.length / perRow);
	const height = bottom + 30 + rows * layout.legend;
	const ticks = Array.from({ length: Math.floor(longest / step) + 1 }, (_, index) => index * step);
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${layout.width} ${height}" width="${layout.width}" height="${height}" font-family="sans-serif" font-size="12" fill="#222">`,
		`<title>${escapeXml(`Stages of a ${first.case}`)}</title>`,
		`<rect width="${layout.width}" height="${height}" fill="#fff"/>`,
		text(layout.left, 22, 'seconds', 'font-weight="bold"'),
		...ticks.flatMap(tick => [
			`<line x1="${round(x(tick))}" x2="${round(x(tick))}" y1="${layout.top - 8}" y2="${bottom}" stroke="#ddd"/>`,
			text(x(tick), bottom + 14, String(round(tick)), 'text-anchor="middle"'),
		]),
		...bars.flatMap((bar, index) =>
			drawBar(bar, layout.top + index * (layout.bar + layout.gap), x, colourOf),
		),
		...legend.flatMap((name, index) => {
			const at = layout.left + (index % perRow) * (inner / perRow);
			const y = bottom + 40 + Math.floor(index / perRow) * layout.legend;
			return [
				`<rect x="${round(at)}" y="${y - 10}" width="12" height="12" fill="${colourOf.get(name)}"/>`,
				text(at + 18, y, name, ''),
			];
		}),
		'</svg>',
		'',
	].join('\n');
}

/** Entries of the legend beside each other. */
const perRow = 5;

function drawBar(
	{ side, stages, total }: Bar,
	y: number,
	x: (seconds: number) => number,
	colourOf: ReadonlyMap<string, string>,
): string[] {
	let from = 0;
	const middle = y + layout.bar / 2 + 4;
	const parts = stages.map(({ name, seconds }) => {
		const [left, right] = [x(from), x(from + seconds)];
		from += seconds;
		return `<rect x="${round(left)}" y="${y}" width="${round(right - left)}" height="${layout.bar}" fill="${colourOf.get(name)}"><title>${escapeXml(`${name}: ${label(seconds)} s`)}</title></rect>`;
	});
	return [
		text(layout.left - 10, middle, side, 'text-anchor="end"'),
		...parts,
		text(x(total) + 6, middle, label(total), 'font-weight="bold"'),
	];
}

/** Names of the figures that are stages: whatever else the case has is of another unit, or its sum. */
function stagesOf(results: readonly BenchResult[]): string[] {
	const [first] = results;
	const own = results.filter(({ unit }) => unit === 's').map(({ case: name }) => name);
	return [...new Set(own)].flatMap(name =>
		first && name !== first.case ? [name.slice(first.case.length + 2)] : [],
	);
}

function barsOf(results: readonly BenchResult[]): Bar[] {
	const [first] = results;
	const peers = [...new Set(results.map(({ peer }) => peer))];
	const bar = (side: string, measured: (result: BenchResult) => number, of: readonly BenchResult[]): Bar => {
		const stages = stagesOf(results).flatMap(name => {
			const found = of.find(result => result.case === `${first?.case}, ${name}`);
			const seconds = found ? measured(found) : 0;
			return seconds > 0 ? [{ name, seconds }] : [];
		});
		// The median of sums is not the sum of medians: what is drawn is as long as it says.
		return { side, stages, total: stages.reduce((sum, { seconds }) => sum + seconds, 0) };
	};
	return [
		...(first ? [bar(first.ours, ({ value }) => value, results)] : []),
		...peers.map(peer =>
			bar(
				peer,
				({ peerValue }) => peerValue,
				results.filter(result => result.peer === peer),
			),
		),
	];
}

const label = (seconds: number): string =>
	seconds >= 1 ? seconds.toFixed(1) : String(Number(seconds.toPrecision(2)));
