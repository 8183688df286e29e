import test from 'ava';
import fc from 'fast-check';
import { offers } from '../calendar/offer.ts';
import { leasedSpans } from '../calendar/span.ts';
import { leases } from '../lease/lease.ts';
import { cancelLease } from '../lease/leases.ts';
import { accounts } from '../ledger/account.ts';
import { checkBook } from '../ledger/check-book.ts';
import { showCredits } from '../ledger/credits.ts';
import { holds } from '../ledger/escrow.ts';
import { now, type SomeMarket, someMarket, bidTerms as wish } from '../market.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import { type BidTerms, bids, bidTerms } from './bid.ts';
import { placeBid } from './bids.ts';

const recordsOf = ({ store }: SomeMarket) =>
	store.read(async tx => [
		await tx.list(leases),
		await tx.list(bids),
		await tx.list(leasedSpans),
		await tx.list(accounts),
		await tx.list(holds),
	]);

test('a bid that is met pays what the offers ask, from escrow, and is one lease however often it is sent', async t => {
	const { store, offer, bid } = await someMarket();
	await offer({ price: '7' });
	const answers = await Promise.all([bid('k1'), bid('k1'), bid('k1')]);
	const [first] = answers;
	if (first?.outcome !== 'leased') return t.fail();
	for (const each of answers) t.deepEqual(each, first);
	t.is(first.lease.cost, String(2 * 7 * 100));
	t.deepEqual(
		first.lease.servers.map(({ server }) => server),
		['r1', 'r2'],
	);
	t.deepEqual([first.lease.start, first.lease.end], [now, now + 100]);
	t.is((await store.read(tx => showCredits(tx, 'blue'))).held, '0.0014');
	t.is(await store.read(tx => tx.count(leases)), 1);
	t.is(await codeOf(bid('k1', { quantity: 1 })), 'KeyReused');
	t.is(await codeOf(bid('k1', { project: 'green', quantity: 4 })), undefined, "another project's key");
	// The next one gets the server that is left at once, or all after the lease.
	const next = await bid('k2', { quantity: 3 });
	t.is(next.outcome === 'leased' && next.lease.start, now + 100);
	// Exactly the same hardware, of one's own leases only.
	const again = await bid('k3', { servers: { sameAs: first.id } });
	t.deepEqual(again.outcome === 'leased' && again.lease.servers.map(({ server }) => server), ['r1', 'r2']);
	t.is(await codeOf(bid('k4', { project: 'green', servers: { sameAs: first.id } })), 'NoSuchLease');
	t.deepEqual(await store.read(checkBook), []);
});

test('a lease keeps how its servers are attested, whichever way it came about; a booted image rules it out', async t => {
	const { offer, store, world, retry } = await someMarket();
	await offer();
	const attestation = {
		by: 'provider' as const,
		policy: 'strict',
		networks: [{ nic: 'eth0', network: 'inner' }],
	};
	const place = (key: string, wanted: Partial<BidTerms>, canAttest = true) => {
		const terms = { ...wish, quantity: 1, latest: now, attestation, ...wanted };
		return store.transact(tx => placeBid(tx, { key, bid: terms }, { ...world(), canBoot: true, canAttest }));
	};
	t.is(await codeOf(place('k1', {}, false)), 'BidRefused');
	t.is(await codeOf(place('k1', { boot: { image: 'debian' } })), 'BidRefused');
	t.like(await place('k1', {}), { outcome: 'leased', lease: { attestation } });
	t.like(await place('k2', { pieces: { shortest: 50 } }), { outcome: 'leased', lease: { attestation } });
	const late = { earliest: now + 900, latest: now + 1200, waitUntil: now + 1200, length: 200 };
	const waiting = await place('k3', late);
	if (waiting.outcome !== 'waiting') throw new Error(waiting.outcome);
	await offer({ times: { type: 'once', intervals: [{ start: now + 1000, end: now + 2000 }] } });
	const [made = ''] = await retry(waiting.bid);
	t.like(await store.read(tx => tx.get(leases, made)), { attestation });
});

