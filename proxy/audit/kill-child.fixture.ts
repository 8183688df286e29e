import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { decision } from './audit-samples.fixture.ts';
import { openSignedLog } from './signed-log.ts';

/** Started by kill.test.ts: `kill-child.fixture.ts <folder>`. Appends without end, naming what is durable. */
const [folder] = process.argv.slice(2);
if (!folder) throw new Error('wrong arguments');

const { log } = await openSignedLog({
	folder,
	keyFile: join(folder, '..', 'audit.key'),
	origin: 'bimetal/test',
	clock: systemClock,
	largestFile: 20_000,
	checkpointRecords: 5,
	onFault: fault => {
		throw fault;
	},
});

async function appendForever(writer: number): Promise<void> {
	for (let n = 0; ; n++) {
		await log.append(decision(writer * 1e6 + n)).durable;
		// Synchronously: what the parent reads was durable, and is not lost in a buffer when the kill comes.
		writeSync(1, `${log.head().seq}\n`);
	}
}

await Promise.all([0, 1, 2, 3].map(appendForever));
