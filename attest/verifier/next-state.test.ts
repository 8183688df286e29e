import test from 'ava';
import fc from 'fast-check';
import type { Admission } from '../model/admission.ts';
import { type AdmissionEvent, nextState } from './next-state.ts';

const keys = { registration: 'r', ek: '', ak: '', ekCertificate: '', nodeKey: '' };
const baseline = {
	signer: 'aa',
	clock: '1',
	resetCount: 0,
	restartCount: 0,
	safe: true,
	pcrs: {},
	ima: null,
};
const cause = { code: 'PcrNotAllowed', reason: 'PCR 4' } as const;
const LEASE = 5000;
const WITHIN = 60_000;
const waiting = {
	...({ state: 'waiting', node: 'n1', project: 'red', policy: 'a', policyName: 'default' } as const),
	...{ interval: 1000, lease: LEASE, askedAt: 0, askedBy: 'alice', records: 0, strays: 0, stray: null },
	until: WITHIN,
};

const event = fc.oneof<fc.Arbitrary<AdmissionEvent>[]>(
	fc.constant({ kind: 'good', keys, baseline }),
	fc.constant({ kind: 'good', keys, baseline }),
	fc.constant({ kind: 'learnt', keys }),
	fc.constant({ kind: 'bad', keys, cause }),
	fc.constant({ kind: 'stray', cause }),
	fc.constant({ kind: 'time' }),
	fc.constant({ kind: 'withdraw', reason: 'x' }),
	fc.constant({ kind: 'end' }),
);
const story = fc.array(fc.tuple(event, fc.nat(7000)), { maxLength: 30 });

test('whatever happens, a node is attested only by good evidence that is younger than its lease', t => {
	fc.assert(
		fc.property(story, events => {
			let now = 0;
			let admission: Admission = waiting;
			let lastGood = -1;
			for (const [happens, passes] of events) {
				now += passes;
				const before: Admission = admission;
				admission = nextState(admission, happens, now);
				if (happens.kind === 'good' && admission !== before && admission.state === 'attested') lastGood = now;
				const seen = nextState(admission, { kind: 'time' }, now);
				if (seen.state === 'attested') t.true(lastGood >= 0 && now - lastGood < LEASE);
				// What is over stays as it was, word for word.
				if (before.state !== 'waiting' && before.state !== 'attested') t.is(admission, before);
				if (happens.kind === 'bad' && before.state === 'attested') t.is(admission.state, 'revoked');
				if (before.state === 'waiting' && admission.state === 'revoked')
					t.fail('never attested, so not revoked');
			}
		}),
		{ numRuns: 500 },
	);
});

test('who never shows anything is rejected with what came instead', t => {
	const strayed = nextState(waiting, { kind: 'stray', cause: { code: 'NonceWrong', reason: 'old' } }, 1);
	t.like(strayed, { state: 'waiting', strays: 1, records: 1 });
	t.like(nextState(strayed, { kind: 'good', keys, baseline }, WITHIN), {
		state: 'rejected',
		cause: {
			code: 'Silent',
			reason: 'no good evidence came within 60 s; what came was refused: NonceWrong: old',
		},
	});
});
