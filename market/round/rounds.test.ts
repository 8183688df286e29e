// Rounds as the service has them, over its interface.
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { type HttpMarket, startMarket } from '../http-market.fixture.ts';
import { leases } from '../lease/lease.ts';
import { checkBook } from '../ledger/check-book.ts';
import { bidTerms, now, offerTerms, someMarket } from '../market.fixture.ts';
import { rounds } from './round.ts';
import { createRounds } from './rounds.ts';

const every = 60;
const firstRound = Math.ceil((now + 1) / every) * every;

async function furnish({ ok }: HttpMarket): Promise<void> {
	for (const name of ['r1', 'r2'])
		await ok('PUT', `/v1/servers/${name}`, { owner: 'red', properties: {} }, 'root');
	for (const project of ['blue', 'green'])
		await ok('POST', `/v1/credits/${project}/grant`, { amount: '1', key: 'first' }, 'root');
	await ok('POST', '/v1/offers', { ...offerTerms, servers: { names: ['r1', 'r2'] }, price: '4' });
}
const at = firstRound + 100;
const wish = {
	...bidTerms,
	earliest: at,
	latest: at,
	length: 100,
	quantity: 1,
	waitUntil: at,
	highest: '10',
};

test('bids wait for a round, pay its price, and are told why they lost', async t => {
	const market = await startMarket(t, { rounds: every });
	const { ok, call, pass, store } = market;
	await furnish(market);
	const place = async (key: string, wanted: object, who = 'bob') =>
		String((await ok('POST', '/v1/bids', { ...wish, key, ...wanted }, who)).bid);
	const refused = await call('POST', '/v1/bids', { ...wish, key: 'k', waitUntil: null }, 'bob');
	t.is(refused.body.code, 'BidRefused');
	const dear = await place('k1', {});
	const less = await place('k2', { highest: '8' });
	const last = await place('k3', { highest: '6', project: 'green' }, 'root');
	const low = await place('k4', { highest: '3' });
	const gone = await place('k5', { highest: '20' });
	await ok('POST', `/v1/bids/${gone}/withdraw`, {}, 'bob');
	// In pieces there is time left after those leases, at the round's price.
	const pieces = { latest: at + 200, length: 150, pieces: { shortest: 50 } };
	const short = await place('k6', { ...pieces, highest: '5' });
	const whole = await place('k7', { ...pieces, highest: '7' });
	t.deepEqual((await ok('GET', '/v1/leases', undefined, 'bob')).leases, []);
	await pass(firstRound - now);

	const { rounds } = await ok('GET', '/v1/rounds');
	t.like(rounds, [{ at: firstRound, overtaken: 0 }]);
	const [round] = rounds as { pools: object[] }[];
	const gains = String((10 - 4 + 8 - 4) * 100);
	t.deepEqual(round?.pools, [{ price: '6', bids: 4, met: 2, servers: 2, gains, bound: gains, by: 'exact' }]);
	// It has 150 seconds at 4, and both could have had 150 at most: the dearer one first, in the two times 200 that are left.
	t.deepEqual((round as { pieces?: object }).pieces, {
		...{ bids: 2, met: 1, leases: 1 },
		gains: String((7 - 4) * 150),
		bound: String((7 - 4) * 150 + (5 - 4) * 150),
	});
	for (const id of [dear, less]) {
		const { state, lease } = await ok('GET', `/v1/bids/${id}`, undefined, 'bob');
		t.is(state, 'leased');
		t.like(await ok('GET', `/v1/leases/${lease}`, undefined, 'bob'), { cost: '0.0006', start: at });
	}
	t.like(await ok('GET', `/v1/bids/${short}`, undefined, 'bob'), { state: 'waiting' });
	const { leases: parts } = await ok('GET', `/v1/bids/${whole}`, undefined, 'bob');
	t.is((parts as string[]).length, 1);
	const part = await ok('GET', `/v1/leases/${(parts as string[])[0]}`, undefined, 'bob');
	t.like(part, { start: at + 100, end: at + 250, cost: '0.0009' });
	const why = async (id: string) => (await ok('GET', `/v1/bids/${id}/why`, undefined, 'root')).lastRound;
	t.deepEqual(await why(low), { at: firstRound, reason: 'price', price: '6' });
	t.deepEqual(await why(last), { at: firstRound, reason: 'room', price: '6' });
	await pass(at + 100 - firstRound);
	t.like(await ok('GET', '/v1/credits/red'), { balance: '0.0012' });
	t.like(await ok('GET', `/v1/bids/${last}`, undefined, 'root'), { state: 'lapsed' });
	t.deepEqual(await store.read(checkBook), []);
});

test('what is withdrawn or leased while a round is cleared is left out, and nothing else is changed', async t => {
	const market = await someMarket();
	const { store, index, offer, bid, withdraw, withdrawBid } = market;
	const start = now + 200;
	const one = { quantity: 1, earliest: start, latest: start, length: 50, waitUntil: start };
	const ids: string[] = [];
	// They wait, since nothing is offered yet.
	for (const [n, name] of ['r1', 'r2', 'r3'].entries()) {
		const placed = await bid(`k${n}`, { ...one, servers: { names: [name] } });
		if (placed.outcome === 'waiting') ids.push(placed.bid);
	}
	const offers: string[] = [];
	for (const name of ['r1', 'r2', 'r3']) offers.push(await offer({ servers: { names: [name] }, price: '2' }));
	const clock = new FakeClock(now * 1000);
	let isDone = false;
	let leased = 0;
	const driver = createRounds({
		store,
		index,
		newId: () => `round-lease-${leased++}`,
		solver: {
			async solve() {
				if (!isDone) {
					isDone = true;
					await withdraw(offers[0] ?? '');
					await withdrawBid(ids[1] ?? '');
				}
				return { status: 'none', why: 'only withdrawn' };
			},
			close: async () => undefined,
		},
		every,
		patience: 1000,
		clock,
		logger: silentLogger,
		onLease: () => undefined,
		onChange: () => undefined,
	});
	t.teardown(() => driver.close());
	driver.start();
	clock.advance((firstRound - now) * 1000);
	await driver.idle();
	const [round] = await store.read(tx => tx.list(rounds));
	t.is(round?.document.overtaken, 2);
	const made = await store.read(tx => tx.list(leases));
	t.deepEqual(
		made.map(({ document }) => document.servers.map(({ server }) => server)),
		[['r3']],
	);
	t.is((await store.read(checkBook)).length, 0);
});
