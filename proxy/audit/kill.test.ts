import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { acknowledgedBeforeKill, random } from '../../common/store/killed-process.fixture.ts';
import { chooseSeed } from '../../test/properties/seed.ts';
import { inFolder } from './audit-samples.fixture.ts';
import { openSignedLog } from './signed-log.ts';
import { parseVerifier } from './signed-note.ts';
import { verifyAudit } from './verify-audit.ts';

const child = fileURLToPath(new URL('kill-child.fixture.ts', import.meta.url));

test('after a SIGKILL chain and checkpoints are whole and have every record that was durable', async t => {
	const seed = chooseSeed(process.env.BIMETAL_TEST_SEED);
	t.log(`seed ${seed}`);
	const next = random(seed);
	await inFolder(async outer => {
		const folder = join(outer, 'audit');
		for (let round = 0; round < 3; round++) {
			const [enough, turns] = [1 + Math.floor(next() * 60), Math.floor(next() * 2000)];
			const durable = (await acknowledgedBeforeKill(child, [folder], enough, turns)).map(Number);
			t.true(durable.length >= enough);
			const keyFile = join(outer, 'audit.key');
			const onFault = (fault: unknown) => t.fail(String(fault));
			const { log, published } = await openSignedLog({
				folder,
				keyFile,
				origin: 'bimetal/test',
				clock: systemClock,
				onFault,
			});
			const { seq } = log.head();
			await log.close();
			t.true(seq >= Math.max(...durable));
			const key = parseVerifier(published.verifier);
			if (!key) throw new Error('no key');
			const verdict = await verifyAudit({ folder, key });
			t.like(verdict, { ok: true, records: seq, signed: { size: seq } });
		}
	});
});
