import test from 'ava';
import fc from 'fast-check';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { hasPieces } from '../clearing/bids.ts';
import { matchPieces } from '../clearing/pieces.ts';
import { now } from '../market.fixture.ts';
import { curveBound } from './bound.ts';
import { poolsOf } from './pool.ts';
import { indexOf } from './round.fixture.ts';
import { bidsOfRound } from './round-bids.ts';
import { atOnce } from './turns.ts';

const end = 100;
const server = fc.record({
	model: fc.constantFrom('a', 'b'),
	price: fc.integer({ min: 1, max: 8 }),
	start: fc.nat(60),
	end: fc.integer({ min: 61, max: end }),
});
const wanted = fc.record({
	quantity: fc.integer({ min: 1, max: 4 }),
	length: fc.integer({ min: 1, max: 60 }),
	highest: fc.integer({ min: 1, max: 12 }).map(String),
	project: fc.constantFrom('blue', 'green'),
});

test('bids in pieces that are as short as can be have all the gains that there could be, dearest first', async t => {
	let gained = 0;
	await fc.assert(
		fc.asyncProperty(
			fc.array(server, { minLength: 1, maxLength: 6 }),
			fc.array(wanted, { minLength: 1, maxLength: 6 }),
			async (servers, asked) => {
				const times = { earliest: now, latest: now + end - 1, deadline: now + end };
				const bids = asked.map(each => ({ ...each, ...times, allOrNothing: false, pieces: { shortest: 1 } }));
				const index = indexOf(servers, bids);
				const of = await bidsOfRound(createMemoryStore(), index, { now, inPieces: true });
				t.is(of.length, asked.length);
				const [pool, ...others] = atOnce(poolsOf(of));
				t.is(others.length, 0);
				if (!pool) return;
				const bound = atOnce(curveBound(pool));
				let gains = 0;
				for (const { wish } of pool.bids) {
					if (!hasPieces(wish)) continue;
					for (const { match, length } of matchPieces(index, wish).pieces) {
						for (const { offer, server: from } of match.taken) {
							const [start, until] = [match.start, match.start + length];
							t.true(from.leased.isFree(start, until));
							index.setSpan(from.name, until, { server: from.name, start, end: until, by: 'l' });
							gains += (wish.highest - offer.price) * length;
						}
					}
				}
				t.is(gains, bound);
				gained += gains;
			},
		),
		{ numRuns: 200 },
	);
	t.true(gained > 10_000, `${gained}`);
});
