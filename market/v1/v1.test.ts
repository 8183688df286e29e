import test from 'ava';
import type { Collection } from '../../common/store/store.ts';
import { rules } from '../authorize/table.ts';
import { offers } from '../calendar/offer.ts';
import { servers } from '../calendar/server.ts';
import { leasedSpans, offeredSpans } from '../calendar/span.ts';
import { bids } from '../clearing/bid.ts';
import { type HttpMarket, startMarket } from '../http-market.fixture.ts';
import { leases } from '../lease/lease.ts';
import { accounts } from '../ledger/account.ts';
import { checkBook } from '../ledger/check-book.ts';
import { claims } from '../ledger/claim.ts';
import { holds } from '../ledger/escrow.ts';
import { counters, transfers } from '../ledger/transfer.ts';
import { bidTerms, now, offerTerms } from '../market.fixture.ts';
import { marketRoutes } from './routes.ts';

/** Red's r1 to r3; blue has a credit. */
async function furnish({ ok }: HttpMarket): Promise<void> {
	for (const name of ['r1', 'r2', 'r3'])
		await ok('PUT', `/v1/servers/${name}`, { owner: 'red', properties: { model: 'R640' } }, 'root');
	await ok('POST', '/v1/credits/blue/grant', { amount: '1', key: 'first' }, 'root');
}
const bid = { ...bidTerms, key: 'k1', quantity: 2, earliest: now + 10, latest: now + 10 };

test('from an offer to a lease that is over, as programs see it', async t => {
	const market = await startMarket(t);
	const { ok, call, pass, idle, store } = market;
	await furnish(market);
	t.like(await ok('GET', '/v1/me', undefined, 'bob'), { name: 'bob', projects: ['blue'] });
	t.is(((await ok('GET', '/v1/servers?project=red')) as { servers: object[] }).servers.length, 3);

	const lost = await ok('POST', '/v1/bids', bid, 'bob');
	t.deepEqual(lost, { outcome: 'lost', most: 0, obstacles: {} });
	const placed = await ok('POST', '/v1/bids', { ...bid, waitUntil: now + 9 }, 'bob');
	t.like(placed, { outcome: 'waiting' });
	t.like(await ok('GET', '/v1/credits/blue', undefined, 'bob'), { held: '0.002', available: '0.998' });
	t.deepEqual(await ok('GET', `/v1/bids/${placed.bid}/why`, undefined, 'bob'), { most: 0, obstacles: {} });
	t.is((await call('GET', `/v1/bids/${placed.bid}`)).status, 404);

	const offer = await ok('POST', '/v1/offers', { ...offerTerms, price: '3' });
	t.like(offer, { state: 'open', servers: ['r1', 'r2', 'r3'] });
	await idle();
	const met = await ok('GET', `/v1/bids/${placed.bid}`, undefined, 'bob');
	t.like(met, { state: 'leased' });
	const path = `/v1/leases/${met.lease}`;
	t.like(await ok('GET', path, undefined, 'bob'), { state: 'reserved', cost: '0.0006' });
	t.like(await ok('GET', path), { project: 'blue' }, 'the owner sees it as well');
	t.is((await call('GET', path, undefined, 'eve')).status, 404);
	t.is((await call('POST', `${path}/cancel`, {})).status, 403);
	await pass(10);
	t.like(await ok('GET', path), { state: 'active', deliveredAt: now + 10 });
	t.like(await ok('GET', '/v1/calendar/r1'), {
		offered: [{ price: '3' }],
		leased: [{ start: now + 10, end: now + 110 }],
	});
	await pass(100);
	t.like(await ok('GET', path), { state: 'over' });
	t.like(await ok('GET', '/v1/credits/red'), { balance: '0.0006' });
	const { lines } = await ok('GET', '/v1/credits/red/statement');
	t.like(lines, [{ amount: '0.0006', kind: 'lease' }]);
	t.deepEqual((await ok('GET', '/v1/leases', undefined, 'bob')).leases, []);
	const { leases } = await ok('GET', '/v1/leases?project=blue&all=true', undefined, 'bob');
	t.is((leases as object[]).length, 1);
	t.like(await ok('GET', '/v1/prices'), { days: [{ servers: 2, mean: '3', least: '3', seconds: '200' }] });
	// A day's guide price comes from days before it.
	const guide = () => ok('GET', '/v1/prices/guide');
	t.like(await guide(), { guides: [] });
	await pass(86_400);
	t.like(await guide(), { guides: [{ price: '3', days: 1, seconds: '200' }] });
	const history = await ok('GET', `/v1/prices/guide?from=${now}`);
	t.deepEqual(history, await guide(), 'there was none the day before');
	t.deepEqual(await store.read(checkBook), []);
});

