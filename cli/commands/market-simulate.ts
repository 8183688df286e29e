import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { simulate } from '../../market/simulate/simulate.ts';
import type { CliContext } from '../context.ts';
import { painter, printJson, printLine, printTable } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

export interface SimulateOptions {
	readonly out: string;
	readonly seed: string;
	readonly days?: number;
	readonly json?: boolean;
}

/** `bimetal market simulate SCENARIO` */
export async function simulateMarket(
	context: CliContext,
	name: string,
	{ out, seed, days, json }: SimulateOptions,
): Promise<number> {
	const progress = progressLine(context);
	const signal = context.interruption();
	const scenario = name.includes('/') || name.includes('.') ? resolve(context.cwd, name) : name;
	const { summary, page, problems } = await simulate(scenario, {
		seed,
		days,
		async onDay(regime, day, all) {
			if (day % 10 === 0 || day === all) progress.show(`${regime}: day ${day} of ${all}`);
			await setImmediate();
			if (signal.aborted) throw new BimetalError('Interrupted', 'interrupted');
		},
	}).finally(() => progress.end());
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
			Math.round(value).toLocaleString('en'),
			`${(utilisation * 100).toFixed(1)} %`,
			String(leases),
			String(participants.reduce((sum, { jobs }) => sum + (jobs?.lost ?? 0), 0)),
		]),
	);
	printLine(context, `\nWorth in credits; more, with plots, in ${visible(join(folder, 'report.html'))}`);
	return 0;
}
