import type { ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import type { BidTerms } from '../clearing/bid.ts';
import { showCredits } from '../ledger/credits.ts';
import { bidTerms, now, type SomeMarket, someMarket } from '../market.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import { createLeaseDriver, type LeaseDriver } from './driver.ts';
import { type Lease, leases } from './lease.ts';
import { createStrictFulfilment, type StrictFulfilment } from './strict-fulfilment.fixture.ts';

/** A market whose leases go their way on a clock that is moved by hand. */
export interface LeaseBench {
	readonly market: SomeMarket;
	readonly fulfilment: StrictFulfilment;
	/** The driver that runs now. */
	driver: LeaseDriver;
	/** Another one takes over, as after a kill: what was in memory is gone. */
	restart(): Promise<void>;
	/** Lets seconds pass, one at a time. */
	pass(seconds: number): Promise<void>;
	lease(id: string): Promise<Lease>;
	credits(project: string): Promise<string>;
	/** Leases r1 and r2 to blue for 100 s from second 50 on, at 2 a second each: 400 in all. */
	book(wanted?: Partial<BidTerms>): Promise<string>;
	act(id: string, work: (market: SomeMarket) => Promise<unknown>): Promise<string | undefined>;
}

/** Patience for a delivery is 60 seconds. */
export async function leaseBench(t: Pick<ExecutionContext, 'teardown'>): Promise<LeaseBench> {
	const market = await someMarket();
	const clock = new FakeClock(now * 1000);
	const fulfilment = createStrictFulfilment();
	const open = () =>
		createLeaseDriver({
			store: market.store,
			fulfilment,
			patience: 60,
			clock,
			random: () => 0.5,
			logger: silentLogger,
			onFreed: () => undefined,
			onChange: () => undefined,
		});
	let booked = 0;
	const made: LeaseBench = {
		market,
		fulfilment,
		driver: open(),
		async restart() {
			await made.driver.close();
			made.driver = open();
			await made.driver.start();
			await made.driver.idle();
		},
		async pass(seconds) {
			for (let n = 0; n < seconds; n++) {
				clock.advance(1000);
				market.at++;
				await made.driver.idle();
			}
		},
		lease: async id => {
			const found = await market.store.read(tx => tx.get(leases, id));
			if (!found) throw new Error(`no lease ${id}`);
			return found;
		},
		credits: async project => {
			const { balance, held } = await market.store.read(tx => showCredits(tx, project));
			return `${balance} + ${held}`;
		},
		async book(wanted = {}) {
			const terms = { ...bidTerms, earliest: now + 50, latest: now + 50, ...wanted };
			const outcome = await market.bid(`booked-${booked++}`, terms);
			if (outcome.outcome !== 'leased') throw new Error(outcome.outcome);
			made.driver.wake(outcome.id);
			await made.driver.idle();
			return outcome.id;
		},
		async act(id, work) {
			const code = await codeOf(work(market));
			made.driver.wake(id);
			await made.driver.idle();
			return code;
		},
	};
	t.teardown(() => made.driver.close());
	return made;
}