test('events are told to those whom they concern, are waited for, and go on after a cut', async t => {
	const market = await startMarket(t);
	const { ok } = market;
	await furnish(market);
	const kinds = (answer: Record<string, unknown>) =>
		(answer.events as { kind: string }[]).map(({ kind }) => kind);
	const nothing = await ok('GET', '/v1/events', undefined, 'bob');
	t.deepEqual(kinds(nothing), []);
	const waiting = ok('GET', `/v1/events?wait=30000&after=${nothing.next}`, undefined, 'bob');
	await ok('POST', '/v1/offers', { ...offerTerms, to: ['green'], servers: { names: ['r3'] } });
	await ok('POST', '/v1/offers', { ...offerTerms, servers: { names: ['r1', 'r2'] } });
	const first = await waiting;
	t.deepEqual(kinds(first), ['offer.made'], 'not the one that is for others');
	await ok('POST', '/v1/bids', bid, 'bob');
	const second = await ok('GET', `/v1/events?after=${first.next}`, undefined, 'bob');
	t.deepEqual(kinds(second), ['lease.reserved']);
	t.is(second.gap, false);
	const all = await ok('GET', '/v1/events');
	t.deepEqual(kinds(all), ['offer.made', 'offer.made', 'lease.reserved']);
	t.deepEqual(kinds(await ok('GET', '/v1/events', undefined, 'eve')), ['offer.made']);
});

test('what is over is closed to the second: offers, and bids that waited', async t => {
	const market = await startMarket(t);
	const { ok, pass } = market;
	await furnish(market);
	const times = { type: 'once', intervals: [{ start: now, end: now + 20 }] };
	const offer = await ok('POST', '/v1/offers', { ...offerTerms, times });
	const { bid: id } = await ok('POST', '/v1/bids', { ...bid, quantity: 9, waitUntil: now + 5 }, 'bob');
	const states = async () => [
		(await ok('GET', `/v1/offers/${offer.id}`)).state,
		(await ok('GET', `/v1/bids/${id}`, undefined, 'bob')).state,
	];
	await pass(4);
	t.deepEqual(await states(), ['open', 'waiting']);
	await pass(1);
	t.deepEqual(await states(), ['open', 'lapsed']);
	t.like(await ok('GET', '/v1/credits/blue', undefined, 'bob'), { balance: '1', held: '0' });
	await pass(15);
	t.deepEqual(await states(), ['over', 'lapsed']);
	t.deepEqual((await ok('GET', '/v1/offers')).offers, []);
});

test('a server is leased on, does not come, and who owes whom is told to those whom it concerns', async t => {
	const market = await startMarket(t);
	const { ok, call, pass, fulfilment } = market;
	await furnish(market);
	await ok('POST', '/v1/credits/red/grant', { amount: '0.000001', key: 'first' }, 'root');
	await ok('POST', '/v1/offers', { ...offerTerms, servers: { names: ['r1'] }, sublease: { to: null } });
	const placed = await ok('POST', '/v1/bids', { ...bid, quantity: 1 }, 'bob');
	const { id } = placed.lease as { id: string };
	const times = { type: 'once', intervals: [{ start: now + 20, end: now + 100 }] };
	const out = { ...offerTerms, project: 'blue', under: id, servers: { where: [] }, times, price: '30' };
	t.like(await ok('POST', '/v1/offers', out, 'bob'), { under: id, chain: ['red'], servers: ['r1'] });
	t.is((await call('POST', '/v1/offers', { ...out, project: 'red' })).body.code, 'NoSuchLease');
	t.is((await call('POST', `/v1/leases/${id}/recall`, { project: 'red' })).body.code, 'RecallRefused');
	fulfilment.broken = 'r1';
	await pass(80);
	t.like(await ok('GET', `/v1/leases/${id}`), { state: 'failed', delays: [{ by: 'red', seconds: 100 }] });
	const { claims: owed } = await ok('GET', '/v1/credits/blue/claims', undefined, 'bob');
	t.like((owed as object[])[0], {
		debtor: 'red',
		creditor: 'blue',
		amount: '0.0001',
		left: '0.000099',
		of: id,
	});
	t.deepEqual((await ok('GET', '/v1/credits/red/claims')).claims, owed);
	t.like(await ok('GET', '/v1/credits/red'), { balance: '0', owes: '0.000099', isOwed: '0' });
	t.is((await call('GET', '/v1/credits/red/claims', undefined, 'eve')).status, 403);
	await ok('POST', '/v1/credits/red/grant', { amount: '1', key: 'second' }, 'root');
	t.deepEqual((await ok('GET', '/v1/credits/blue/claims', undefined, 'bob')).claims, []);
	const all = await ok('GET', '/v1/credits/blue/claims?all=true', undefined, 'bob');
	t.like((all.claims as object[])[0], { left: '0' });
	t.like(await ok('GET', '/v1/credits/blue', undefined, 'bob'), { balance: '1.0001' });
});