test('a bid that loses is told why, and changes nothing', async t => {
	const market = await someMarket();
	const { offer, bid } = market;
	t.deepEqual(await bid('k'), { outcome: 'lost', most: 0, obstacles: {} });
	await offer();
	const before = await recordsOf(market);
	const reasons: [Partial<BidTerms>, object][] = [
		[{ quantity: 4 }, { most: 3, obstacles: {} }],
		[{ highest: '9' }, { most: 0, obstacles: { price: 3 }, cheapest: '10' }],
		[{ attestations: ['measured-boot'] }, { most: 1, obstacles: { attestation: 2 } }],
		[{ servers: { names: ['r3', 'x'] } }, { most: 1, obstacles: { 'other hardware': 2 } }],
		[{ length: 501 }, { most: 0, obstacles: { length: 3 } }],
		[{ length: 9 }, { most: 0, obstacles: { length: 3 } }],
		[{ earliest: now + 901 }, { most: 0, obstacles: { 'not free': 3 } }],
		[{ project: 'red' }, { most: 0, obstacles: { own: 3 } }],
	];
	for (const [wanted, why] of reasons) {
		t.deepEqual(await bid('k', wanted), { outcome: 'lost', ...why } as never, JSON.stringify(wanted));
	}
	const refusals: [string, Partial<BidTerms>][] = [
		['CreditsShort', { quantity: 3, length: 400 }],
		['NoSuchAccount', { project: 'poor' }],
		['BidRefused', { latest: now - 1, earliest: now - 9 }],
		['BidRefused', { earliest: now + 50, latest: now + 49 }],
		['BidRefused', { deadline: now + 99 }],
		['NoSuchLease', { servers: { sameAs: 'nothing' } }],
	];
	for (const [code, wanted] of refusals) t.is(await codeOf(bid('k', wanted)), code, JSON.stringify(wanted));
	t.is(await codeOf(bid('a key')), 'KeyRefused');
	t.deepEqual(await recordsOf(market), before);
	t.is((await bid('k')).outcome, 'leased');
});

test('a bid that waits has its most held, and is withdrawn, met or lapses once', async t => {
	const market = await someMarket();
	const { store, offer, bid, retry } = market;
	const credits = async () => {
		const { balance, held } = await store.read(tx => showCredits(tx, 'blue'));
		return [balance, held];
	};
	const waits = { waitUntil: now + 500 };
	const first = await bid('k1', waits);
	if (first.outcome !== 'waiting') return t.fail();
	t.deepEqual(await bid('k1', waits), first);
	t.is(await codeOf(bid('k1', { waitUntil: now + 501 })), 'KeyReused');
	t.deepEqual(await credits(), ['0.008', '0.002']);
	t.deepEqual(await retry(first.bid), []);
	await offer({ price: '4' });
	const [lease] = await retry(first.bid);
	t.is(typeof lease, 'string');
	t.deepEqual(await retry(first.bid), [], 'it waits no more');
	t.deepEqual(await credits(), ['0.0092', '0.0008']);
	t.like(await bid('k1', waits), { outcome: 'leased', id: lease });
	const before = await recordsOf(market);
	t.is(await codeOf(market.withdrawBid(first.bid)), 'BidSettled');
	t.is(await codeOf(market.withdrawBid('none')), 'NoSuchBid');
	t.is(await codeOf(bid('k2', { waitUntil: now })), 'BidRefused');
	t.is(await codeOf(bid('k2', { ...waits, quantity: 100 })), 'CreditsShort');
	t.deepEqual(await recordsOf(market), before);

	const second = await bid('k2', { ...waits, quantity: 4 });
	if (second.outcome !== 'waiting') return t.fail();
	const codes = await Promise.all([0, 1].map(() => codeOf(market.withdrawBid(second.bid))));
	t.deepEqual(codes, [undefined, 'BidSettled']);
	t.deepEqual(await credits(), ['0.0092', '0.0008']);
	t.is((await bid('k2', { ...waits, quantity: 4 })).outcome, 'withdrawn');
	t.deepEqual(await store.read(checkBook), []);
});

test('a lease is cancelled before it begins, once: the credits go back and the servers are free', async t => {
	const market = await someMarket();
	const { store, offer, bid } = market;
	await offer();
	const ask = { quantity: 3, earliest: now + 50, latest: now + 50 };
	const first = await bid('k1', ask);
	if (first.outcome !== 'leased') return t.fail();
	const cancel = (id: string, at: number) => codeOf(store.transact(tx => cancelLease(tx, { id }, at)));
	const before = await recordsOf(market);
	t.is(await cancel('', now), 'NoSuchLease');
	t.is(await cancel(first.id, now + 50), 'LeaseBegun');
	t.deepEqual(await recordsOf(market), before);
	t.deepEqual(await Promise.all([0, 1].map(() => cancel(first.id, now + 49))), [undefined, 'LeaseOver']);
	const { balance, held } = await store.read(tx => showCredits(tx, 'blue'));
	t.deepEqual([balance, held], ['0.01', '0']);
	const second = await bid('k2', ask);
	t.deepEqual(second.outcome === 'leased' && second.lease.servers, first.lease.servers);
	t.deepEqual(await store.read(checkBook), []);
});

