import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { recordServer } from '../calendar/server.ts';
import { clientOver } from '../client.ts';
import { runMarket } from '../run-market.ts';
import { createHoldings } from '../simulate/holdings.ts';
import { createLocalTransport } from '../simulate/local-transport.ts';
import { createTransientStore } from '../simulate/transient-store.ts';
import { createLeasedServers } from './leased-servers.ts';
import { createOwnServers } from './own-servers.ts';

const hour = 3600;

test('an owner offers what it does not need, and has it back after the notice, also what others have leased', async t => {
	const clock = new FakeClock();
	const second = (): number => clock.now() / 1000;
	const store = createTransientStore();
	const holdings = createHoldings();
	const servers = ['red-1', 'red-2', 'red-3', 'red-4'];
	for (const name of servers)
		await store.transact(tx =>
			recordServer(tx, { name, owner: 'red', properties: {}, attestations: [] }, second()),
		);
	const running = await runMarket({
		store,
		fulfil: () => holdings,
		authenticator: { authenticate: async () => undefined },
		patience: 60,
		clock,
		random: () => 0.5,
		logger: silentLogger,
		version: '',
	});
	t.teardown(() => running.close());
	const as = (name: string) =>
		clientOver(
			createLocalTransport(running.deps, { name, isAdmin: name === 'root', projects: new Set([name]) }),
		);
	await as('root').moveCredits('blue', 'grant', { amount: '1000', key: 'k', note: '' });
	const common = { opening: 10, floor: 10, worth: 20, isPriced: true, shortest: hour, notice: 2 * hour };
	const own = createOwnServers(as('red'), { ...common, project: 'red', servers, block: 1 });
	const leased = createLeasedServers(as('blue'), { ...common, project: 'blue', servers: [], block: 1 });
	const pass = async (hours: number): Promise<void> => {
		clock.advance(hours * hour * 1000);
		await running.idle();
	};

	await own.keep(1, second(), 15);
	t.is(own.inHand(second()), 1);
	t.is(
		(await leased.lease({ servers: 9, length: 24 * hour, price: 14, likely: 14 }, second())).count,
		0,
		'too dear',
	);
	t.is((await leased.lease({ servers: 2, length: 24 * hour, price: 20, likely: 20 }, second())).count, 2);
	await running.idle();
	t.is(holdings.gained('blue'), 2);
	// One is free and back at once; of the leased ones one lease gives back both.
	await own.keep(3, second(), 15);
	t.is(own.inHand(second()), 2);
	await pass(1);
	t.is(own.inHand(second()), 2);
	await pass(1);
	t.is(holdings.gained('blue'), 0);
	t.is(own.inHand(second()), 3);
	await leased.refresh(second());
	t.is(leased.count(second()), 0);
	t.deepEqual(holdings.problems(), []);
	// What is with others is not offered anew as if it were here; all can go out again.
	await own.keep(0, second(), 15);
	t.is(own.inHand(second()), 0);
	t.is((await leased.lease({ servers: 9, length: hour, price: 20, likely: 20 }, second())).count, 4);
});

test('no more is leased than credits go for', async t => {
	const market = {
		leases: async () => [],
		credits: async () => ({ available: '0.5' }),
		placeBid: async ({ quantity }: { quantity: number }) => {
			t.is(quantity, 5);
			return { outcome: 'lost' };
		},
	};
	const settings = {
		project: 'p',
		servers: [],
		block: 1,
		opening: 1,
		floor: 1,
		worth: 1,
		isPriced: true,
		shortest: 1,
		notice: 0,
	};
	const leased = createLeasedServers(market as never, settings);
	t.is((await leased.lease({ servers: 9, length: 1000, price: 100, likely: 100 }, 0)).count, 0);
	t.is(
		(await leased.lease({ servers: 9, length: 1000, price: 501, likely: 501, budget: 501_000 }, 0)).count,
		0,
	);
});
