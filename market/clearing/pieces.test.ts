import test from 'ava';
import fc from 'fast-check';
import type { ReadTransaction } from '../../common/store/store.ts';
import { offers } from '../calendar/offer.ts';
import { leases } from '../lease/lease.ts';
import { checkBook } from '../ledger/check-book.ts';
import { showCredits } from '../ledger/credits.ts';
import { bidTerms, now, type SomeMarket, someMarket } from '../market.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import type { BidTerms } from './bid.ts';
import { wishOf } from './bids.ts';
import { slotsFor } from './pieces.ts';
import { limitAt } from './schedule.ts';

const offerOf = (market: SomeMarket, server: string, start: number, end: number, price = '10') =>
	market.offer({
		servers: { names: [server] },
		price,
		times: { type: 'once', intervals: [{ start: now + start, end: now + end }] },
	});

/** Server, start and end of each lease of an outcome, in order. */
function piecesOf(outcome: Awaited<ReturnType<SomeMarket['bid']>>): unknown[] {
	if (outcome.outcome !== 'leased') return [outcome.outcome];
	return [outcome, ...(outcome.more ?? [])].map(({ lease: { servers, start, end } }) => [
		servers.map(({ server }) => server).join(),
		start - now,
		end - now,
	]);
}

test('a bid in pieces gets its seconds from several servers and times, cheapest first, none too short', async t => {
	const market = await someMarket();
	await offerOf(market, 'r1', 0, 60, '4');
	await offerOf(market, 'r2', 100, 160, '2');
	await offerOf(market, 'r3', 0, 15, '1');
	const ask = { quantity: 1, length: 100, pieces: { shortest: 20 } };
	const first = await market.bid('k', ask);
	t.deepEqual(piecesOf(first), [
		['r2', 100, 160],
		['r1', 0, 40],
	]);
	t.deepEqual(await market.bid('k', ask), first, 'however often it is sent');
	t.is(await market.store.read(tx => tx.count(leases)), 2);
	t.is((await market.store.read(tx => showCredits(tx, 'blue'))).held, '0.00028');
	t.deepEqual(await market.store.read(checkBook), []);
	// What is left of r1 is exactly long enough; there is no more.
	t.deepEqual(await market.bid('k2', { ...ask, length: 21 }), {
		outcome: 'lost',
		most: 1,
		seconds: 20,
		obstacles: { 'not free': 2 },
	});
	t.deepEqual(piecesOf(await market.bid('k2', { ...ask, length: 21, allOrNothing: false })), [
		['r1', 40, 60],
	]);
});

test('when the cheapest pieces are too many to come out, the longest are taken', async t => {
	const market = await someMarket();
	await offerOf(market, 'r1', 0, 12, '1');
	await offerOf(market, 'r2', 0, 12, '1');
	await offerOf(market, 'r3', 0, 15, '9');
	const ask = { quantity: 1, length: 15, pieces: { shortest: 10 } };
	t.deepEqual(piecesOf(await market.bid('k', ask)), [['r3', 0, 15]]);
	// Two of ten would be too much, and one of twelve is better than none.
	t.is((await market.bid('k2', ask)).outcome, 'lost');
	t.deepEqual(piecesOf(await market.bid('k2', { ...ask, allOrNothing: false })), [['r1', 0, 12]]);
});

test('a bid in pieces waits with its most held, and is met when there is enough', async t => {
	const market = await someMarket();
	const ask = { quantity: 2, length: 30, pieces: { shortest: 10 }, waitUntil: now + 500 };
	const first = await market.bid('k', ask);
	if (first.outcome !== 'waiting') return t.fail();
	const credits = () => market.store.read(tx => showCredits(tx, 'blue'));
	t.is((await credits()).held, '0.0006');
	await offerOf(market, 'r1', 0, 50, '5');
	t.deepEqual(await market.retry(first.bid), []);
	await offerOf(market, 'r2', 70, 90, '3');
	const made = await market.retry(first.bid);
	t.is(made.length, 2);
	t.is((await credits()).held, '0.00026');
	t.deepEqual(piecesOf(await market.bid('k', ask)), [
		['r2', 70, 90],
		['r1', 0, 40],
	]);
	t.deepEqual(await market.store.read(checkBook), []);
	t.is(await codeOf(market.bid('k3', { ...ask, pieces: { shortest: 61 } })), 'BidRefused');
});