/** Every record of the market, as it is kept. */
const wholeBook = (store: HttpMarket['store']): Promise<string> =>
	store.read(async tx => {
		const ledger = [accounts, transfers, holds, claims, counters];
		const calendar = [servers, offers, offeredSpans, leasedSpans, bids, leases];
		const all: unknown[] = [];
		for (const collection of [...ledger, ...calendar])
			all.push(await tx.list(collection as Collection<unknown>));
		return JSON.stringify(all);
	});

test('bad input is a clear error, and the book is as before, byte for byte', async t => {
	const market = await startMarket(t);
	const { call, ok, store } = market;
	await furnish(market);
	await ok('PUT', '/v1/servers/b1', { owner: 'blue', properties: {} }, 'root');
	await ok('POST', '/v1/offers', { ...offerTerms, servers: { names: ['r1'] } });
	const before = await wholeBook(store);
	const ofSecond = { ...offerTerms, servers: { names: ['r2'] } };
	const once = (...all: [number, number][]) => ({
		type: 'once',
		intervals: all.map(([start, end]) => ({ start: now + start, end: now + end })),
	});
	const weekly = {
		type: 'weekly',
		zone: 'Europe/Berlin',
		days: ['sun'],
		first: '2026-03-29',
		last: '2026-03-29',
	};
	const wrong: [path: string, body: object, who: string, status: number, code?: string][] = [
		['/v1/offers', { ...offerTerms, servers: { names: ['b1'] } }, 'alice', 403, 'NotTheOwner'],
		['/v1/offers', { ...offerTerms, servers: { names: ['r1'] } }, 'alice', 409, 'OffersOverlap'],
		['/v1/offers', offerTerms, 'bob', 403, 'Forbidden'],
		// In that night the clock is set ahead from two to three.
		[
			'/v1/offers',
			{ ...offerTerms, times: { ...weekly, from: '02:10', until: '02:50' } },
			'alice',
			400,
			'TimesRefused',
		],
		['/v1/offers', { ...offerTerms, price: '-1' }, 'alice', 400],
		['/v1/offers', { ...offerTerms, price: '99999999999999999999' }, 'alice', 400],
		['/v1/offers', { ...offerTerms, colour: 'red' }, 'alice', 400],
		['/v1/offers', { ...offerTerms, price: '0' }, 'alice', 400],
		['/v1/offers', { ...offerTerms, price: '1.5' }, 'alice', 400],
		['/v1/offers', { ...offerTerms, servers: { names: ['none'] } }, 'alice', 404, 'NoSuchServer'],
		['/v1/offers', { ...ofSecond, times: once([0, 50], [49, 90]) }, 'alice', 400, 'TimesRefused'],
		['/v1/offers', { ...ofSecond, times: once([50, 50]) }, 'alice', 400],
		['/v1/offers', { ...ofSecond, times: once([50, 40]) }, 'alice', 400],
		['/v1/offers', { ...ofSecond, times: once([-500, -400]) }, 'alice', 400, 'TimesRefused'],
		['/v1/offers', { ...ofSecond, shortest: 2000, longest: 3000 }, 'alice', 400, 'OfferRefused'],
		['/v1/offers', { ...ofSecond, shortest: -1 }, 'alice', 400],
		['/v1/offers', { ...ofSecond, under: 'none' }, 'alice', 404, 'NoSuchLease'],
		[
			'/v1/offers',
			{ ...ofSecond, times: { ...weekly, zone: 'Europe/Nowhere', from: '08:00', until: '09:00' } },
			'alice',
			400,
			'TimesRefused',
		],
		['/v1/bids', { ...bid, quantity: 10_001 }, 'bob', 400],
		['/v1/bids', { ...bid, length: 0 }, 'bob', 400],
		['/v1/bids', { ...bid, length: 315_360_001 }, 'bob', 400],
		['/v1/bids', { ...bid, highest: '-1' }, 'bob', 400],
		['/v1/bids', { ...bid, latest: now + 5, earliest: now + 6 }, 'bob', 400, 'BidRefused'],
		['/v1/bids', { ...bid, servers: { sameAs: 'none' } }, 'bob', 404, 'NoSuchLease'],
		['/v1/bids', { ...bid, boot: { image: 'debian' } }, 'bob', 400, 'BidRefused'],
		['/v1/bids', { ...bid, attestation: { by: 'provider', networks: [] } }, 'bob', 400],
		[
			'/v1/bids',
			{ ...bid, attestation: { by: 'provider', networks: [{ nic: 'eth0', network: 'inner' }] } },
			'bob',
			400,
			'BidRefused',
		],
		['/v1/bids', bid, 'alice', 403, 'Forbidden'],
		['/v1/credits/blue/grant', { amount: '1000000000001', key: 'k' }, 'root', 400, 'AmountRefused'],
		['/v1/credits/blue/grant', { amount: '0', key: 'k' }, 'root', 400, 'AmountRefused'],
		['/v1/credits/blue/grant', { amount: '0.0000001', key: 'k' }, 'root', 400, 'AmountRefused'],
		['/v1/credits/blue/transfer', { to: 'a/b', amount: '1', key: 'k' }, 'bob', 400],
		['/v1/bids', { ...bid, quantity: -1 }, 'bob', 400],
		['/v1/bids', { ...bid, waitUntil: now + 5, highest: '99999999999' }, 'bob', 409, 'CreditsShort'],
		['/v1/bids', { ...bid, latest: now - 1 }, 'bob', 400, 'BidRefused'],
		['/v1/credits/blue/transfer', { to: 'red', amount: '2', key: 'k' }, 'bob', 409, 'CreditsShort'],
		['/v1/credits/blue/transfer', { to: 'red', amount: '-2', key: 'k' }, 'bob', 400, 'AmountRefused'],
		['/v1/credits/blue/transfer', { to: 'red', amount: '1e3', key: 'k' }, 'bob', 400, 'AmountRefused'],
		['/v1/credits/blue/transfer', { to: 'blue', amount: '1', key: 'k' }, 'bob', 400, 'TransferRefused'],
		['/v1/credits/red/transfer', { to: 'blue', amount: '1', key: 'k' }, 'bob', 403, 'Forbidden'],
		['/v1/credits/blue/grant', { amount: '1', key: 'k' }, 'bob', 403, 'Forbidden'],
	];
	for (const [path, body, who, status, code] of wrong) {
		const answer = await call('POST', path, body, who);
		const said = JSON.stringify([path, body, answer.body]);
		t.is(answer.status, status, said);
		if (code !== undefined) t.is(answer.body.code, code, said);
	}
	t.is((await call('GET', '/v1/me', undefined, null)).status, 401);
	t.deepEqual(await wholeBook(store), before, 'nothing is written for what is refused');
	t.deepEqual(await store.read(checkBook), []);
});

