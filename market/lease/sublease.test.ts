import test from 'ava';
import fc from 'fast-check';
import type { OfferTerms } from '../calendar/offer.ts';
import { offers } from '../calendar/offer.ts';
import { makeOffer } from '../calendar/offers.ts';
import { partsOfPlace } from '../calendar/place.ts';
import { leasedSpans } from '../calendar/span.ts';
import { explain } from '../clearing/survey.ts';
import { indexStore } from '../index/indexed-store.ts';
import { checkBook } from '../ledger/check-book.ts';
import { grantCredits, showCredits } from '../ledger/credits.ts';
import { bidTerms, now, offerTerms, type SomeMarket } from '../market.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import { type LeaseBench, leaseBench } from './driver.fixture.ts';
import { leases } from './lease.ts';
import { cancelLease, extendLease, recallServers, releaseLease } from './leases.ts';

const once = (start: number, end: number): OfferTerms['times'] => ({
	type: 'once',
	intervals: [{ start: now + start, end: now + end }],
});
const allOf = { sublease: { to: null } };

/** Blue leases r1 and r2 for the seconds 50 to 150, from red, who lets them be leased on. */
async function withHead(t: Parameters<typeof leaseBench>[0], wanted: Partial<OfferTerms> = {}) {
	const made = await leaseBench(t);
	const servers = { names: ['r1', 'r2'] };
	await made.market.offer({ servers, price: '2', shortest: 1, ...allOf, ...wanted });
	const head = await made.book();
	return { ...made, made, head };
}

const letOn = (market: SomeMarket, under: string, wanted: Partial<OfferTerms> = {}): Promise<string> =>
	market.offer({
		project: 'blue',
		under,
		servers: { where: [] },
		price: '3',
		shortest: 1,
		times: once(60, 140),
		...wanted,
	});

/** Green leases one server for the seconds 70 to 100. */
const greens = { project: 'green', quantity: 1, length: 30, earliest: now + 70, latest: now + 70 };

test('what is leased on goes to who leases it and back, and each pays whom it has it from', async t => {
	const { market, fulfilment, book, pass, lease, credits, head } = await withHead(t);
	await letOn(market, head);
	const sub = await book(greens);
	t.like((await lease(sub)).servers, [
		{ server: 'r1', owner: 'blue', under: head, chain: ['red'], price: '3' },
	]);
	await pass(69);
	t.deepEqual(Object.fromEntries(fulfilment.holders), { r1: head, r2: head });
	await pass(1);
	t.deepEqual(Object.fromEntries(fulfilment.holders), { r1: sub, r2: head });
	await pass(30);
	t.like(await lease(sub), { state: 'over' });
	t.deepEqual(Object.fromEntries(fulfilment.holders), { r1: head, r2: head });
	await pass(50);
	t.like(await lease(head), { state: 'over' });
	t.is(fulfilment.holders.size, 0);
	t.deepEqual(
		[await credits('red'), await credits('blue'), await credits('green')],
		['0.0004 + 0', '0.00969 + 0', '0.00991 + 0'],
	);
	t.deepEqual(await market.store.read(checkBook), []);
});

test('when both end at the same second, the server is freed, and goes to whoever has leased it then', async t => {
	const { market, fulfilment, book, pass, lease, head } = await withHead(t);
	await letOn(market, head, { times: once(100, 150) });
	const sub = await book({ ...greens, quantity: 2, length: 50, earliest: now + 100, latest: now + 100 });
	const next = await book({ ...greens, quantity: 2, length: 20, earliest: now + 150, latest: now + 150 });
	await pass(150);
	t.deepEqual(
		[(await lease(head)).state, (await lease(sub)).state, (await lease(next)).state],
		['over', 'over', 'active'],
	);
	t.deepEqual(new Set(fulfilment.holders.values()), new Set([next]));
	t.false(fulfilment.done.slice(-5).includes(`${head} gets r1`));
});

