// Everything that a node can send, judged: with a TPM that we did not write, into which a real boot was measured.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { boot, extend, imaList, makeKey, quote, reboot, shownKeys } from '../agent.fixture.ts';
import { accepted } from '../outcome.fixture.ts';
import type { RefusalCode } from '../outcome.ts';
import { learnPolicy } from '../policy/learn.ts';
import { type PolicyFile, parsePolicy } from '../policy/policy.ts';
import { imaExtends, recorded } from '../recorded-boot.fixture.ts';
import { startSoftwareTpm } from '../tpm/software-tpm.fixture.ts';
import type { Baseline } from './baseline.ts';
import { type Asked, type Evidence, type Judgement, judge, qualifyingData } from './judge.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');
const NODE_KEY = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
	type: 'spki',
	format: 'der',
});
const { policy, violations } = accepted(learnPolicy(recorded));
const LEARNT: PolicyFile = {
	...policy,
	ima: { ...policy.ima, exclude: [...violations], toleratesViolations: true },
};
/** One less than the policy knows: of the next two, the second is none that may run. */
const ENTRIES = 21;

async function startNode(t: ExecutionContext, file: PolicyFile = LEARNT, entries = ENTRIES) {
	const tpm = await startSoftwareTpm(t);
	await makeKey(tpm);
	await boot(tpm, entries);
	const keys = await shownKeys(tpm);
	const policy = accepted(parsePolicy(file));
	const pcrs = policy.selection[0]?.pcrs ?? [];
	const asked = (before?: Baseline): Asked => ({
		nonce: randomBytes(32),
		nodeKey: NODE_KEY,
		ek: Buffer.from(keys.ek, 'base64'),
		ak: Buffer.from(keys.ak, 'base64'),
		policy,
		before,
	});
	const answer = async (to: Asked, ima: string, changes: Partial<Evidence> = {}): Promise<Evidence> => {
		const qualifying = qualifyingData(to.nonce, to.nodeKey);
		return { ...(await quote(tpm, { pcrs, qualifying })), bootLog: recorded.bootLog, ima, ...changes };
	};
	return { tpm, asked, answer, pcrs };
}

const good = (judgement: Judgement): Baseline => {
	if (judgement.ok) return judgement.baseline;
	throw new Error(`${judgement.refusal.code}: ${judgement.refusal.reason}`);
};

function isRefused(
	t: ExecutionContext,
	judgement: Judgement,
	[code, signed]: readonly [RefusalCode, 'signed' | 'by anybody'],
	reason = /./,
): void {
	if (judgement.ok) throw new Error(`accepted, not ${code}`);
	t.deepEqual(
		[judgement.refusal.code, judgement.signed ? 'signed' : 'by anybody'],
		[code, signed],
		judgement.refusal.reason,
	);
	t.regex(judgement.refusal.reason, reason);
}

test('a good node is good round after round, and each change is refused for its reason', async t => {
	const { tpm, asked, answer } = await startNode(t);
	const first = asked();
	const evidence = await answer(first, imaList(0, ENTRIES + 2));
	const baseline = good(judge(first, evidence));
	t.like(baseline.ima, { entries: ENTRIES, ahead: 2 });

	// What anybody could send says nothing of the node.
	isRefused(t, judge(asked(), evidence), ['NonceWrong', 'by anybody']);
	const otherKey = { ...first, nodeKey: Buffer.concat([NODE_KEY, Buffer.of(0)]) };
	isRefused(t, judge(otherKey, evidence), ['NonceWrong', 'by anybody']);
	isRefused(t, judge(first, { ...evidence, pcrs: Buffer.alloc(evidence.pcrs.length) }), [
		'DigestWrong',
		'by anybody',
	]);
	isRefused(t, judge(first, { ...evidence, pcrs: Buffer.of(1) }), ['DigestWrong', 'by anybody']);
	isRefused(t, judge(first, { ...evidence, signature: Buffer.of(0) }), ['Malformed', 'by anybody']);

	// What the TPM has signed convicts.
	isRefused(t, judge(first, { ...evidence, bootLog: undefined }), ['EvidenceMissing', 'signed']);
	isRefused(t, judge(first, { ...evidence, ima: undefined }), ['EvidenceMissing', 'signed']);
	const cut = recorded.bootLog.subarray(0, -70);
	isRefused(t, judge(first, { ...evidence, bootLog: cut }), ['Malformed', 'signed']);
	isRefused(t, judge(first, { ...evidence, ima: imaList(0, ENTRIES - 1) }), ['LogMismatch', 'signed']);

	// The next round goes on where this one ended, without the boot log.
	await extend(tpm, imaExtends(ENTRIES, ENTRIES + 2));
	const second = asked(baseline);
	const later = await answer(second, imaList(ENTRIES, ENTRIES + 2), { bootLog: undefined });
	// The second was not there when the policy was learnt.
	isRefused(
		t,
		judge(second, later),
		['FileNotAllowed', 'signed'],
		/allowed is no file of that path|allowed is sha256/,
	);
	isRefused(t, judge(second, { ...later, ima: imaList(0, ENTRIES + 2) }), ['LogMismatch', 'signed']);
	const stale = { ...second, before: { ...baseline, clock: String(2n ** 60n) } };
	isRefused(t, judge(stale, later), ['ClockWrong', 'signed']);

	await extend(tpm, [[4, randomBytes(32)]]);
	const third = asked(baseline);
	const changed = await answer(third, imaList(ENTRIES, ENTRIES + 2), { bootLog: undefined });
	isRefused(
		t,
		judge(third, changed),
		['PcrChanged', 'signed'],
		/PCR 4 has .*; it had .* when the node was admitted/,
	);
});

