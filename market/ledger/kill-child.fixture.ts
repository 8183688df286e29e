import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { grantCredits } from './credits.ts';
import { captureHold, holdCredits, releaseHold } from './escrow.ts';

/**
 * Started by kill.test.ts: `kill-child.fixture.ts <file> <round>`. Holds, pays and releases credits without end, several at
 * a time, and names each key on standard output once it was acknowledged.
 */
const [file, round] = process.argv.slice(2);
if (!file || !round) throw new Error('wrong arguments');

const store = await openSqliteStore({ file });
const cause = { kind: 'lease', of: '', note: '' } as const;
/** Synchronously: what the parent reads was acknowledged, and is not lost in a buffer when the kill comes. */
const acknowledge = (key: string) => writeSync(1, `${key}\n`);

async function leaseForever(tenant: string): Promise<void> {
	for (let n = 0; ; n++) {
		const key = `${round}-${tenant}-${n}`;
		await store.transact(tx =>
			grantCredits(tx, { key: `${key}-grant`, project: tenant, amount: 10n, cause }, n),
		);
		acknowledge(`${key}-grant`);
		const ask = { key: `${key}-hold`, project: tenant, amount: 9n, cause };
		const { id: hold } = await store.transact(tx => holdCredits(tx, ask, n));
		acknowledge(ask.key);
		// Both or neither.
		await store.transact(async tx => {
			await captureHold(tx, { key: `${key}-capture`, hold, to: 'owner', amount: 5n, cause }, n);
			await releaseHold(tx, { key: `${key}-release`, hold, cause }, n);
		});
		acknowledge(`${key}-capture`);
		acknowledge(`${key}-release`);
	}
}

await Promise.all(['red', 'blue', 'green'].map(leaseForever));