test('an owner says whether its servers are leased on, and to whom; it holds all the way down', async t => {
	const { market, head } = await withHead(t, {
		servers: { names: ['r1', 'r2'] },
		to: ['blue', 'green', 'grey'],
		sublease: { to: ['green', 'white', 'grey'] },
		recallNotice: 20,
	});
	const code = (wanted: Partial<OfferTerms>) => codeOf(letOn(market, head, { recallNotice: 20, ...wanted }));
	t.is(await code({ to: ['white'] }), 'SubleaseRefused', 'red offers nothing to white');
	t.is(await code({ to: ['green', 'blue'] }), 'SubleaseRefused');
	t.is(await code({ recallNotice: null }), 'SubleaseRefused', 'red may recall it');
	t.is(await code({ recallNotice: 21 }), 'SubleaseRefused');
	t.is(await code({ times: once(40, 140) }), 'TimesRefused');
	t.is(await code({ times: once(60, 151) }), 'TimesRefused');
	t.is(await code({ servers: { names: ['r3'] } }), 'NotTheOwner');
	t.is(
		await code({ servers: { where: [{ property: 'model', op: '==', value: 'none' }] } }),
		'NoServerMatches',
	);
	t.is(await code({ project: 'green' }), 'NoSuchLease');
	t.is(await code({ under: 'none' }), 'NoSuchLease');
	t.is(await market.store.read(tx => tx.count(offers)), 1, 'nothing was offered');
	const id = await letOn(market, head, { recallNotice: 20, sublease: { to: null } });
	t.like(await market.store.read(tx => tx.get(offers, id)), { to: ['green', 'grey'], chain: ['red'] });
	t.is(await code({ to: ['green'] }), 'OffersOverlap');
	for (const project of ['red', 'blue', 'white']) {
		const why = await market.store.read(async () =>
			explain(market.index, {
				...bidTerms,
				project,
				servers: { names: ['r1'] },
				earliest: now + 70,
				latest: now + 70,
				length: 30,
				highest: 10,
			}),
		);
		t.deepEqual(
			why.obstacles,
			project === 'white'
				? { 'not for you': 2, 'other hardware': 2 }
				: {
						own: project === 'red' ? 2 : 1,
						'other hardware': 2,
						...(project === 'blue' && { 'not free': 1 }),
					},
			project,
		);
	}
	const sub = await market.bid('sub', { ...greens, highest: '3' });
	if (sub.outcome !== 'leased') throw new Error(sub.outcome);
	const below = {
		...offerTerms,
		project: 'green',
		under: sub.id,
		servers: { where: [] },
		times: once(70, 100),
		recallNotice: 5,
	};
	const further = (to: string[] | null) =>
		codeOf(market.act(tx => makeOffer(tx, { ...below, to }, market.world())));
	t.is(await further(['white']), 'SubleaseRefused');
	t.is(await further(null), undefined);
});

test('an owner that forbids it, or says nothing, is not asked again', async t => {
	for (const sublease of [null, undefined]) {
		const { market, head } = await withHead(t, { sublease });
		t.is(await codeOf(letOn(market, head)), 'SubleaseRefused');
	}
});

test('recalled from above, a sublease ends at the same second, and each compensates whom it let it to', async t => {
	const { market, fulfilment, made, book, pass, lease, credits, head } = await withHead(t, {
		recallNotice: 10,
	});
	const offer = await letOn(market, head, { recallNotice: 10 });
	const sub = await book({ ...greens, servers: { names: ['r1'] }, length: 60 });
	const later = await book({
		...greens,
		quantity: 1,
		servers: { names: ['r2'] },
		earliest: now + 110,
		latest: now + 110,
		length: 20,
	});
	await pass(80);
	t.is(
		await made.act(head, ({ act, at }) => act(tx => recallServers(tx, { id: head, owner: 'red' }, at))),
		undefined,
	);
	t.like(await lease(sub), { end: now + 90, state: 'active' });
	t.is((await market.store.read(tx => tx.get(offers, offer)))?.state, 'withdrawn');
	t.like(await lease(later), { state: 'failed' });
	await pass(10);
	t.is(fulfilment.holders.size, 0);
	t.deepEqual([(await lease(head)).state, (await lease(sub)).state], ['over', 'over']);
	// Red: 40 s at 2 of two servers, less a tenth of 60 s. Green pays 20 s at 3, less a tenth of 40 s.
	t.is(await credits('red'), `${(2 * (80 - 12)) / 1e6} + 0`);
	// And a tenth of the lease that did not begin.
	t.is(await credits('green'), `${(10_000 - (60 - 12) + 6) / 1e6} + 0`);
	t.deepEqual(await market.store.read(checkBook), []);
});

