import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { createEndings } from '../../common/endings.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { now } from '../market.fixture.ts';
import { tell } from './events.ts';
import { createPublisher } from './publisher.ts';

/** A broker of which one can wait for a number of attempts. */
function someBroker() {
	const taken: { topic: string; payload: unknown }[] = [];
	const waiters: (() => void)[] = [];
	let attempts = 0;
	const broker = {
		isAway: false,
		taken,
		async publish(topic: string, payload: unknown): Promise<void> {
			attempts++;
			for (const waiter of waiters.splice(0)) waiter();
			if (broker.isAway) throw new Error('it is away');
			taken.push({ topic, payload });
		},
		async attempted(count: number): Promise<void> {
			while (attempts < count) await new Promise<void>(resolve => waiters.push(resolve));
		},
	};
	return broker;
}

test('events are published in order and without a gap, also what happened while broker or market were away', async t => {
	t.timeout(60_000);
	const store = createMemoryStore();
	const clock = new FakeClock(now * 1000);
	const endings = createEndings(clock);
	const happen = async (kind: string, of: string) => {
		await store.transact(tx => tell(tx, { kind, of, projects: ['red'] }, now));
		endings.tell('events');
	};
	const broker = someBroker();
	const start = () => createPublisher({ store, bus: broker, endings, logger: silentLogger });
	await happen('offer.made', 'o1');
	const first = start();
	await broker.attempted(1);
	await happen('bid.waiting', 'b1');
	await broker.attempted(2);
	broker.isAway = true;
	await happen('lease.reserved', 'l1');
	await broker.attempted(3);
	await first.close();
	await happen('lease.active', 'l1');
	broker.isAway = false;
	const second = start();
	await broker.attempted(5);
	await second.close();
	t.deepEqual(
		broker.taken.map(({ topic }) => topic),
		['offers/o1', 'bids/b1', 'leases/l1', 'leases/l1'].map(each => `bimetal/market/${each}`),
	);
	const id = '0000000000000004';
	t.deepEqual(broker.taken.at(-1)?.payload, {
		id,
		at: now,
		kind: 'lease.active',
		of: 'l1',
		projects: ['red'],
	});
	// Nothing is left to come, and nothing comes twice.
	const third = start();
	await happen('lease.over', 'l1');
	await broker.attempted(6);
	await third.close();
	t.is(broker.taken.length, 5);
});
