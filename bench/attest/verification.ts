import assert from 'node:assert/strict';
import { randomBytes, verify } from 'node:crypto';
import { z } from 'zod';
import { qualifyingData } from '../../attest/judge/judge.ts';
import { createJudge, type Job } from '../../attest/judge/stored-policies.ts';
import type { OpenAdmission } from '../../attest/model/admission.ts';
import { digestOf } from '../../attest/model/blob.ts';
import { goodPolicy } from '../../attest/node.fixture.ts';
import { accepted } from '../../attest/outcome.fixture.ts';
import { parsePolicy } from '../../attest/policy/policy.ts';
import { createSoftAgents, softNodeKey } from '../../attest/soft-agent.fixture.ts';
import { softEndorsementKey } from '../../attest/soft-tpm.fixture.ts';
import { selectionText } from '../../attest/tpm/pcr-selection.ts';
import { parsePublicArea } from '../../attest/tpm/public-area.ts';
import { ecdsaDer } from '../../attest/tpm/signature.ts';
import { nextState } from '../../attest/verifier/next-state.ts';
import { createNonces } from '../../attest/verifier/nonces.ts';
import { eventOf, jobOf, shownEvidence } from '../../attest/verifier/shown-evidence.ts';
import type { BenchCase, Side } from '../harness/bench-case.ts';

type Kind = 'rsa' | 'ecc';

const [count, id, registration] = [
	1000,
	'4f1c9f3e-7d0f-4a55-8c0e-3f3f5f6b2a10',
	'3a2b9f3e-7d0f-4a55-8c0e-3f3f5f6b2a11',
];
const text = JSON.stringify(goodPolicy);
const policy: Job['policy'] = { digest: digestOf(text), text };
const body = z.strictObject(shownEvidence);
const now = Date.parse('2026-01-01T00:00:00Z');

/**
 * Everything that is judged of one answer, from the text that the node has sent to the state that its admission has then: JSON and its
 * shape, token and nonce, signature, what is signed, selection, digest of the PCRs, clock, boot and policy, and logs where they are
 * new. Without HTTP, and without the store. The peer verifies the same signatures, and looks at nothing.
 */
export function verification(kind: Kind, rounds: 'first' | 'steady'): BenchCase {
	const bench = createVerification(kind, rounds);
	const what = rounds === 'first' ? 'with boot log and IMA list' : 'of a node that is known';
	return {
		name: `full verification ${what}, ${kind.toUpperCase()}`,
		figures: [{ name: '', unit: 'a second, on one core', better: 'higher' }],
		ours: side('all that is judged', bench.full),
		peers: [side('the signature alone', bench.bare)],
	};

	/** `one` says whether the nth answer is good, or the nth with a changed signature. */
	function side(name: string, one: (n: number, change?: 'changed') => boolean): Side {
		return {
			name,
			async check() {
				for (let n = 0; n < count; n++) assert.ok(one(n));
				for (let n = 0; n < 10; n++) assert.equal(one(n, 'changed'), false);
			},
			async round(seconds) {
				const before = process.threadCpuUsage();
				const end = performance.now() + seconds * 1000;
				let done = 0;
				while (performance.now() < end) for (let n = 0; n < 50; n++) one(done++ % count);
				const { user, system } = process.threadCpuUsage(before);
				// Of processor time: what others have of the core is not ours.
				return { '': done / ((user + system) / 1e6) };
			},
		};
	}
}

function createVerification(kind: Kind, rounds: 'first' | 'steady') {
	const agent = createSoftAgents(2)[kind === 'rsa' ? 0 : 1] ?? assert.fail();
	const { tpm } = agent;
	const nonces = createNonces(randomBytes(32), randomBytes);
	const judge = createJudge();
	const { keyObject } = accepted(parsePublicArea(tpm.ak));
	const { selection } = accepted(parsePolicy(goodPolicy));
	const keys = {
		registration,
		ek: softEndorsementKey.toString('base64'),
		ak: tpm.ak.toString('base64'),
		ekCertificate: Buffer.alloc(1100).toString('base64'),
		nodeKey: softNodeKey,
	};
	const waiting: OpenAdmission = {
		...{
			state: 'waiting',
			node: agent.node,
			project: 'red',
			policy: policy?.digest ?? '',
			policyName: 'default',
		},
		...{
			interval: 10_000,
			lease: 30_000,
			askedAt: now,
			askedBy: 'admin',
			records: 0,
			strays: 0,
			stray: null,
		},
		until: now + 900_000,
	};
	const judged = (document: OpenAdmission, sent: string) => {
		const answer = body.parse(JSON.parse(sent));
		const read = nonces.read(answer.token);
		assert.ok(read && read.asked.until > now);
		const before = document.state === 'attested' ? document.baseline : undefined;
		const judgement = judge(jobOf(policy, keys, read.nonce, { before }, answer));
		return nextState(document, eventOf(document, keys, judgement), now);
	};
	const prepare = (document: OpenAdmission): string => {
		const after = document.state === 'attested' ? document.baseline.clock : null;
		const keys = after === null ? { registration, nodeKey: softNodeKey } : null;
		const of = { admission: id, node: agent.node, keys, until: now + 60_000, after };
		const { token, nonce } = nonces.make(of);
		return agent.prepare({
			...{ token, selection: selectionText(selection), bootLog: after === null },
			qualifying: qualifyingData(nonce, Buffer.from(softNodeKey, 'base64')).toString('hex'),
			imaFrom: document.state === 'attested' ? (document.baseline.ima?.entries ?? 0) : 0,
		});
	};
	const admitted = judged(waiting, prepare(waiting));
	assert.equal(admitted.state, 'attested');
	const document = rounds === 'first' ? waiting : (admitted as OpenAdmission);
	const sent = Array.from({ length: count }, () => prepare(document));
	const changed = sent.map(each => {
		const answer = body.parse(JSON.parse(each));
		const signature = Buffer.from(answer.signature, 'base64');
		signature.writeUInt8((signature.at(-1) ?? 0) ^ 1, signature.length - 1);
		return JSON.stringify({ ...answer, signature: signature.toString('base64') });
	});
	const [good, bad] = [sent, changed].map(all => all.map(each => signed(kind, each)));
	return {
		full(n: number, change?: 'changed'): boolean {
			const after = judged(document, (change ? changed : sent)[n] ?? '');
			return after.state === 'attested' && after.strays === 0;
		},
		bare(n: number, change?: 'changed'): boolean {
			const { message, signature } = (change ? bad : good)?.[n] ?? assert.fail();
			return verify('sha256', message, keyObject, signature);
		},
	};
}

/** As node:crypto takes it, in the form in which it is fastest. */
function signed(kind: Kind, sent: string): { readonly message: Buffer; readonly signature: Buffer } {
	const { message, signature } = body.parse(JSON.parse(sent));
	const bytes = Buffer.from(signature, 'base64');
	const plain = kind === 'rsa' ? bytes.subarray(6) : ecdsaDer([bytes.subarray(6, 38), bytes.subarray(40)]);
	return { message: Buffer.from(message, 'base64'), signature: plain };
}
