const frame = { width: 720, height: 240, left: 56, right: 12, top: 12, bottom: 28 };

export interface Line {
	readonly name: string;
	/** One for each day; a gap where there is none. */
	readonly values: readonly (number | undefined)[];
	/** Where it was at least and at most, over several runs. */
	readonly band?: { readonly low: Line['values']; readonly high: Line['values'] } | undefined;
	/** Which of the page's colours, from 0. */
	readonly colour: number;
}

/** Lines over the days of a simulation, as an SVG that takes its colours from the page. `unit` is said at the upper end. */
export function lineChart(lines: readonly Line[], { start, unit }: { start: string; unit: string }): string {
	const days = Math.max(...lines.map(({ values }) => values.length));
	const highest = Math.max(
		...lines.flatMap(({ values, band }) => (band?.high ?? values).map(value => value ?? 0)),
		1e-9,
	);
	const step = niceStep(highest / 4);
	const top = step * Math.ceil(highest / step);
	const x = (n: number): number => frame.left + ((n + 0.5) / days) * (frame.width - frame.left - frame.right);
	const y = (value: number): number =>
		frame.height - frame.bottom - (value / top) * (frame.height - frame.top - frame.bottom);
	const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, n) => n * step);
	return svg([
		...ticks.map(tick => {
			const at = round(y(tick));
			return (
				`<line class="grid" x1="${frame.left}" x2="${frame.width - frame.right}" y1="${at}" y2="${at}"/>` +
				text(frame.left - 6, at + 4, `${short(tick)}${tick === top ? ` ${unit}` : ''}`, 'end')
			);
		}),
		...months(start, days).map(({ name, day }) => text(x(day), frame.height - 8, name, 'start')),
		...lines.flatMap(({ band, colour }) =>
			band ? [`<path class="c${colour} band" d="${bandOf(band, x, y)}"/>`] : [],
		),
		...lines.map(
			({ values, colour, name }) =>
				`<path class="c${colour} line" d="${pathOf(values, x, y)}"><title>${escapeHtml(name)}</title></path>`,
		),
	]);
}

export interface Bars {
	readonly name: string;
	/** One for each regime; undefined where it means nothing. */
	readonly values: readonly (number | undefined)[];
	/** From the least to the most, over several runs. */
	readonly ranges?: readonly (readonly [number, number] | undefined)[];
	/** What is written at their ends. */
	readonly labels: readonly string[];
}

/** Groups of bars, one group below the other. */
export function barChart(groups: readonly Bars[]): string {
	const bar = 16;
	const left = 110;
	const labels = 190;
	const highest = Math.max(
		...groups.flatMap(({ values, ranges = [] }) => [
			...values.map(value => value ?? 0),
			...ranges.map(range => range?.[1] ?? 0),
		]),
		1e-9,
	);
	const scaled = (value: number): number => round((value / highest) * (frame.width - left - labels));
	let y = 4;
	const parts: string[] = [];
	for (const { name, values, ranges, labels: said } of groups) {
		parts.push(text(left - 8, y + (values.length * bar) / 2 + 4, name, 'end'));
		for (const [n, value] of values.entries()) {
			if (value === undefined) continue;
			const width = scaled(value);
			const range = ranges?.[n];
			const middle = y + n * bar + (bar - 3) / 2;
			parts.push(
				`<rect class="c${n} bar" x="${left}" y="${y + n * bar}" width="${Math.max(1, width)}" height="${bar - 3}"/>`,
				text(
					left + Math.max(width, range ? scaled(range[1]) : 0) + 6,
					y + n * bar + bar - 5,
					said[n] ?? '',
					'start',
				),
			);
			if (range && range[0] < range[1])
				parts.push(
					`<path class="range" d="M${left + scaled(range[0])} ${middle}H${left + scaled(range[1])}"/>`,
				);
		}
		y += values.length * bar + 12;
	}
	return svg(parts, y);
}

const svg = (parts: readonly string[], height = frame.height): string =>
	`<svg viewBox="0 0 ${frame.width} ${height}" role="img">${parts.join('')}</svg>`;

function pathOf(
	values: readonly (number | undefined)[],
	x: (n: number) => number,
	y: (value: number) => number,
): string {
	let path = '';
	let isDown = false;
	for (const [n, value] of values.entries()) {
		if (value !== undefined) path += `${isDown ? 'L' : 'M'}${round(x(n))} ${round(y(value))}`;
		isDown = value !== undefined;
	}
	return path;
}

function bandOf(
	{ low, high }: NonNullable<Line['band']>,
	x: (n: number) => number,
	y: (value: number) => number,
): string {
	// One area for each stretch without a gap: there along the upper edge, and back along the lower one.
	let path = '';
	let stretch: number[] = [];
	const end = (): void => {
		const there = stretch.map(n => `${round(x(n))} ${round(y(high[n] ?? 0))}`);
		const back = stretch.toReversed().map(n => `${round(x(n))} ${round(y(low[n] ?? 0))}`);
		if (stretch.length > 0) path += `M${[...there, ...back].join('L')}Z`;
		stretch = [];
	};
	for (const n of high.keys()) {
		if (high[n] === undefined || low[n] === undefined) end();
		else stretch.push(n);
	}
	end();
	return path;
}

/** Where each month begins, or every third one when there are many. */
function months(start: string, days: number): { readonly name: string; readonly day: number }[] {
	const found: { name: string; day: number }[] = [];
	for (let day = 0; day < days; day++) {
		const at = new Date(Date.parse(start) + day * 86_400_000);
		if (at.getUTCDate() === 1 || day === 0)
			found.push({ name: at.toLocaleString('en', { month: 'short', timeZone: 'UTC' }), day });
	}
	// One that begins at the very end would be cut off.
	return found.filter(({ day }, n) => n % Math.ceil(found.length / 13) === 0 && day < days * 0.96);
}

const text = (x: number, y: number, content: string, anchor: 'start' | 'end'): string =>
	`<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeHtml(content)}</text>`;

const round = (value: number): number => Math.round(value * 10) / 10;

/** 1, 2 or 5 times a power of ten, not below `least`. */
function niceStep(least: number): number {
	const power = 10 ** Math.floor(Math.log10(least));
	return (([1, 2, 5].find(factor => factor * power >= least) ?? 10) as number) * power;
}

export const short = (value: number): string =>
	value >= 1e6
		? `${Number((value / 1e6).toPrecision(3))} M`
		: value >= 1e4
			? `${Number((value / 1e3).toPrecision(3))} k`
			: String(Number(value.toPrecision(3)));

export const escapeHtml = (content: string): string =>
	content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
