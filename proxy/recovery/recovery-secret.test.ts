import { randomBytes } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import { checkOf, combineShares, splitKey } from './recovery-secret.ts';

const plan = fc
	.integer({ min: 2, max: 6 })
	.chain(parties =>
		fc.record({ parties: fc.constant(parties), threshold: fc.integer({ min: 2, max: parties }) }),
	);

test('any threshold of the shares makes the key, in any order; fewer do not', async t => {
	await fc.assert(
		fc.asyncProperty(
			plan,
			fc.uint8Array({ minLength: 32, maxLength: 32 }),
			fc.infiniteStream(fc.nat()),
			async ({ parties, threshold }, key, order) => {
				const shares = await splitKey(key, parties, threshold);
				const shuffled = shares
					.map(share => ({ share, at: order.next().value ?? 0 }))
					.sort((a, b) => a.at - b.at)
					.map(({ share }) => share);
				for (let given = 0; given <= parties; given++) {
					const some = shuffled.slice(0, given);
					const made = combineShares(some, threshold, checkOf(key));
					if (given >= threshold) t.deepEqual(await made, key);
					else await t.throwsAsync(made, { code: 'SharesTooFew' });
				}
			},
		),
		{ numRuns: 100 },
	);
});

test('a share given twice counts once, and a changed byte of any share is found out', async t => {
	const key = randomBytes(32);
	const [one, two, three] = await splitKey(key, 3, 2);
	if (!one || !two || !three) return t.fail();
	await t.throwsAsync(combineShares([one, one], 2, checkOf(key)), { code: 'SharesTooFew' });
	for (let at = 0; at < one.length; at++) {
		const changed = Uint8Array.from(one);
		changed[at] = (changed[at] ?? 0) ^ 1;
		const fault = await t.throwsAsync(combineShares([changed, two], 2, checkOf(key)));
		t.regex((fault as BimetalError).code, /^Shares(Wrong|TooFew)$/);
	}
	const foreign = await splitKey(randomBytes(32), 2, 2);
	await t.throwsAsync(combineShares([one, ...foreign], 2, checkOf(key)), { code: 'SharesWrong' });
});

test('no single party, and no more than there are', async t => {
	for (const [parties, threshold] of [
		[2, 1],
		[2, 0],
		[2, 3],
		[1, 1],
		[3, 1.5],
		[3, Number.NaN],
	] as const) {
		await t.throwsAsync(splitKey(randomBytes(32), parties, threshold), { code: 'ThresholdRefused' });
	}
});

test('fewer shares than the threshold say nothing of the key: every value is as likely', async t => {
	// The first byte of the first share of 2-of-2, over many splits of one key: all values come, none stands out.
	const seen = new Map<number, number>();
	const key = new Uint8Array(32);
	for (let run = 0; run < 300; run++) {
		const [share] = await splitKey(key, 2, 2);
		for (const byte of share?.slice(0, 32) ?? []) seen.set(byte, (seen.get(byte) ?? 0) + 1);
	}
	const expected = (300 * 32) / 255;
	t.true(seen.size >= 250);
	t.true(Math.max(...seen.values()) < expected * 2.5);
});
