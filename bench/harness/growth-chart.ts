import type { BenchResult } from './bench-case.ts';
import { escapeXml, niceStep, round, text } from './svg-text.ts';

const panel = { width: 300, height: 220, left: 46, right: 14, top: 44, bottom: 38 };

/**
 * A case whose sides are named by their size ("80 BMCs") as a picture: a panel for each figure, size on a
 * logarithmic axis, the measured value at each size.
 * @returns an SVG document
 */
export function drawGrowth(results: readonly BenchResult[]): string {
	const [first] = results;
	if (!first) throw new Error('nothing was measured');
	const figures = [...new Set(results.map(result => result.case))];
	const panels = figures.map((name, i) =>
		drawPanel(
			results.filter(result => result.case === name),
			i * panel.width,
		),
	);
	const width = panel.width * figures.length;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${panel.height}" width="${width}" height="${panel.height}" font-family="sans-serif" font-size="11" fill="#333">`,
		`<title>${escapeXml(`Cost by ${first.case}`)}</title>`,
		`<rect width="${width}" height="${panel.height}" fill="#fff"/>`,
		...panels,
		'</svg>',
		'',
	].join('\n');
}

interface Point {
	readonly size: number;
	readonly value: number;
}

function pointsOf(results: readonly BenchResult[]): Point[] {
	const [first] = results;
	if (!first) return [];
	const points = results.map(({ peer, peerValue }) => ({ size: sizeOf(peer), value: peerValue }));
	return [...points, { size: sizeOf(first.ours), value: first.value }].sort((a, b) => a.size - b.size);
}

function sizeOf(name: string): number {
	const size = Number.parseInt(name, 10);
	if (!(size > 0)) throw new Error(`${name} does not begin with its size`);
	return size;
}

function drawPanel(results: readonly BenchResult[], x0: number): string {
	const [first] = results;
	const points = pointsOf(results);
	const smallest = points[0]?.size ?? 1;
	const largest = points.at(-1)?.size ?? 1;
	const step = niceStep(Math.max(...points.map(({ value }) => value)) / 3);
	const highest = step * Math.ceil(Math.max(...points.map(({ value }) => value)) / step);
	const x = (size: number) =>
		panel.left +
		(Math.log(size / smallest) / Math.log(largest / smallest)) * (panel.width - panel.left - panel.right);
	const bottom = panel.height - panel.bottom;
	const y = (value: number) => bottom - (value / highest) * (bottom - panel.top);
	const ticks = Array.from({ length: Math.round(highest / step) + 1 }, (_, i) => i * step);
	const [, what = ''] = /\d+ (.*)/.exec(first?.ours ?? '') ?? [];
	const name = first?.case.split(', ').slice(1).join(', ') ?? '';
	return [
		`<g transform="translate(${x0} 0)">`,
		text(
			panel.left,
			20,
			[name, first?.unit ?? ''].filter(part => part !== '').join(', '),
			'font-weight="bold"',
		),
		...ticks.flatMap(tick => [
			`<line x1="${panel.left}" x2="${panel.width - panel.right}" y1="${round(y(tick))}" y2="${round(y(tick))}" stroke="#ddd"/>`,
			text(panel.left - 6, y(tick) + 4, label(tick), 'text-anchor="end"'),
		]),
		`<polyline fill="none" stroke="#1f6fb4" stroke-width="2" points="${points.map(({ size, value }) => `${round(x(size))},${round(y(value))}`).join(' ')}"/>`,
		...points.flatMap(({ size, value }) => [
			`<circle cx="${round(x(size))}" cy="${round(y(value))}" r="3.5" fill="#1f6fb4"/>`,
			text(
				x(size),
				y(value) - 8,
				label(value),
				`text-anchor="${size === largest ? 'end' : size === smallest ? 'start' : 'middle'}"`,
			),
			text(
				x(size),
				bottom + 16,
				// Long numbers would run into each other.
				size.toLocaleString('en', largest >= 100_000 ? { notation: 'compact' } : {}),
				`text-anchor="${size === largest ? 'end' : 'middle'}"`,
			),
		]),
		text((panel.left + panel.width - panel.right) / 2, panel.height - 6, what, 'text-anchor="middle"'),
		'</g>',
	].join('\n');
}

const label = (value: number): string =>
	value === 0
		? '0'
		: value >= 100
			? Math.round(value).toLocaleString('en')
			: String(Number(value.toPrecision(2)));
