import test from 'ava';
import fc from 'fast-check';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import { offers } from '../calendar/offer.ts';
import { recordServer } from '../calendar/server.ts';
import { leasedSpans } from '../calendar/span.ts';
import type { BidTerms } from '../clearing/bid.ts';
import { wishOf } from '../clearing/bids.ts';
import { matchQuest } from '../clearing/match.ts';
import { scanMatch } from '../clearing/scan.fixture.ts';
import { type ScheduleRule, stepsOf } from '../clearing/schedule.ts';
import { explain } from '../clearing/survey.ts';
import { lastStart, walkCandidates } from '../clearing/walk.ts';
import { cancelLease, releaseLease } from '../lease/leases.ts';
import { bidTerms, now, type SomeMarket, someMarket } from '../market.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import { indexStore } from './indexed-store.ts';
import type { MarketIndex } from './market-index.ts';

const names = ['r1', 'r2', 'r3', 'y1', 'y2'] as const;
const within = (most: number) => fc.nat(most).map(at => now + at);

const offerStep = fc.record({
	do: fc.constant('offer' as const),
	names: fc.oneof(
		fc.uniqueArray(fc.constantFrom('r1', 'r2', 'r3'), { minLength: 1, maxLength: 3 }),
		fc.uniqueArray(fc.constantFrom('y1', 'y2'), { minLength: 1, maxLength: 2 }),
	),
	price: fc.integer({ min: 1, max: 4 }).map(String),
	starts: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }),
	isForGreen: fc.constantFrom(false, false, false, true),
});
const bidStep = fc.record({
	do: fc.constant('bid' as const),
	project: fc.constantFrom('blue', 'green'),
	quantity: fc.integer({ min: 1, max: 3 }),
	earliest: within(30),
	window: fc.constantFrom(0, 0, 12, 40),
	length: fc.integer({ min: 1, max: 9 }),
	highest: fc.integer({ min: 1, max: 4 }).map(String),
	deadline: fc.option(within(60), { freq: 2 }),
	allOrNothing: fc.boolean(),
	attests: fc.constantFrom(false, false, true),
	waits: fc.boolean(),
	schedule: fc.constantFrom(undefined, undefined, 'then', 'at times'),
	which: fc.constantFrom('any', 'any', 'model', 'names'),
});
const otherStep = fc.record({
	do: fc.constantFrom('withdraw', 'cancel', 'release', 'withdraw-bid', 'retry', 'change', 'fail'),
	of: fc.nat(25).map(n => `id-${n}`),
});
const history = fc.array(
	fc.oneof(
		{ weight: 3, arbitrary: offerStep },
		{ weight: 5, arbitrary: bidStep },
		{ weight: 3, arbitrary: otherStep },
	),
	{ minLength: 3, maxLength: 20 },
);
type Step = typeof history extends fc.Arbitrary<(infer S)[]> ? S : never;

const choices: Readonly<Record<string, BidTerms['servers']>> = {
	any: { where: [] },
	model: { where: [{ property: 'model', op: '==', value: 'R740' }] },
	names: { names: ['r1', 'y2', 'none'] },
};

/** It pays less from a second on, or at hours of the Monday on which the tests begin. */
function scheduleOf({ schedule, highest, earliest }: Extract<Step, { do: 'bid' }>): ScheduleRule[] {
	const lower = String(Math.ceil(Number(highest) / 2));
	if (schedule === 'then') return [{ after: earliest + 5, highest: lower }];
	const hours = { zone: 'UTC', days: ['mon' as const], from: '13:46:50', until: '13:47:04' };
	return schedule === undefined ? [] : [{ ...hours, highest: lower }];
}

const termsOf = (step: Extract<Step, { do: 'bid' }>): BidTerms => ({
	...bidTerms,
	project: step.project,
	quantity: step.quantity,
	servers: choices[step.which] ?? { where: [] },
	attestations: step.attests ? ['measured-boot'] : [],
	earliest: step.earliest,
	latest: step.earliest + step.window,
	length: step.length,
	deadline: step.deadline,
	highest: step.highest,
	allOrNothing: step.allOrNothing,
	schedule: scheduleOf(step),
	waitUntil: step.waits ? now + 1000 : null,
});

