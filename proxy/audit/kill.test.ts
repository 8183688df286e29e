import { fileURLToPath } from 'node:url';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { acknowledgedBeforeKill, random } from '../../common/store/killed-process.fixture.ts';
import { openAuditLog } from './audit-log.ts';
import { inFolder } from './audit-samples.fixture.ts';
import { verifyAudit } from './read-audit.ts';

const child = fileURLToPath(new URL('kill-child.fixture.ts', import.meta.url));

test('after a SIGKILL the chain is whole and has every record that was durable', async t => {
	const seed = Math.floor(Math.random() * 2 ** 32);
	t.log(`seed ${seed}`);
	const next = random(seed);
	await inFolder(async folder => {
		for (let round = 0; round < 3; round++) {
			const [enough, turns] = [1 + Math.floor(next() * 60), Math.floor(next() * 2000)];
			const durable = (await acknowledgedBeforeKill(child, [folder], enough, turns)).map(Number);
			t.true(durable.length >= enough);
			const log = await openAuditLog({ folder, clock: systemClock });
			const { seq } = log.head();
			await log.close();
			t.true(seq >= Math.max(...durable));
			t.like(await verifyAudit({ folder }), { ok: true, records: seq });
		}
	});
});
