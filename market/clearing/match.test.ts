import test from 'ava';
import fc from 'fast-check';
import { type Candidate, matchWish, type Wish } from './match.ts';

const candidate = (server: string, price: bigint, start: number, end: number): Candidate => ({
	server,
	offer: `of-${server}`,
	owner: 'red',
	offeredAt: 0,
	price,
	free: { start, end },
});
const wish: Wish = { quantity: 2, earliest: 0, latest: 100, length: 10, deadline: null, allOrNothing: true };
const names = (taken: readonly Candidate[] | undefined) => taken?.map(({ server }) => server).join(' ');

test('the cheapest servers win, whatever the start; then the earliest start; then what was offered first', t => {
	const dearNow = [candidate('a', 5n, 0, 10), candidate('b', 5n, 0, 10)];
	const cheapLater = [candidate('c', 4n, 50, 70), candidate('d', 5n, 40, 70)];
	const later = matchWish(wish, [...dearNow, ...cheapLater]).match;
	t.deepEqual([later?.start, names(later?.taken)], [50, 'c d']);
	const same = matchWish(wish, [...cheapLater.map(each => ({ ...each, price: 5n })), ...dearNow]).match;
	t.deepEqual([same?.start, names(same?.taken)], [0, 'a b']);
	const older = { ...candidate('z', 5n, 0, 10), offeredAt: -1 };
	t.is(names(matchWish(wish, [...dearNow, older]).match?.taken), 'z a');
	t.is(names(matchWish(wish, [...dearNow].reverse()).match?.taken), 'a b');
});

test('to the second: a stretch, a window and a deadline that just suffice, and that are one short', t => {
	const one = { ...wish, quantity: 1, earliest: 5, latest: 5 };
	t.is(matchWish(one, [candidate('a', 1n, 5, 15)]).match?.start, 5);
	t.is(matchWish(one, [candidate('a', 1n, 5, 14)]).match, undefined);
	t.is(matchWish(one, [candidate('a', 1n, 6, 30)]).match, undefined);
	t.is(matchWish({ ...one, deadline: 15 }, [candidate('a', 1n, 0, 99)]).match?.start, 5);
	t.is(matchWish({ ...one, deadline: 14 }, [candidate('a', 1n, 0, 99)]).match, undefined);
});

test('exactly as many as asked for; fewer only if fewer will do', t => {
	const three = [candidate('a', 3n, 0, 10), candidate('b', 2n, 0, 10), candidate('c', 1n, 0, 10)];
	t.is(names(matchWish(wish, three).match?.taken), 'c b');
	t.deepEqual(matchWish({ ...wish, quantity: 4 }, three), { most: 3 });
	t.is(names(matchWish({ ...wish, quantity: 4, allOrNothing: false }, three).match?.taken), 'c b a');
	t.deepEqual(matchWish({ ...wish, allOrNothing: false }, []), { most: 0 });
});

test('no start, tried one by one, is better than the one found', t => {
	const some = fc.array(
		fc.tuple(fc.bigInt({ min: 1n, max: 4n }), fc.nat(30), fc.integer({ min: 1, max: 20 })),
		{ maxLength: 8 },
	);
	const wishes = fc.record({
		quantity: fc.integer({ min: 1, max: 4 }),
		earliest: fc.nat(15),
		latest: fc.integer({ min: 15, max: 40 }),
		length: fc.integer({ min: 1, max: 12 }),
		deadline: fc.option(fc.integer({ min: 15, max: 50 })),
		allOrNothing: fc.boolean(),
	});
	fc.assert(
		fc.property(some, wishes, (stretches, wanted) => {
			const all = stretches.map(([price, start, length], n) =>
				candidate(`s${n}`, price, start, start + length),
			);
			let best: { size: number; cost: bigint; start: number } | undefined;
			for (let start = wanted.earliest; start <= wanted.latest; start++) {
				const end = start + wanted.length;
				if (wanted.deadline !== null && end > wanted.deadline) continue;
				const prices = all
					.filter(({ free }) => free.start <= start && end <= free.end)
					.map(({ price }) => price)
					.sort((a, b) => Number(a - b))
					.slice(0, wanted.quantity);
				if (prices.length === 0 || (wanted.allOrNothing && prices.length < wanted.quantity)) continue;
				const cost = prices.reduce((sum, price) => sum + price, 0n);
				if (!best || prices.length > best.size || (prices.length === best.size && cost < best.cost)) {
					best = { size: prices.length, cost, start };
				}
			}
			const { match } = matchWish(wanted, all);
			const found = match && {
				size: match.taken.length,
				cost: match.taken.reduce((sum, { price }) => sum + price, 0n),
				start: match.start,
			};
			t.deepEqual(found, best);
		}),
		{ seed: 20260305, numRuns: 500 },
	);
});
