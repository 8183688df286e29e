// The process in which integer programs are solved: see solver.ts.
import { createRequire } from 'node:module';
import type * as Highs from 'highs';
import { z } from 'zod';
import type { Solution } from './solver.ts';

const asked = z.strictObject({ text: z.string(), seconds: z.number() });

// Its types are those of its CommonJS side.
const { default: load } = createRequire(import.meta.url)('highs') as (typeof Highs)['default'];
const highs = await load();

function solve({ text, seconds }: z.output<typeof asked>): Solution {
	try {
		const answer = highs.solve(text, { time_limit: seconds, mip_rel_gap: 0, random_seed: 0, threads: 1 });
		if (answer.Status !== 'Optimal') return { status: 'none', why: answer.Status };
		const values: [string, number][] = [];
		for (const [name, column] of Object.entries(answer.Columns)) {
			const value = 'Primal' in column ? column.Primal : undefined;
			if (typeof value === 'number' && value !== 0) values.push([name, value]);
		}
		return { status: 'optimal', objective: answer.ObjectiveValue, values };
	} catch (fault) {
		return { status: 'none', why: fault instanceof Error ? fault.message : String(fault) };
	}
}

process.on('message', message => {
	process.send?.(solve(asked.parse(message)));
});
// Whoever asked is gone.
process.on('disconnect', () => process.exit(0));
