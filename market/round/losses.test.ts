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
	await store.transact(tx => recordLosses(tx, losses(0, 2000), 60));
	t.deepEqual(await ask(0), { at: 60, reason: 'room', price: null });
	t.deepEqual(await ask(1999), { at: 60, reason: 'price', price: '1999' });
	t.is(await ask(2000), undefined);
	await store.transact(tx => recordLosses(tx, losses(1990, 3), 120));
	t.is(await ask(0), undefined);
	t.is(await ask(1999), undefined);
	t.deepEqual(await ask(1991), { at: 120, reason: 'price', price: '1' });
	await store.transact(tx => recordLosses(tx, new Map(), 180));
	t.is(await ask(1991), undefined);
});
