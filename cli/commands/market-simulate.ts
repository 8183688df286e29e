import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type SimulationProgress, type Spread, simulate } from '../../market/simulate/simulate.ts';
import type { CliContext } from '../context.ts';
import { painter, printJson, printLine, printTable } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

export interface SimulateOptions {
	readonly out: string;
	readonly seed: string;
	/** How many. */
	readonly seeds: number;
	readonly days?: number;
	readonly json?: boolean;
}

/** `bimetal market simulate SCENARIO` */
export async function simulateMarket(
	context: CliContext,
	name: string,
	{ out, seed, seeds: count, days, json }: SimulateOptions,
): Promise<number> {
	const begun = context.clock.now();
	const progress = progressLine(context);
	const signal = context.interruption();
	const scenario = name.includes('/') || name.includes('.') ? resolve(context.cwd, name) : name;
	const seeds = Array.from({ length: count }, (_, n) => (n === 0 ? seed : `${seed}-${n + 1}`));
	let tenths = -1;
	const { summary, page, problems } = await simulate(scenario, {
		seeds,
		days,
		signal,
		onDay(done) {
			const part = Math.floor(done.share * 10);
			if (part === tenths && !context.stderr.isTTY) return;
			tenths = part;
			progress.show(progressText(done, count));
		},
	})
		.catch(fault => {
			throw signal.aborted ? new BimetalError('Interrupted', 'interrupted') : fault;
		})
		.finally(() => progress.end());
	const folder = resolve(context.cwd, out);
	await mkdir(folder, { recursive: true });
	await writeFile(join(folder, 'report.html'), page);
	await writeFile(join(folder, 'report.json'), `${JSON.stringify(summary, undefined, '\t')}\n`);
	if (problems.length > 0)
		throw new BimetalError(
			'BookUnsound',
			`the market's books are not sound: ${problems.slice(0, 5).join('; ')}`,
		);
	if (json) {
		printJson(context, summary);
		return 0;
	}
	printLine(context, painter(context)('bold', visible(summary.scenario)));
	await printTable(
		context,
		['', 'WORTH', 'AT WORK', 'LEASES', 'JOBS LOST'],
		summary.regimes.map(({ regime, value, utilisation, leases, participants }) => [
			regime,
			rangeText(value, each => Math.round(each).toLocaleString('en')),
			rangeText(utilisation, each => `${(each * 100).toFixed(1)} %`),
			rangeText(leases, each => String(Math.round(each))),
			String(Math.round(participants.reduce((sum, { jobs }) => sum + (jobs?.lost.mean ?? 0), 0))),
		]),
	);
	const seconds = Math.round((context.clock.now() - begun) / 1000);
	if (count > 1) printLine(context, `\nMeans over ${count} seeds, with the least and the most.`);
	printLine(
		context,
		`${count > 1 ? '' : '\n'}Worth in credits; more, with plots, in ${visible(join(folder, 'report.html'))} (${seconds} s)`,
	);
	return 0;
}

/** `1 of 3 plays over; first come: day 120 of 365; market: day 80 of 365` */
function progressText({ over, plays, running, days }: SimulationProgress, seeds: number): string {
	const under = running.map(({ regime, seed, day }) => {
		const of = seeds > 1 ? `${regime}, seed ${visible(seed)}` : regime;
		return `${of}: day ${day} of ${days}`;
	});
	return [`${over} of ${plays} plays over`, ...under].join('; ');
}

const rangeText = ({ mean, least, most }: Spread, text: (value: number) => string): string =>
	text(least) === text(most) ? text(mean) : `${text(mean)} (${text(least)} to ${text(most)})`;