test('over random offers, bids in pieces get exactly what they ask for, within all terms, whenever it can be had', async t => {
	const offer = fc.record({
		server: fc.constantFrom('r1', 'r2', 'r3'),
		start: fc.nat(80),
		length: fc.integer({ min: 10, max: 60 }),
		price: fc.integer({ min: 1, max: 9 }).map(String),
		longest: fc.constantFrom(15, 40, 500),
	});
	const ask = fc.record({
		quantity: fc.integer({ min: 1, max: 3 }),
		length: fc.integer({ min: 10, max: 50 }),
		shortest: fc.integer({ min: 10, max: 25 }),
		window: fc.constantFrom(0, 30, 100),
		deadline: fc.option(fc.integer({ min: 30, max: 120 })),
		highest: fc.integer({ min: 3, max: 9 }),
		after: fc.option(fc.nat(60)),
		allOrNothing: fc.boolean(),
	});
	let [met, lost] = [0, 0];
	await fc.assert(
		fc.asyncProperty(
			fc.array(offer, { minLength: 1, maxLength: 7 }),
			fc.array(ask, { minLength: 1, maxLength: 5 }),
			async (offered, asked) => {
				const market = await someMarket();
				for (const { server, start, length, price, longest } of offered) {
					const intervals = [{ start: now + start, end: now + start + length }];
					await codeOf(
						market.offer({
							servers: { names: [server] },
							price,
							longest,
							times: { type: 'once', intervals },
						}),
					);
				}
				const seconds = new Set<string>();
				for (const [n, { window, deadline, highest, after, shortest, ...rest }] of asked.entries()) {
					if (shortest > rest.quantity * rest.length || (deadline !== null && shortest > deadline)) continue;
					const terms: Partial<BidTerms> = {
						...rest,
						latest: now + window,
						deadline: deadline === null ? null : now + deadline,
						highest: String(highest),
						pieces: { shortest },
						...(after !== null && { schedule: [{ after: now + after, highest: String(highest - 2) }] }),
					};
					const rooms = await market.store.read(tx => roomsOf(tx, market, terms));
					const outcome = await market.bid(`k${n}`, terms);
					const total = rest.quantity * rest.length;
					if (outcome.outcome !== 'leased') {
						t.is(outcome.outcome, 'lost');
						t.false(
							canBeMet(rooms, shortest, total) || (!rest.allOrNothing && rooms.length > 0),
							'it could be had',
						);
						lost++;
						continue;
					}
					met++;
					let sum = 0;
					for (const { lease } of [outcome, ...(outcome.more ?? [])]) {
						const [one] = lease.servers;
						const under = await market.store.read(tx => tx.get(offers, one?.offer ?? ''));
						if (!one || !under) return t.fail();
						const length = lease.end - lease.start;
						sum += length;
						t.true(length >= shortest && length <= under.longest);
						t.true(under.intervals.some(each => each.start <= lease.start && lease.end <= each.end));
						t.true(lease.start >= now && lease.start <= now + window);
						t.true(deadline === null || lease.end <= now + deadline);
						const steps = after === null ? [] : [{ from: now + after, highest: highest - 2 }];
						t.true(
							one.price === under.price && Number(one.price) <= limitAt({ highest, steps }, lease.start),
						);
						for (let at = lease.start; at < lease.end; at++) {
							t.false(seconds.has(`${one.server}@${at}`), 'leased twice');
							seconds.add(`${one.server}@${at}`);
						}
					}
					t.true(sum === total || (!rest.allOrNothing && sum < total && !canBeMet(rooms, shortest, total)));
				}
				t.deepEqual(await market.store.read(checkBook), []);
			},
		),
		{ numRuns: 200 },
	);
	t.true(met > 60 && lost > 60, `${met} met, ${lost} lost`);
});

/** How long each stretch is that a bid could have, from the records, longest first. */
async function roomsOf(
	tx: ReadTransaction,
	market: SomeMarket,
	wanted: Partial<BidTerms>,
): Promise<number[]> {
	const terms = { ...bidTerms, ...wanted };
	const steps = terms.schedule?.map(rule => ({
		from: 'after' in rule ? rule.after : 0,
		highest: Number(rule.highest),
	}));
	const wish = await wishOf(tx, { terms, steps }, now);
	const { pieces } = wish;
	if (!pieces) throw new Error('a bid in pieces');
	return slotsFor(market.index, { ...wish, pieces })
		.map(({ offer: { document }, server, first }) => {
			const interval = document.intervals.find(each => each.start <= first && first < each.end);
			let end = first;
			const until = Math.min(
				interval?.end ?? 0,
				terms.deadline ?? Number.MAX_SAFE_INTEGER,
				first + document.longest,
			);
			while (end < until && server.leased.isFree(end, end + 1)) end++;
			return end - first;
		})
		.sort((a, b) => b - a);
}

/** Of stretches with one least length: some of them reach a total if the longest do that are just enough. */
function canBeMet(rooms: readonly number[], shortest: number, total: number): boolean {
	let room = 0;
	for (const [n, each] of rooms.entries()) {
		room += each;
		if (room >= total) return (n + 1) * shortest <= total;
	}
	return false;
}