async function play(market: SomeMarket, step: Step, n: number): Promise<unknown> {
	switch (step.do) {
		case 'offer': {
			const intervals = step.starts.map(at => ({ start: now + at * 10, end: now + at * 10 + 10 }));
			const project = step.names[0]?.startsWith('y') ? 'yellow' : 'red';
			const { price } = step;
			const to = step.isForGreen ? ['green'] : null;
			const servers = { names: step.names };
			return market.offer({ project, price, to, servers, times: { type: 'once', intervals }, shortest: 1 });
		}
		case 'bid':
			return market.bid(`k${n}`, termsOf(step));
		case 'withdraw':
			return market.withdraw(step.of);
		case 'cancel':
			return market.act(tx => cancelLease(tx, { id: step.of }, now - 1));
		case 'release':
			return market.act(tx => releaseLease(tx, { id: step.of }, now + 15));
		case 'withdraw-bid':
			return market.withdrawBid(step.of);
		case 'retry':
			return market.retry(step.of);
		case 'change': {
			const change = { name: 'r1', owner: 'red', properties: { model: 'R740' }, attestations: [] };
			return market.act(tx => recordServer(tx, change, now));
		}
		default:
			// Writes much, and fails in the end.
			return market.act(async tx => {
				await recordServer(tx, { name: 'r2', owner: 'red', properties: {}, attestations: [] }, now);
				const [offer] = [...market.index.offers];
				if (offer) await tx.delete(offers, offer.id);
				for (const span of await tx.list(leasedSpans)) await tx.delete(leasedSpans, span.id);
				throw new Error('it comes to nothing');
			});
	}
}

/** All that an index says, in a form to compare. */
const contentOf = (index: MarketIndex, wish: Parameters<typeof explain>[1]): unknown => ({
	offers: [...index.offers].map(({ id, document }) => [id, document]).sort(),
	waiting: index.waiting.map(({ id, document }) => [id, document]),
	free: names.map(name => {
		const free: number[] = [];
		index
			.server(name)
			?.leased.eachFree({ start: now, end: now + 100 }, (start, end) => free.push(start, end) > 0);
		return [name, index.server(name)?.document, free];
	}),
	why: explain(index, wish),
});

test('over random histories, the index answers as the records do, and as one that is made anew', async t => {
	let matched = 0;
	await fc.assert(
		fc.asyncProperty(history, bidStep, async (steps, asked) => {
			const plain = createMemoryStore();
			const market = await someMarket(plain);
			await market.act(async tx => {
				for (const name of ['y1', 'y2']) {
					const attestations = name === 'y2' ? ['measured-boot'] : [];
					await recordServer(tx, { name, owner: 'yellow', properties: { model: 'R740' }, attestations }, now);
				}
			});
			const expected =
				/^(undefined|OffersOverlap|NotTheOwner|NoSuchOffer|OfferWithdrawn|BidRefused|CreditsShort|NoSuchLease|LeaseBegun|LeaseOver|LeaseNotBegun|NoSuchBid|BidSettled|Error: it comes to nothing)$/;
			for (const [n, step] of steps.entries()) t.regex(String(await codeOf(play(market, step, n))), expected);
			const { store, index } = market;
			await store.read(async tx => {
				const terms = termsOf(asked);
				const { earliest, latest, schedule = [] } = terms;
				const steps = stepsOf(schedule, { earliest, latest, highest: Number(terms.highest) });
				const wish = await wishOf(tx, { terms, steps }, now);
				const scanned = await scanMatch(tx, wish);
				const { match, most } = matchQuest({ ...wish, latest: lastStart(wish) }, visit =>
					walkCandidates(index, wish, visit),
				);
				const found = match && {
					start: match.start,
					servers: match.taken.map(({ server }) => server.name),
					cost: match.taken.reduce((sum, { price }) => sum + price, 0),
				};
				t.deepEqual(found, scanned.match);
				if (!found) t.is(most, scanned.most);
				t.is(explain(index, wish).most, scanned.most);
				if (found) matched++;
				const anew = await indexStore(plain);
				t.deepEqual(contentOf(index, wish), contentOf(anew.index, wish));
			});
		}),
		{ numRuns: 600 },
	);
	t.true(matched > 60, `${matched} matches are too few to show anything`);
});

test('after a commit that failed, the index is what is on the disk', async t => {
	const plain = createMemoryStore();
	const market = await someMarket(plain);
	await market.offer({ servers: { names: ['r1'] } });
	plain.beforeCommit = () => {
		throw new Error('the disk is full');
	};
	await t.throwsAsync(market.offer({ servers: { names: ['r2'] } }), { message: 'the disk is full' });
	plain.beforeCommit = undefined;
	t.is(await market.store.read(async () => [...market.index.offers].length), 1);
	await market.offer({ servers: { names: ['r2'] }, price: '3' });
	t.deepEqual(
		[...market.index.offers].map(({ price }) => price),
		[10, 3],
	);
});