test('what is leased on is not cancelled or given back from under others; what is not, takes its offers along', async t => {
	const { market, made, book, pass, lease, head } = await withHead(t);
	const offer = await letOn(market, head);
	const sub = await book(greens);
	const act = (work: typeof releaseLease, id: string) =>
		made.act(id, ({ act, at }) => act(tx => work(tx, { id }, at)));
	t.is(await act(cancelLease, head), 'LeaseSublet');
	await pass(71);
	t.is(await act(releaseLease, head), 'LeaseSublet');
	t.is(
		await made.act(sub, ({ act, at }) => act(tx => extendLease(tx, { id: sub, until: now + 141 }, at))),
		'ExtensionRefused',
	);
	t.is(
		await made.act(sub, ({ act, at }) => act(tx => extendLease(tx, { id: sub, until: now + 140 }, at))),
		undefined,
	);
	t.is(await act(releaseLease, sub), undefined);
	await pass(1);
	t.is(await act(releaseLease, head), undefined);
	t.deepEqual([(await lease(head)).state, (await lease(sub)).state], ['over', 'over']);
	t.is((await market.store.read(tx => tx.get(offers, offer)))?.state, 'withdrawn');
	t.is(made.fulfilment.holders.size, 0);
});

test('a lease that fails takes those with it that were let out of it', async t => {
	const { market, fulfilment, book, pass, lease, credits, head } = await withHead(t);
	await letOn(market, head, { times: once(50, 140) });
	const first = await book({ ...greens, earliest: now + 50, latest: now + 50 });
	const later = await book({ ...greens, earliest: now + 130, latest: now + 130, length: 10 });
	fulfilment.broken = 'r2';
	await pass(60);
	t.like(await lease(first), {
		state: 'starting',
		problem: `Lease ${head}, which it is let out of, has not its servers yet.`,
	});
	await pass(100);
	for (const id of [head, first, later]) t.like(await lease(id), { state: 'failed' });
	t.is(fulfilment.holders.size, 0);
	// A tenth of what was seen of 30 s, and of 10 s, at 3; red owes blue one of 100 s of two servers at 2, and has nothing.
	const [seen] = (await lease(first)).delays ?? [];
	t.true(seen?.by === 'blue' && seen.seconds >= 29, JSON.stringify(seen));
	const given = Math.floor((3 * (seen?.seconds ?? 0)) / 10) + 3;
	t.is(await credits('blue'), `${(10_000 - given) / 1e6} + 0`);
	t.is(await credits('green'), `${(10_000 + given) / 1e6} + 0`);
	t.is((await market.store.read(tx => showCredits(tx, 'red'))).owes, '0.00004');
});

const step = fc.oneof(
	{
		weight: 3,
		arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 30 }) }),
	},
	{
		weight: 3,
		arbitrary: fc.record({
			do: fc.constant('book' as const),
			project: fc.constantFrom('blue', 'green', 'grey'),
			from: fc.nat(30),
			length: fc.integer({ min: 5, max: 80 }),
			quantity: fc.integer({ min: 1, max: 3 }),
		}),
	},
	{
		weight: 4,
		arbitrary: fc.record({
			do: fc.constant('let' as const),
			n: fc.nat(8),
			price: fc.integer({ min: 1, max: 4 }).map(String),
			notice: fc.constantFrom(0, 15),
		}),
	},
	{
		weight: 3,
		arbitrary: fc.record({
			do: fc.constantFrom('release' as const, 'cancel' as const, 'recall' as const, 'extend' as const),
			n: fc.nat(8),
		}),
	},
	{
		weight: 1,
		arbitrary: fc.record({
			do: fc.constantFrom('restart' as const, 'away' as const, 'back' as const, 'break' as const),
			n: fc.constant(0),
		}),
	},
);

/** No second of a place is in two leases, and none of a lease's is outside of the lease that it is let out of. */
async function checkSpans({ market }: LeaseBench): Promise<string[]> {
	return market.store.read(async tx => {
		const wrong: string[] = [];
		const taken = new Set<string>();
		for (const { document: span } of await tx.list(leasedSpans)) {
			const { server, under } = partsOfPlace(span.server);
			const upper = under === undefined ? undefined : await tx.get(leases, under);
			const has = upper?.servers.find(each => each.server === server);
			if (under !== undefined && !(upper && has && upper.start <= span.start && span.end <= has.until))
				wrong.push(`${span.by} has ${span.server} until ${span.end}, ${under} until ${has?.until}`);
			for (let at = span.start; at < span.end; at++) {
				if (taken.has(`${span.server}@${at}`)) wrong.push(`${span.server} at ${at} is taken twice`);
				taken.add(`${span.server}@${at}`);
			}
		}
		return wrong;
	});
}

