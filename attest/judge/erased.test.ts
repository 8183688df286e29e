// What the node's last tenant left in its TPM is gone, by the word of that TPM, or the node is not admitted.
import type { ExecutionContext } from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { boot, makeKey, reboot } from '../agent.fixture.ts';
import { readEvidence } from '../evidence/evidence-file.ts';
import { learnFromEvidence } from '../evidence/learn-from-evidence.ts';
import { verifyEvidence } from '../evidence/verify-evidence.ts';
import { goodPolicy, startNode } from '../node.fixture.ts';
import { isRefused } from '../outcome.fixture.ts';
import { parsePolicy } from '../policy/policy.ts';
import { EK } from '../tpm/software-tpm.fixture.ts';
import { LEFT_PCR } from './erased.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin');
const entries = 21;
const policy = { ...goodPolicy, erased: true };

/** A node that booted the airlock, for a project whose policy wants the TPM cleared. */
async function startCase(t: ExecutionContext) {
	const { node, bench } = await startNode(t);
	const { tpm } = node;
	await bench.ok('PUT', '/verifier/v1/policies/red/default', { policy }, 'alice');
	return {
		node,
		bench,
		/** Another boot, of the same system. */
		async boot(order: 'clear' | 'state') {
			await reboot(tpm, order);
			await boot(tpm, entries);
		},
		/** What the airlock does first; the endorsement key is made again of its seed, which stays. */
		async clear() {
			await tpm.tool('tpm2_clear', '-c', 'l');
			await tpm.tool('tpm2_createek', '-G', 'ecc384', '-c', EK.ecc, '-u', 'ek.pub', '-f', 'tss');
		},
		leave: () => tpm.tool('tpm2_pcrextend', `${LEFT_PCR}:sha256=${'ab'.repeat(32)}`),
		/** Registers and asks for an admission, after which the one of before is over. */
		async admit(how: { learn?: boolean } = {}) {
			await makeKey(tpm);
			await node.register();
			const asked = { node: 'n1', project: 'red', ...how };
			const { id } = await bench.ok('POST', '/verifier/v1/admissions', asked, 'alice');
			const { body } = await node.round();
			return { id: String(id), state: body.state, refusal: String(body.refusal) };
		},
		end: (id: string) => bench.ok('POST', `/verifier/v1/admissions/${id}/end`, {}, 'alice'),
		async evidence(id: string) {
			const authorization = `Basic ${Buffer.from('alice:alice').toString('base64')}`;
			const url = `${bench.url}/verifier/v1/admissions/${id}/evidence`;
			return readEvidence(await (await fetch(url, { headers: { authorization } })).text(), bench.key);
		},
	};
}

test('a node is admitted when its TPM was cleared in this boot, and not when it was in an earlier one', async t => {
	const { admit, end, clear, boot, evidence } = await startCase(t);
	const never = await admit();
	t.is(never.state, 'rejected');
	t.regex(never.refusal, /^NotErased: the TPM was reset [1-9]\d* and restarted 0 times since it was cleared/);
	// Whoever has the evidence sees the same.
	const verified = verifyEvidence(await evidence(never.id));
	t.deepEqual(verified.problems, []);
	t.is(verified.rounds[0]?.found, 'NotErased');

	await clear();
	const cleared = await admit();
	t.like(cleared, { state: 'attested', refusal: 'null' });
	await end(cleared.id);
	// A tenant that clears the TPM at its end has done no harm, but what ran until the reset could use it again.
	for (const order of ['clear', 'state'] as const) {
		await clear();
		await boot(order);
		const early = await admit();
		t.is(early.state, 'rejected', order);
		t.regex(
			early.refusal,
			order === 'clear' ? /^NotErased: .* reset 1 / : /^NotErased: .* reset 0 and restarted 1 /,
		);
	}
	await clear();
	t.is((await admit()).state, 'attested');
});

test('trap: a tenant’s system that the airlock has started is not the airlock, though it clears the TPM as well', async t => {
	const { node, admit, end, clear, leave, boot } = await startCase(t);
	await clear();
	const first = await admit();
	t.is(first.state, 'attested');
	// The airlock starts the tenant's system, which goes on to prove itself in the same boot.
	await leave();
	t.like((await node.round()).body, { state: 'attested', refusal: null });
	await node.run();
	t.like((await node.round()).body, { state: 'attested', refusal: null });
	await end(first.id);
	// Asked for again: PCRs 0 to 9 are those of the airlock, and the counters are at zero.
	await clear();
	const again = await admit();
	t.is(again.state, 'rejected');
	t.regex(
		again.refusal,
		/^AirlockLeft: PCR 15 has [0-9a-f]{64}: the airlock has started a system in this boot/,
	);
	await boot('clear');
	await clear();
	t.is((await admit()).state, 'attested');
});

test('a boot in the airlock is learnt as one, and any other is not', async t => {
	const { admit, clear, leave, evidence } = await startCase(t);
	const learnt = async () => {
		const { id, state } = await admit({ learn: true });
		t.is(state, 'learnt');
		return learnFromEvidence(await evidence(id)).policy;
	};
	t.is((await learnt()).erased, undefined);
	await clear();
	t.is((await learnt()).erased, true);
	await leave();
	t.is((await learnt()).erased, undefined);
});

test('a policy says one thing of PCR 15', t => {
	t.true(parsePolicy(policy).ok);
	const twice = { ...policy, unchecked: { [LEFT_PCR]: 'nobody looks at it' } };
	isRefused(t, parsePolicy(twice), 'PolicyWrong', /two things of PCR 15/);
});
