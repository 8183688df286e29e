// Decisions that carry their operator's own signature: what is taken, what is refused, and what is kept.
import test from 'ava';
import fc from 'fast-check';
import { generateSigningKey, signText, verifyText } from '../governance/signing-key.ts';
import type { Operator } from '../operator.ts';
import { codeOf, cp, cpTwo, createBench, hso } from './approve.fixture.ts';
import { approvalPurpose, renderStatement, type Statement } from './statement.ts';

const keys = new Map([cp, cpTwo, hso].map(({ name }) => [name, generateSigningKey()]));

function signedBench(signed: 'required' | 'optional' = 'optional') {
	const bench = createBench({ signed });
	for (const [name, { publicKey }] of keys) bench.world.keys.set(name, publicKey);
	const sign = (
		request: { id: string; digest: string },
		operator: Operator,
		changes: Partial<Statement> = {},
		purpose = approvalPurpose,
	) => {
		const about: Statement = {
			requestId: request.id,
			digest: request.digest,
			decision: 'approve',
			operator: operator.name,
			party: operator.party,
			at: bench.clock.now(),
			comment: null,
			...changes,
		};
		const pem = keys.get(operator.name)?.privatePem ?? '';
		return { at: about.at, signature: signText(pem, purpose, renderStatement(about)) };
	};
	return { ...bench, sign };
}

test('a signed approval executes, and the request and the record keep what anybody can check', async t => {
	const { approver, hold, records, sign } = signedBench('required');
	const held = await hold(hso);
	const proof = sign(held, cp, { comment: 'go on' });
	const done = await approver.approve(held.id, cp, held.digest, 'go on', proof);
	t.is(done.state, 'executed');
	const kept = done.authorizations[1]?.signed;
	const record = records.find(({ kind }) => kind === 'approval');
	t.like(record, { statement: kept?.statement, signature: proof.signature });
	const key = keys.get(cp.name)?.publicKey ?? '';
	t.true(verifyText(key, 'approval 1', kept?.statement ?? '', kept?.signature ?? ''));
	t.regex(
		kept?.statement ?? '',
		new RegExp(`digest ${held.digest}\ndecision approve\noperator cp-operator\nparty CP`),
	);
});

test('who has a key signs; where the site asks for it, everybody', async t => {
	const { approver, bmc, hold, records, world } = signedBench();
	const held = await hold(hso);
	t.is(await codeOf(approver.approve(held.id, cp, held.digest, null)), 'SignatureRequired');
	t.is(await codeOf(approver.deny(held.id, cp, 'no')), 'SignatureRequired');
	t.is(await codeOf(approver.withdraw(held.id, hso, null)), 'SignatureRequired');
	t.deepEqual(records, []);
	world.keys.clear();
	t.is((await approver.approve(held.id, cp, held.digest, null)).state, 'executed');
	const strict = createBench({ signed: 'required' });
	const other = await strict.hold(hso);
	t.is(await codeOf(strict.approver.approve(other.id, cp, other.digest, null)), 'SignatureRequired');
	t.is((await strict.waiting.get(other.id))?.state, 'waiting');
	t.is(bmc.sent.length, 1);
});

test('any other statement, key, purpose or time is refused', async t => {
	const { approver, bmc, clock, hold, sign, waiting, records } = signedBench();
	const [held, other] = [await hold(hso), await hold(hso)];
	const now = clock.now();
	const late = 5 * 60_000 + 1;
	const wrong = [
		sign(other, cp),
		sign({ ...held, id: other.id }, cp),
		sign({ ...held, digest: other.digest }, cp),
		sign(held, cp, { decision: 'deny' }),
		sign(held, cp, { decision: 'withdraw' }),
		sign(held, cp, { operator: cpTwo.name }),
		sign(held, cp, { party: 'HSO' }),
		sign(held, cp, { comment: 'another comment' }),
		sign(held, cp, { comment: '' }),
		sign(held, cp, {}, 'policy manifest 1'),
		sign(held, cpTwo, { operator: cp.name }),
		sign(held, cp, { at: now - late }),
		sign(held, cp, { at: now + late }),
		{ ...sign(held, cp), at: now + 1 },
		{ at: now, signature: '' },
		{ at: now, signature: sign(held, cp).signature.replace('==', '') },
	];
	for (const [i, proof] of wrong.entries()) {
		t.is(await codeOf(approver.approve(held.id, cp, held.digest, null, proof)), 'SignatureRefused', `${i}`);
	}
	await fc.assert(
		fc.asyncProperty(fc.nat(63), fc.nat(7), async (byte, bit) => {
			const proof = sign(held, cp);
			const bytes = Buffer.from(proof.signature, 'base64');
			bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit);
			const changed = { ...proof, signature: bytes.toString('base64') };
			t.is(await codeOf(approver.approve(held.id, cp, held.digest, null, changed)), 'SignatureRefused');
		}),
		{ numRuns: 30 },
	);
	t.deepEqual(await waiting.get(held.id), held);
	t.deepEqual([bmc.sent.length, records.length], [0, 0]);
});

test('denying and withdrawing are signed over their reasons', async t => {
	const { approver, hold, sign } = signedBench();
	const [denied, withdrawn] = [await hold(hso), await hold(hso)];
	const no = sign(denied, cp, { decision: 'deny', comment: 'not today' });
	t.is(await codeOf(approver.deny(denied.id, cp, 'never', no)), 'SignatureRefused');
	t.is((await approver.deny(denied.id, cp, 'not today', no)).ended?.signed?.signature, no.signature);
	const back = sign(withdrawn, hso, { decision: 'withdraw' });
	t.is((await approver.withdraw(withdrawn.id, hso, null, back)).ended?.signed?.signature, back.signature);
});

test('no two statements have the same text', t => {
	const line = fc.stringMatching(/^[A-Za-z0-9.@ -]{1,12}$/);
	const statement = fc.record<Statement>({
		requestId: line,
		digest: line,
		decision: fc.constantFrom('approve' as const, 'deny' as const, 'withdraw' as const),
		operator: line,
		party: line,
		at: fc.integer({ min: 0, max: 2 ** 41 }),
		comment: fc.option(fc.string()),
	});
	fc.assert(
		fc.property(statement, statement, (a, b) => {
			t.is(renderStatement(a) === renderStatement(b), JSON.stringify(a) === JSON.stringify(b));
		}),
	);
	t.throws(() => renderStatement({ ...fc.sample(statement, 1)[0], operator: 'a\nparty CP' } as Statement));
});
