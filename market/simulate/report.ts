import { barChart, escapeHtml, type Line, lineChart, short } from './charts.ts';
import type { Played } from './play.ts';
import type { Spread, Summary } from './summary.ts';

/**
 * A page of its own, without scripts or anything from elsewhere; light or dark, as the reader's system is. `all`: each way of sharing
 * as it went for each seed.
 */
export function reportPage(summary: Summary, all: readonly (readonly Played[])[]): string {
	const { scenario, seeds, start, days, regimes } = summary;
	const markets = all.find(([first]) => first?.regime === 'market') ?? [];
	const projects = regimes[0]?.participants.map(({ project }) => project) ?? [];
	const names = regimes.map(({ regime }) => regime);
	const of = (regime: number, project: string) =>
		regimes[regime]?.participants.find(each => each.project === project);

	const overview = table(
		['', 'worth of what was done', 'servers at work', 'leases', 'jobs that never began'],
		regimes.map(({ regime, value, utilisation, leases, participants }) => [
			regime,
			`${spreadText(value, short)} credits`,
			spreadText(utilisation, percent),
			spreadText(leases, short),
			participants
				.flatMap(({ project, jobs }) => (jobs ? `${project} ${spreadText(jobs.lost, short)}` : []))
				.join(', '),
		]),
	);
	const bars = (project: string, value: (n: number) => Spread | undefined, label: (n: number) => string) => ({
		name: project,
		values: regimes.map((_, n) => value(n)?.mean),
		ranges: regimes.map((_, n) => {
			const spread = value(n);
			return spread && ([spread.least, spread.most] as const);
		}),
		labels: regimes.map((_, n) => label(n)),
	});
	const value = barChart(
		projects.map(project =>
			bars(
				project,
				n => of(n, project)?.value,
				n => `${short(of(n, project)?.value.mean ?? 0)} credits`,
			),
		),
	);
	const withJobs = projects.filter(project => of(0, project)?.jobs);
	const waiting = barChart(
		withJobs.map(project =>
			bars(
				project,
				n => of(n, project)?.jobs?.meanWait,
				n => {
					const jobs = of(n, project)?.jobs;
					if (!jobs) return '';
					const [lost, known] = [jobs.lost.mean, jobs.lost.mean + jobs.begun.mean];
					return `${jobs.begun.most > 0 ? `${short(jobs.meanWait.mean)} h; ` : ''}${short(lost)} of ${short(known)} never`;
				},
			),
		),
	);
	const weekly = (values: readonly number[]): number[] =>
		values.map((_, n) => mean(values.slice(Math.max(0, n - 6), n + 1)));
	const utilisation = lineChart(
		all.map((runs, colour) => ({
			name: names[colour] ?? '',
			colour,
			...overSeeds(runs.map(each => weekly(each.utilisation).map(share => share * 100))),
		})),
		{ start, unit: '%' },
	);
	const prices = lineChart([{ name: 'price', colour: 2, ...overSeeds(markets.map(each => each.prices)) }], {
		start,
		unit: 'µ/s',
	});
	const credits = lineChart(
		projects.map((project, n) => ({
			name: project,
			colour: n + 3,
			...overSeeds(markets.map(({ participants }) => participants[n]?.credits ?? [])),
		})),
		{ start, unit: '' },
	);
	const chart = (title: string, about: string, legend: string, drawing: string): string =>
		`<section><h2>${escapeHtml(title)}</h2><p>${escapeHtml(about)}</p>${legend}${drawing}</section>`;
	const byRegime = legendOf(names, 0);
	return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(scenario)}: three ways to share</title><style>${style}</style></head><body><main>
