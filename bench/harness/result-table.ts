import Table from 'cli-table3';
import type { BenchResult, Effort } from './bench-case.ts';

/** Prints a case's figures for people: ours, each peer, the ratio, and which way is good. */
export function printTable(results: readonly BenchResult[], effort: Effort): void {
	const [first] = results;
	if (!first) return;
	console.log(`\n${first.bench}: ${first.case} (medians of ${effort.rounds} rounds)`);
	const table = new Table({
		head: ['figure', 'ours', 'peer', "peer's", 'ours / peer', ''],
		colAligns: ['left', 'right', 'left', 'right', 'right', 'left'],
		style: { head: [], border: [] },
	});
	for (const { case: name, value, unit, peer, peerValue, ratio, better } of results) {
		const figure = name === first.case ? unit : `${name.slice(first.case.length + 2)}, ${unit}`;
		const ahead = better === 'higher' ? ratio > 1 : ratio < 1;
		table.push([
			figure,
			readable(value),
			peer,
			readable(peerValue),
			// Where one of the two has nothing, there is none.
			Number.isFinite(ratio) && ratio > 0 ? ratio.toFixed(2) : '',
			ahead ? 'better' : '',
		]);
	}
	console.log(table.toString());
}

function readable(value: number): string {
	if (value === 0) return '–';
	return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
