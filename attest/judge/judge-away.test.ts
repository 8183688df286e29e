import test from 'ava';
import { FakeClock, systemClock } from '../../common/clock.ts';
import { createAwayJudge } from './judge-away.ts';
import type { Job } from './stored-policies.ts';

const job = (ima: string): Job => ({
	asked: {
		nonce: Buffer.alloc(32),
		nodeKey: Buffer.alloc(1),
		ek: 'AAA=',
		ak: 'AAA=',
		before: undefined,
	},
	policy: null,
	evidence: {
		message: Buffer.alloc(1),
		signature: Buffer.alloc(1),
		pcrs: Buffer.alloc(1),
		bootLog: undefined,
		ima,
	},
});

test('long lists are judged elsewhere, to the same judgement', async t => {
	const away = createAwayJudge({ clock: systemClock });
	t.teardown(() => away.close());
	const here = await away.judge(job(''));
	t.like(here, { ok: false, signed: false });
	t.deepEqual(await away.judge(job('x'.repeat(100_000))), here);
});

test('judging that takes too long, or is broken off, is no judgement', async t => {
	const clock = new FakeClock();
	const away = createAwayJudge({ clock });
	t.teardown(() => away.close());
	const first = away.judge(job('x'.repeat(100_000)));
	clock.advance(60_000);
	await t.throwsAsync(first, { code: 'JudgeAway' });
	const second = away.judge(job('x'.repeat(100_000)));
	await away.close();
	await t.throwsAsync(second, { code: 'JudgeAway' });
});
