import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { now } from '../market.fixture.ts';
import { clearPool } from './clear.ts';
import { poolsOf } from './pool.ts';
import { indexOf } from './round.fixture.ts';
import { bidsOfRound } from './round-bids.ts';
import { inTurns } from './turns.ts';

const hour = 3600;
const solver = { solve: async () => ({ status: 'none', why: '' }) as const, close: async () => undefined };

test('others have their turn while a large pool is cleared, and it can be ended', async t => {
	const size = 20_000;
	const index = indexOf(
		Array.from({ length: size }, (_, n) => ({
			model: 'a',
			price: 1 + (n % 50),
			start: 0,
			end: 90 * 24 * hour,
		})),
		Array.from({ length: size }, (_, n) => ({
			quantity: 1,
			earliest: now + (n % 2000) * hour,
			latest: now + (n % 2000) * hour,
			length: hour,
			highest: '60',
		})),
	);
	let turns = 0;
	let isOver = false;
	const count = (): void => {
		turns++;
		if (!isOver) setImmediate(count);
	};
	count();
	const [pool] = await inTurns(poolsOf(await bidsOfRound(createMemoryStore(), index, { now })));
	if (!pool) return t.fail();
	const { awards } = await clearPool(pool, { solver, patience: 1 });
	t.true(awards.length > 0.9 * size, `${awards.length}`);
	// A turn is milliseconds, and this takes some tenths of a second on any machine.
	t.true(turns > 20, `${turns}`);
	const ended = new AbortController();
	const clearing = clearPool(pool, { solver, patience: 1, signal: ended.signal });
	setImmediate(() => ended.abort(new Error('enough')));
	await t.throwsAsync(clearing, { message: 'enough' });
	isOver = true;
});

test('what goes wrong in a step is the fault of the whole', async t => {
	function* broken(): Generator<undefined, number> {
		yield;
		throw new Error('no');
	}
	await t.throwsAsync(inTurns(broken()), { message: 'no' });
});
