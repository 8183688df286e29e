import test from 'ava';
import { simulate } from './simulate.ts';

const days = 30;

/** The lab has reserved servers by then, and others have let theirs. */
test('plays the scenario that ships: sound books, the same report by the same seed, another one by another', async t => {
	const first = await simulate('slides', { seed: 'one', days });
	t.deepEqual(first.problems, []);
	const { regimes } = first.summary;
	t.deepEqual(
		regimes.map(({ regime }) => regime),
		['no sharing', 'first come', 'market'],
	);
	for (const { participants, utilisation } of regimes) {
		t.true(utilisation > 0 && utilisation <= 1);
		for (const { busy, jobs } of participants) t.true(busy >= 0 && (jobs === null || jobs.meanWait >= 0));
	}
	// The demand is the same: every job has become something in each of them, or its time is still to come.
	const [alone, , market] = regimes;
	t.is(alone?.leases, 0);
	t.true((market?.leases ?? 0) > 0);
	t.true((market?.value ?? 0) > (alone?.value ?? 0), 'whoever shares loses nothing by it');
	const again = await simulate('slides', { seed: 'one', days });
	t.is(again.page, first.page);
	t.deepEqual(again.summary, first.summary);
	const other = await simulate('slides', { seed: 'two', days: 10 });
	t.notDeepEqual(other.summary.regimes, first.summary.regimes);
	t.notRegex(first.page, /(src|href)=|NaN|undefined|<script/);
});
