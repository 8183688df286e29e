import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { kept, steps, things, writers } from './power-cut-things.fixture.ts';

/**
 * Started by power-cut.test.ts: `power-cut-child.fixture.ts <file> [unsynced]`. Several writers take one step after another, and
 * name each on standard output once it was acknowledged. The last line says how it ended; the store is not closed.
 */
const [file = '', unsynced] = process.argv.slice(2);

/** Short logs, so that there are many. */
const store = await openSqliteStore({ file, longLog: 40, ...(unsynced && { sync: async () => undefined }) });

async function write(writer: number): Promise<void> {
	for (let n = 1; n <= steps; n++) {
		await store.transact(async tx => {
			const text = 'x'.repeat((writer * 977 + n * 131) % 3000);
			await tx.put(things, `${writer}`, { n, text, kind: 'last' });
			await tx.put(things, `${writer}-${n}`, { n, text, kind: 'step' });
			await tx.delete(things, `${writer}-${n - kept}`);
		});
		// Synchronously: it is in the trace before the next step.
		writeSync(1, `${writer} ${n}\n`);
	}
}

const outcomes = await Promise.allSettled(Array.from({ length: writers }, (_, writer) => write(writer)));
const reasons = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
writeSync(1, `end ${reasons.join(' ')}\n`);
process.exit(0);