<h1>${escapeHtml(scenario)}: three ways to share</h1>
<p>${days} days from ${escapeHtml(start)}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${escapeHtml(seeds.join(', '))}. All demand is made up, by the numbers in the scenario; with the
same seed it is the same all three times.${seeds.length === 1 ? '' : ' Numbers are means over the seeds, with the least and the most of them; so are lines, and the pale areas and thin lines around them.'}</p>
${overview}
${chart('What it was worth', 'Servers at work, times what a second of one is worth to the project that has it.', byRegime, value)}
${chart('Utilisation', 'Share of all servers that are at work, mean of seven days.', byRegime, utilisation)}
${chart('Waiting', 'Hours from when a job could have begun until it did, mean of those that began; and how many never did in time.', byRegime, waiting)}
${chart('Prices on the market', 'Microcredits for a second of a server, mean of what was leased each day.', '', prices)}
${chart('Credits on the market', 'What each project has at the end of each day, with what is held for its leases and bids.', legendOf(projects, 3), credits)}
</main></body></html>
`;
}

const percent = (part: number): string => `${Math.round(part * 1000) / 10} %`;

/** `8.4 M (8.1 M to 8.6 M)`; without the range when there is none. */
const spreadText = ({ mean: middle, least, most }: Spread, text: (value: number) => string): string =>
	text(least) === text(most) ? text(middle) : `${text(middle)} (${text(least)} to ${text(most)})`;

/** The mean of several runs on each day, of those that have a value on it; and between which it was. */
function overSeeds(runs: readonly (readonly (number | undefined)[])[]): Pick<Line, 'values' | 'band'> {
	const byDay = (runs[0] ?? []).map((_, n) => runs.flatMap(run => run[n] ?? []));
	const each = (of: (values: readonly number[]) => number) =>
		byDay.map(values => (values.length === 0 ? undefined : of(values)));
	const values = each(mean);
	if (runs.length === 1) return { values };
	return { values, band: { low: each(all => Math.min(...all)), high: each(all => Math.max(...all)) } };
}

const mean = (values: readonly number[]): number =>
	values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length);

const legendOf = (names: readonly string[], from: number): string =>
	`<p class="legend">${names.map((name, n) => `<span><i class="c${n + from}"></i>${escapeHtml(name)}</span>`).join(' ')}</p>`;

const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
	`<table><tr>${headings.map(each => `<th>${escapeHtml(each)}</th>`).join('')}</tr>${rows
		.map(row => `<tr>${row.map(each => `<td>${escapeHtml(each)}</td>`).join('')}</tr>`)
		.join('')}</table>`;

/** The first three are the regimes', then the projects' (colours that also the colour-blind tell apart: Okabe and Ito 2008). */
const light = [
	'#888',
	'#c55a00',
	'#0067a5',
	'#0067a5',
	'#c55a00',
	'#00805f',
	'#b0508a',
	'#8a7a00',
	'#3a9bd4',
];
const dark = ['#999', '#e69f00', '#56b4e9', '#56b4e9', '#e69f00', '#2fc39b', '#d88bb8', '#e5d84a', '#8fb7ff'];
const colours = (all: readonly string[]): string => all.map((colour, n) => `.c${n}{--c:${colour}}`).join('');
const style = `:root{color-scheme:light dark;--ink:#222;--paper:#fff;--rule:#ddd;--quiet:#666}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
main{max-width:760px;margin:0 auto;padding:24px 20px 60px}h1{font-size:24px}h2{font-size:17px;margin:32px 0 2px}
p{margin:4px 0 8px}section p{color:var(--quiet)}table{border-collapse:collapse;margin:14px 0}
th,td{text-align:right;padding:4px 14px 4px 0;border-bottom:1px solid var(--rule)}th:first-child,td:first-child{text-align:left;white-space:nowrap}
svg{width:100%;height:auto;display:block}text{font-size:11px;fill:var(--quiet)}.grid{stroke:var(--rule)}
.band{fill:var(--c);opacity:.18}.range{stroke:var(--ink);stroke-width:1.2;fill:none}
.line{fill:none;stroke:var(--c);stroke-width:1.7;stroke-linejoin:round}.bar,i{fill:var(--c)}
.legend span{margin-right:16px;white-space:nowrap}.legend i{display:inline-block;width:11px;height:11px;margin-right:5px;background:var(--c)}
${colours(light)}
@media (prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181b;--rule:#35393e;--quiet:#a3a8ae}${colours(dark)}}`;
