import test from 'ava';
import { playAll } from './plays.ts';
import { readScenario } from './scenario.ts';
import { simulate } from './simulate.ts';

const days = 20;

/** The lab has reserved servers by then, and others have let theirs. */
test('plays the scenario that ships: sound books, the same report by the same seed, another one by another', async t => {
	const first = await simulate('slides', { seeds: ['one', 'two'], days });
	t.deepEqual(first.problems, []);
	const { regimes } = first.summary;
	t.deepEqual(
		regimes.map(({ regime }) => regime),
		['no sharing', 'first come', 'market'],
	);
	for (const { participants, utilisation, value } of regimes) {
		t.true(utilisation.least > 0 && utilisation.most <= 1);
		t.true(value.least < value.mean && value.mean < value.most, 'two seeds, two years');
		for (const { busy, jobs } of participants)
			t.true(busy.least >= 0 && (jobs === null || jobs.meanWait.least >= 0));
	}
	// The demand is the same: every job has become something in each of them, or its time is still to come.
	const [alone, , market] = regimes;
	t.is(alone?.leases.most, 0);
	t.true((market?.leases.least ?? 0) > 0);
	t.true((market?.value.least ?? 0) > (alone?.value.most ?? 0), 'whoever shares loses nothing by it');
	t.notRegex(first.page, /(src|href)=|NaN|undefined|<script/);
	t.regex(first.page, /class="c1 band"/);
});

test('the same seed makes the same report; it ends when it is told to, and says what fails', async t => {
	const once = await simulate('slides', { seeds: ['one'], days: 4 });
	const again = await simulate('slides', { seeds: ['one'], days: 4 });
	t.is(again.page, once.page);
	t.deepEqual(again.summary, once.summary);
	const stop = new AbortController();
	const stopped = simulate('slides', {
		seeds: ['one'],
		signal: stop.signal,
		onDay: () => stop.abort(new Error('enough')),
	});
	await t.throwsAsync(stopped, { message: 'enough' });
	const task = {
		scenario: { ...readScenario('slides'), notice: -1 },
		regime: 'market',
		seed: 'one',
	} as const;
	await t.throwsAsync(playAll([task, task, task], { onDay: () => undefined }), { message: /recallNotice/ });
});