test('however leases are let on, recalled, given back and cut off: nobody has what another has, nor longer than it is let, and each credit is somewhere', async t => {
	const seen = { deepest: 0, subleases: 0 };
	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), async steps => {
			const ends: (() => unknown)[] = [];
			const made = await leaseBench({ teardown: end => void ends.push(end) });
			const { market, fulfilment } = made;
			const grant = {
				key: 'grey',
				project: 'grey',
				amount: 10_000n,
				cause: { kind: 'grant', of: '', note: '' },
			} as const;
			await market.act(tx => grantCredits(tx, grant, now));
			await market.offer({ price: '1', shortest: 1, recallNotice: 15, ...allOf });
			const whole = { quantity: 3, length: 200, earliest: now, latest: now };
			const ids = [await made.book(whole)];
			await letOn(market, ids[0] ?? '', { price: '1', recallNotice: 15, times: once(0, 200), ...allOf });
			for (const each of steps) {
				const { at } = market;
				if (each.do === 'pass') await made.pass(each.seconds);
				else if (each.do === 'restart') await made.restart();
				else if (each.do === 'away') fulfilment.isAway = true;
				else if (each.do === 'break') fulfilment.broken = 'r2';
				else if (each.do === 'back') {
					fulfilment.isAway = false;
					fulfilment.broken = undefined;
				} else if (each.do === 'book') {
					const { project, quantity, length, from } = each;
					const wanted = {
						project,
						quantity,
						length,
						earliest: at + from,
						latest: at + from + 20,
						allOrNothing: false,
					};
					const outcome = await made.book(wanted).catch(() => undefined);
					if (outcome !== undefined) ids.push(outcome);
				} else {
					const id = ids[each.n % Math.max(1, ids.length)];
					if (id === undefined) continue;
					const { project, start, end, servers } = await made.lease(id);
					if (each.do === 'let') {
						const times = { type: 'once' as const, intervals: [{ start, end }] };
						const { price, notice: recallNotice } = each;
						await codeOf(letOn(market, id, { project, price, recallNotice, times, ...allOf }));
						continue;
					}
					await made.act(id, ({ act }) =>
						act(async tx => {
							if (each.do === 'release') await releaseLease(tx, { id }, at);
							if (each.do === 'cancel') await cancelLease(tx, { id }, at);
							if (each.do === 'recall') await recallServers(tx, { id, owner: servers[0]?.owner ?? '' }, at);
							if (each.do === 'extend') await extendLease(tx, { id, until: end + 20 }, at);
						}),
					);
				}
				t.deepEqual(await checkSpans(made), []);
			}
			// What is in memory is what the records say, also of what is let on.
			const { index: anew } = await indexStore(market.store);
			const wish = {
				...bidTerms,
				servers: { where: [] },
				project: 'white',
				quantity: 9,
				earliest: market.at,
				highest: 10,
			};
			t.deepEqual(explain(market.index, wish), explain(anew, wish));
			fulfilment.isAway = false;
			fulfilment.broken = undefined;
			await made.pass(400);
			for (const id of ids) {
				const { state, problem, servers } = await made.lease(id);
				t.true(['over', 'cancelled', 'failed'].includes(state), `${id} ${state} ${problem}`);
				const depth = Math.max(...servers.map(({ chain = [] }) => chain.length));
				seen.deepest = Math.max(seen.deepest, depth);
				if (depth > 0 && state === 'over') seen.subleases++;
			}
			t.is(fulfilment.holders.size, 0);
			for (const project of ['blue', 'green', 'grey']) t.regex(await made.credits(project), / \+ 0$/);
			t.deepEqual(await market.store.read(checkBook), []);
			for (const end of ends) await end();
		}),
		{ numRuns: 60 },
	);
	t.true(seen.deepest >= 2 && seen.subleases >= 20, JSON.stringify(seen));
});
