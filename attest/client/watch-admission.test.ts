import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { watchAdmission } from './watch-admission.ts';

const attested = (attestedFor: number) => ({ state: 'attested', attestedFor, code: null, reason: null });
const turns = async () => {
	for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

/** A verifier that answers as it is told; `null`: not at all. */
function bench(answers: (ReturnType<typeof attested> | object | null)[]) {
	const clock = new FakeClock();
	const stop = new AbortController();
	let looks = 0;
	let over: string | undefined;
	const look = async () => {
		const answer = answers[Math.min(looks++, answers.length - 1)];
		if (!answer) throw new Error('nobody answers');
		return answer as ReturnType<typeof attested>;
	};
	const watching = watchAdmission({ look, clock, signal: stop.signal, pace: 1000 });
	watching.then(
		why => {
			over = why;
		},
		() => undefined,
	);
	return {
		...{ watching, stop },
		over: () => over,
		looks: () => looks,
		async pass(ms: number) {
			await turns();
			for (let step = 0; step < ms; step += 100) {
				clock.advance(100);
				await turns();
			}
		},
	};
}

test('a verifier that stops takes its trust with it when its word has run out, not sooner and not later', async t => {
	const { pass, over } = bench([attested(3000), attested(3000), null]);
	await pass(1000);
	t.is(over(), undefined);
	// Said at 1,000 for 3,000 more.
	await pass(2900);
	t.is(over(), undefined);
	await pass(100);
	t.regex(over() ?? '', /does not answer, and what it said last has run out/);
});

test('an answer that never comes, or comes late, is worth no more than it says from when it was asked for', async t => {
	const clock = new FakeClock();
	const slow = [attested(2000)];
	let answer: (view: ReturnType<typeof attested>) => void = () => undefined;
	const look = () => {
		const [now] = slow.splice(0);
		if (now) return Promise.resolve(now);
		return new Promise<ReturnType<typeof attested>>(resolve => {
			answer = resolve;
		});
	};
	let over: string | undefined;
	const { signal } = new AbortController();
	void watchAdmission({ look, clock, signal, pace: 500 }).then(why => {
		over = why;
	});
	await turns();
	clock.advance(500);
	await turns();
	clock.advance(1000);
	answer(attested(1200));
	await turns();
	t.is(over, undefined);
	// It was asked for at 500, so it counts until 1,700, and it is 1,500 now.
	clock.advance(200);
	await turns();
	t.regex(over ?? '', /has run out/);
});

test('what the verifier says ends it at once; who waits is waited for; a first look that fails is told', async t => {
	const waiting = { state: 'waiting', attestedFor: 0, code: null, reason: null };
	const revoked = { state: 'revoked', attestedFor: 0, code: 'PcrChanged', reason: 'PCR 4' };
	const first = bench([waiting, waiting, attested(5000), revoked]);
	await first.pass(2000);
	t.is(first.over(), undefined);
	await first.pass(1000);
	t.is(first.over(), 'PcrChanged: PCR 4');
	const early = bench([revoked]);
	t.is(await early.watching, 'PcrChanged: PCR 4');
	const away = bench([null]);
	await t.throwsAsync(away.watching, { message: 'nobody answers' });
	const stopped = bench([attested(5000)]);
	await turns();
	stopped.stop.abort(new Error('enough'));
	await t.throwsAsync(stopped.watching, { message: 'enough' });
});