test('sent twice at once, a thing is done once; an offer withdrawn while it is bid for is leased or withdrawn', async t => {
	const market = await startMarket(t);
	const { ok, call, store } = market;
	await furnish(market);
	const grants = [1, 2].map(() =>
		ok('POST', '/v1/credits/blue/grant', { amount: '1', key: 'twice' }, 'root'),
	);
	t.deepEqual(
		(await Promise.all(grants)).map(({ balance }) => balance),
		['2', '2'],
	);
	const offers = await Promise.all([1, 2].map(() => call('POST', '/v1/offers', offerTerms)));
	t.deepEqual(offers.map(({ status }) => status).sort(), [200, 409]);
	const id = String(offers.find(({ status }) => status === 200)?.body.id);
	const asked = [
		...[1, 2].map(() => call('POST', '/v1/bids', bid, 'bob')),
		call('POST', `/v1/offers/${id}/withdraw`, {}),
		call('POST', `/v1/offers/${id}/withdraw`, {}),
		call('POST', '/v1/bids', { ...bid, key: 'k2', quantity: 1 }, 'bob'),
	];
	const [first, second, withdrawn, again] = await Promise.all(asked);
	t.deepEqual(first?.body, second?.body);
	t.deepEqual([withdrawn?.status, again?.status].sort(), [200, 409]);
	const { leases } = await ok('GET', '/v1/leases', undefined, 'bob');
	const leased = (leases as { servers: { server: string }[] }[]).flatMap(({ servers }) =>
		servers.map(({ server }) => server),
	);
	t.is(new Set(leased).size, leased.length);
	t.deepEqual(await store.read(checkBook), []);
});

test('the interface is described, and every action has a route', async t => {
	const { ok } = await startMarket(t);
	const described = await ok('GET', '/v1/openapi.json');
	const paths = Object.keys(described.paths as object);
	for (const { path } of marketRoutes()) t.true(paths.includes(`/v1${path}`), path);
	const actions = new Set<string>(['api.describe', ...marketRoutes().map(({ action }) => action)]);
	t.deepEqual([...actions].sort(), Object.keys(rules).sort());
});