test('an offer goes only to whom it is for', async t => {
	const { offer, bid } = await someMarket();
	await offer({ to: ['green'] });
	t.deepEqual(await bid('k'), { outcome: 'lost', most: 0, obstacles: { 'not for you': 3 } });
	t.is((await bid('k', { project: 'green' })).outcome, 'leased');
});

test('what a bid says is checked before it is looked at', t => {
	t.true(bidTerms.safeParse(wish).success);
	for (const wrong of [
		{ quantity: 0 },
		{ quantity: 1.5 },
		{ quantity: 1e9 },
		{ highest: '-5' },
		{ highest: '1e9' },
		{ length: 0 },
		{ earliest: -1 },
		{ deadline: 1e15 },
		{ project: '' },
		{ servers: {} },
	]) {
		t.false(bidTerms.safeParse({ ...wish, ...wrong }).success, JSON.stringify(wrong));
	}
});

test('bids, offers and withdrawals at once, in any order: nothing is leased twice, past its offer or above its price', async t => {
	const step = fc.oneof(
		{
			weight: 2,
			arbitrary: fc.record({
				price: fc.integer({ min: 1, max: 12 }).map(String),
				names: fc.uniqueArray(fc.constantFrom('r1', 'r2', 'r3'), { minLength: 1 }),
				start: fc.nat(300),
				length: fc.integer({ min: 10, max: 300 }),
			}),
		},
		{
			weight: 4,
			arbitrary: fc.record({
				project: fc.constantFrom('blue', 'green'),
				quantity: fc.integer({ min: 1, max: 3 }),
				earliest: fc.nat(300).map(at => now + at),
				length: fc.integer({ min: 5, max: 150 }),
				allOrNothing: fc.boolean(),
			}),
		},
		{ weight: 1, arbitrary: fc.record({ withdraw: fc.nat(12).map(n => `id-${n}`) }) },
	);
	const expected = new Set([undefined, 'OffersOverlap', 'CreditsShort', 'NoSuchOffer', 'OfferWithdrawn']);
	let leased = 0;
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { maxLength: 6 }),
			async rounds => {
				const { store, offer, bid, withdraw } = await someMarket();
				for (const [round, steps] of rounds.entries()) {
					const codes = steps.map((each, n) => {
						if ('withdraw' in each) return codeOf(withdraw(each.withdraw));
						if ('project' in each) return codeOf(bid(`${round}-${n}`, each));
						const { price, names, start, length } = each;
						const intervals = [{ start: now + start, end: now + start + length }];
						return codeOf(offer({ price, servers: { names }, times: { type: 'once', intervals } }));
					});
					for (const code of await Promise.all(codes)) t.true(expected.has(code), code);
				}
				const all = await store.read(tx => tx.list(leases));
				leased += all.length;
				const seconds = new Set<string>();
				for (const { id, document } of all) {
					let cost = 0n;
					for (const { server, offer, price } of document.servers) {
						const under = await store.read(tx => tx.get(offers, offer));
						t.true(under?.offered.includes(server));
						t.true(under?.intervals.some(each => each.start <= document.start && document.end <= each.end));
						t.is(price, String(under?.price));
						t.true(Number(price) <= 10);
						cost += BigInt(price) * BigInt(document.end - document.start);
						for (let at = document.start; at < document.end; at++) {
							t.false(seconds.has(`${server}@${at}`), id);
							seconds.add(`${server}@${at}`);
						}
					}
					const held = await store.read(tx => tx.get(holds, document.hold));
					t.deepEqual([held?.left, document.cost], [cost.toString(), cost.toString()]);
				}
				t.deepEqual(await store.read(checkBook), []);
			},
		),
		{ numRuns: 25 },
	);
	t.true(leased > 20, 'the scripts lease too little to show anything');
});
