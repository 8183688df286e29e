import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { recordServer } from '../calendar/server.ts';
import { clientOver } from '../client.ts';
import { runMarket } from '../run-market.ts';
import { createHoldings } from '../simulate/holdings.ts';
import { createLocalTransport } from '../simulate/local-transport.ts';
import { createTransientStore } from '../simulate/transient-store.ts';
import { createComplianceAgent } from './compliance.ts';
import { createLeasedServers } from './leased-servers.ts';
import { createOwnServers } from './own-servers.ts';

const hour = 3600;

/** A market on which root records red's four servers, and clients of it; blue has 1000 credits. */
async function startSmallMarket(t: ExecutionContext) {
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
	return { clock, second, holdings, servers, running, as };
}

test('an owner offers what it does not need, and has it back after the notice, also what others have leased', async t => {
	const { clock, second, holdings, servers, running, as } = await startSmallMarket(t);
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

test('a new start takes over what is offered and bid for, and withdraws offers of its servers that are not its own', async t => {
	const { second, servers, running, as } = await startSmallMarket(t);
	const red = as('red');
	const common = { opening: 10, floor: 10, worth: 20, isPriced: true, shortest: hour, notice: 0 };
	const start = () =>
		createOwnServers(red, { ...common, project: 'red', servers: servers.slice(0, 3), block: 1 });
	const open = async () =>
		(await red.offers({ project: 'red' })).filter(({ state }) => state === 'open').map(({ id }) => id);
	await start().keep(2, second(), 15);
	const [mine] = await open();
	const times = { type: 'once' as const, intervals: [{ start: second(), end: second() + 9 * hour }] };
	const terms = { project: 'red', times, price: '11', shortest: 1, longest: 9, to: null, recallNotice: null };
	await red.makeOffer({ ...terms, servers: { names: ['red-2', 'red-3'] } });
	// Of a server that is none of this agent's.
	const { id: other } = await red.makeOffer({ ...terms, servers: { names: ['red-4'] } });
	const again = start();
	await again.keep(2, second(), 15);
	t.is(again.inHand(second()), 2);
	t.deepEqual(await open(), [mine, other].sort());

	// A job whose bid waits has no second one, also when the settings are others by now.
	const job = { id: 'j', servers: 2, length: hour, earliest: second(), latest: second() + hour };
	const begun: string[] = [];
	const queue = {
		waiting: () => (begun.length === 0 ? [job] : []),
		begin: ({ id }: { readonly id: string }) => void begun.push(id),
		giveUp: () => t.fail(),
	};
	const blue = as('blue');
	const startJobs = (worth: number) =>
		createComplianceAgent(blue, {
			...common,
			worth,
			project: 'blue',
			servers: [],
			block: 1,
			queue,
			attestations: [],
		});
	await startJobs(20).act(second());
	const next = startJobs(19);
	await next.act(second());
	t.deepEqual(
		(await blue.bids()).map(({ key, highest }) => [key, highest]),
		[['j', '20']],
	);
	await again.keep(0, second(), 15);
	await running.idle();
	await next.act(second());
	t.deepEqual(begun, ['j']);
	t.is(next.busy(second()), 2);
});
