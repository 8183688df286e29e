import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { lossOf, type RoundLoss, recordLosses } from './losses.ts';

test('why a bid was not met is known until the next round, of each of very many', async t => {
	const store = createMemoryStore();
	const losses = (from: number, count: number): Map<string, Omit<RoundLoss, 'at'>> =>
		new Map(
			Array.from({ length: count }, (_, n) => [
				`bid-${from + n}`,
				n % 2 ? { reason: 'price', price: String(n) } : { reason: 'room', price: null },
			]),
		);
	const ask = (bid: number) => store.read(tx => lossOf(tx, `bid-${bid}`));
	await recordLosses(store, losses(0, 20_000), 60);
	t.deepEqual(await ask(0), { at: 60, reason: 'room', price: null });
	t.deepEqual(await ask(19_999), { at: 60, reason: 'price', price: '19999' });
	t.is(await ask(20_000), undefined);
	await recordLosses(store, losses(1990, 3), 120);
	t.is(await ask(0), undefined);
	t.is(await ask(19_999), undefined);
	t.deepEqual(await ask(1991), { at: 120, reason: 'price', price: '1' });
	await recordLosses(store, new Map(), 180);
	t.is(await ask(1991), undefined);
});
