import { writeSync } from 'node:fs';
import { written } from './kill-collection.fixture.ts';
import { openStore } from './open-store.ts';

/**
 * Started by kill.test.ts: `kill-child.fixture.ts <engine> <file> <round>`. Writes without end, several transactions at a
 * time, and names each document on standard output once it was acknowledged.
 */
const [engine, file, round] = process.argv.slice(2);
if ((engine !== 'lowdb' && engine !== 'sqlite') || !file || !round) throw new Error('wrong arguments');

const store = await openStore({ engine, file });

async function writeForever(writer: number): Promise<void> {
	for (let n = 0; ; n++) {
		const id = `${round}-${writer}-${n}`;
		await store.transact(async tx => {
			await tx.put(written, id, { n, half: 'first' });
			await tx.put(written, `${id}-twin`, { n, half: 'second' });
		});
		// Synchronously: what the parent reads was acknowledged, and is not lost in a buffer when the kill comes.
		writeSync(1, `${id}\n`);
	}
}

await Promise.all([0, 1, 2, 3].map(writeForever));
