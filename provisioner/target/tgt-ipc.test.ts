import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { askTgt, type TgtRequest } from './tgt-ipc.ts';
import { startTgtTargets } from './tgt-targets.ts';

const test = testNeeding('tgt');

test('what tgtd refuses is told in its own words', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-tgt-'));
	const shared = { folder, portals: [], clock: systemClock, logger: silentLogger };
	const targets = await startTgtTargets({ ...shared, run: `tgt-${randomUUID().slice(0, 8)}` });
	t.teardown(async () => {
		await targets.close();
		await rm(folder, { recursive: true, force: true });
	});
	const ask = (request: TgtRequest) => askTgt(path.join(folder, 'ctl.0'), request);
	const target = { mode: 'target', target: 1 } as const;
	const door = { 'initiator-address': '192.0.2.1' };
	const account = { mode: 'account', parameters: { user: 'one', password: 'of-one' } } as const;
	const named = { targetname: 'iqn.2026-11.test.bimetal:one' };
	await ask({ ...target, operation: 'new', parameters: named });
	await ask({ ...target, operation: 'bind', parameters: door });
	await ask({ ...account, operation: 'new' });
	const refused: readonly [TgtRequest, RegExp][] = [
		[{ ...target, operation: 'new', parameters: named }, /target already exists/],
		[{ ...target, operation: 'delete', target: 2 }, /can't find the target/],
		[{ ...target, operation: 'bind', parameters: door }, /access control rule already exists/],
		[{ ...target, mode: 'unit', unit: 9, operation: 'delete' }, /can't find the logical unit/],
		[{ ...account, operation: 'new' }, /account already exists/],
		[{ ...account, operation: 'delete', parameters: { user: 'other' } }, /can't find the account/],
	];
	for (const [request, message] of refused) {
		await t.throwsAsync(ask(request), { code: 'StorageFault', message });
	}
});
