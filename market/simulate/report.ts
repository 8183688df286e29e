import { barChart, escapeHtml, lineChart, short } from './charts.ts';
import type { Played } from './play.ts';
import type { Summary } from './summary.ts';

/** A page of its own, without scripts or anything from elsewhere; light or dark, as the reader's system is. */
export function reportPage(summary: Summary, all: readonly Played[]): string {
	const { scenario, seed, start, days, regimes } = summary;
	const market = all.find(({ regime }) => regime === 'market');
	const projects = regimes[0]?.participants.map(({ project }) => project) ?? [];
	const names = regimes.map(({ regime }) => regime);
	const of = (regime: number, project: string) =>
		regimes[regime]?.participants.find(each => each.project === project);
	const percent = (part: number): string => `${Math.round(part * 1000) / 10} %`;

	const overview = table(
		['', 'worth of what was done', 'servers at work', 'leases'],
		regimes.map(({ regime, value, utilisation, leases }) => [
			regime,
			`${short(value)} credits`,
			percent(utilisation),
			String(leases),
		]),
	);
	const value = barChart(
		projects.map(project => ({
			name: project,
			values: regimes.map((_, n) => of(n, project)?.value),
			labels: regimes.map((_, n) => `${short(of(n, project)?.value ?? 0)} credits`),
		})),
	);
	const withJobs = projects.filter(project => of(0, project)?.jobs);
	const waiting = barChart(
		withJobs.map(project => ({
			name: project,
			values: regimes.map((_, n) => of(n, project)?.jobs?.meanWait),
			labels: regimes.map((_, n) => {
				const jobs = of(n, project)?.jobs;
				return jobs ? `${short(jobs.meanWait)} h; ${jobs.lost} of ${jobs.begun + jobs.lost} never` : '';
			}),
		})),
	);
	const weekly = (values: readonly number[]): number[] =>
		values.map((_, n) => mean(values.slice(Math.max(0, n - 6), n + 1)));
	const utilisation = lineChart(
		all.map(({ regime, utilisation: values }, colour) => ({
			name: regime,
			colour,
			values: weekly(values).map(each => each * 100),
		})),
		{ start, unit: '%' },
	);
	const prices = lineChart([{ name: 'price', colour: 2, values: market?.prices ?? [] }], {
		start,
		unit: 'µ/s',
	});
	const credits = lineChart(
		(market?.participants ?? []).map(({ project, credits: values }, colour) => ({
			name: project,
			colour: colour + 3,
			values,
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
<p>${days} days from ${escapeHtml(start)}, seed ${escapeHtml(seed)}. All demand is made up, by the numbers in the scenario; it is the same
all three times.</p>
${overview}
${chart('What it was worth', 'Servers at work, times what a second of one is worth to the project that has it.', byRegime, value)}
${chart('Utilisation', 'Share of all servers that are at work, mean of seven days.', byRegime, utilisation)}
${chart('Waiting', 'Hours from when a job could have begun until it did, mean of those that began; and how many never did in time.', byRegime, waiting)}
${chart('Prices on the market', 'Microcredits for a second of a server, mean of what was leased each day.', '', prices)}
${chart('Credits on the market', 'What each project has at the end of each day, with what is held for its leases and bids.', legendOf(projects, 3), credits)}
</main></body></html>
`;
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
th,td{text-align:right;padding:4px 14px 4px 0;border-bottom:1px solid var(--rule)}th:first-child,td:first-child{text-align:left}
svg{width:100%;height:auto;display:block}text{font-size:11px;fill:var(--quiet)}.grid{stroke:var(--rule)}
.line{fill:none;stroke:var(--c);stroke-width:1.7;stroke-linejoin:round}.bar,i{fill:var(--c)}
.legend span{margin-right:16px;white-space:nowrap}.legend i{display:inline-block;width:11px;height:11px;margin-right:5px;background:var(--c)}
${colours(light)}
@media (prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181b;--rule:#35393e;--quiet:#a3a8ae}${colours(dark)}}`;