test('trap: entries that were shown without proof must be proven by the next quote', async t => {
	const { asked, answer } = await startNode(t);
	const first = asked();
	const made = imaList(0, ENTRIES + 1);
	const baseline = good(judge(first, await answer(first, made)));
	t.is(baseline.ima?.ahead, 1);
	const second = asked(baseline);
	isRefused(
		t,
		judge(second, await answer(second, '', { bootLog: undefined })),
		['LogMismatch', 'signed'],
		/had 1 entries more than its quote proved; this one proves 0/,
	);
});

test('trap: every reboot is another boot, also one before which the TPM was told to keep its state', async t => {
	const { tpm, asked, answer, pcrs } = await startNode(t);
	const first = asked();
	const baseline = good(judge(first, await answer(first, imaList(0, ENTRIES))));
	// The same PCRs, the same key, a clock that goes on: only the counters tell.
	await reboot(tpm, 'state');
	await boot(tpm, ENTRIES);
	const second = asked(baseline);
	const again = await answer(second, '', { bootLog: undefined });
	isRefused(t, judge(second, again), ['Rebooted', 'signed'], /restarted 1 times, .* and 0 when/);

	await tpm.tool('tpm2_evictcontrol', '-C', 'o', '-c', 'ak.ctx', '0x81010042');
	await reboot(tpm, 'clear');
	await boot(tpm, ENTRIES);
	const third = asked({ ...baseline, restartCount: 0 });
	const qualifying = qualifyingData(third.nonce, third.nodeKey);
	const anew = {
		...(await quote(tpm, { pcrs, qualifying, key: '0x81010042' })),
		bootLog: undefined,
		ima: '',
	};
	isRefused(t, judge(third, anew), ['Rebooted', 'signed'], /was reset \d+ and restarted 0 times/);
});

test('trap: a key elsewhere in the TPM is not the one below the endorsement key', async t => {
	const { tpm, asked, answer } = await startNode(t);
	await tpm.tool('tpm2_createprimary', '-C', 'o', '-c', 'parent.ctx', '-G', 'ecc');
	await tpm.tool(
		'tpm2_create',
		...[
			'-C',
			'parent.ctx',
			'-G',
			'ecc256:ecdsa-sha256:null',
			'-c',
			'ak.ctx',
			'-u',
			'elsewhere.bin',
			'-r',
			'e.priv',
		],
		...['-a', 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|restricted'],
	);
	await tpm.tool('tpm2_readpublic', '-c', 'ak.ctx', '-o', 'elsewhere.pub', '-f', 'tss');
	const first = { ...asked(), ak: await tpm.read('elsewhere.pub') };
	isRefused(t, judge(first, await answer(first, imaList(0, ENTRIES))), ['SignerWrong', 'signed']);
});

test('trap: quoted PCRs that the policy does not have are not skipped', async t => {
	const { policy: values } = accepted(
		learnPolicy({ pcrs: recorded.pcrs, bootLog: undefined, ima: undefined }),
	);
	const { tpm, asked, answer, pcrs } = await startNode(t, values);
	t.deepEqual(pcrs, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
	const first = asked();
	good(judge(first, await answer(first, '', {})));
	const more = await quote(tpm, {
		pcrs: [...pcrs, 10],
		qualifying: qualifyingData(first.nonce, first.nodeKey),
	});
	isRefused(t, judge(first, { ...more, bootLog: undefined, ima: undefined }), [
		'SelectionWrong',
		'by anybody',
	]);
	await extend(tpm, [[2, randomBytes(32)]]);
	const second = asked();
	isRefused(
		t,
		judge(second, await answer(second, '', {})),
		['PcrNotAllowed', 'signed'],
		/PCR 2 has .*; allowed is/,
	);
});

test('trap: what the policy judges has to be quoted; what is quoted beside it changes nothing', async t => {
	const { tpm, asked, pcrs } = await startNode(t);
	const judged = async (quoted: readonly number[]): Promise<Judgement> => {
		const to = { ...asked(), selection: [{ hash: 'sha256' as const, pcrs: quoted }] };
		const qualifying = qualifyingData(to.nonce, to.nodeKey);
		const made = await quote(tpm, { pcrs: [...quoted], qualifying });
		return judge(to, { ...made, bootLog: recorded.bootLog, ima: imaList(0, ENTRIES) });
	};
	const [plain, wider] = [good(await judged(pcrs)), good(await judged([...pcrs, 14, 17]))];
	t.deepEqual(wider.pcrs, plain.pcrs);
	// Of a node that was asked for less, the rest would be judged by nobody.
	const [, ...others] = pcrs;
	isRefused(t, await judged(others), ['SelectionWrong', 'by anybody'], /PCR 0, which the policy judges/);
});
