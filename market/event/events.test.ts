import test from 'ava';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { counters } from '../ledger/transfer.ts';
import { eventId, listEvents, tell } from './events.ts';

const wanted = { kind: 'offer.made', of: 'o', projects: [] };

test('old events make room, a hundred at once, and whoever asks for them is told that they are gone', async t => {
	const store = createMemoryStore();
	const tellOnce = () => store.transact(tx => tell(tx, wanted, 1));
	for (let n = 0; n < 3; n++) await tellOnce();
	// As if very many had been told since.
	await store.transact(tx => tx.put(counters, 'events', { last: 100_098 }));
	const look = () => store.read(tx => listEvents(tx, { after: '', limit: 9 }, () => true));
	await tellOnce();
	t.deepEqual(
		(await look()).events.map(({ id }) => id),
		[1, 2, 3, 100_099].map(eventId),
	);
	await tellOnce();
	const left = await look();
	t.deepEqual(
		left.events.map(({ id }) => id),
		[100_099, 100_100].map(eventId),
	);
	t.true(left.gap);
});
