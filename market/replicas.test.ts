// Two markets on one PostgreSQL, each with an index of its own, at once.
import test from 'ava';
import fc from 'fast-check';
import { sharedPostgres } from '../common/store/postgres-server.fixture.ts';
import { openPostgresStore } from '../common/store/postgres-store.ts';
import { testNeeding } from '../test/debian/test-needing.ts';
import { leasedSpans } from './calendar/span.ts';
import { calendarProblems } from './calendar-problems.fixture.ts';
import { startMarket } from './http-market.fixture.ts';
import { cancelLease, releaseLease } from './lease/leases.ts';
import { now, type SomeMarket, someMarket } from './market.fixture.ts';
import { codeOf } from './store.fixture.ts';

const theServer = sharedPostgres(test);

const names = ['r1', 'r2', 'r3'] as const;
const offerStep = fc.record({
	do: fc.constant('offer' as const),
	at: fc.nat(3),
	names: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }),
	price: fc.integer({ min: 1, max: 3 }).map(String),
});
const bidStep = fc.record({
	do: fc.constant('bid' as const),
	project: fc.constantFrom('blue', 'green'),
	quantity: fc.integer({ min: 1, max: 2 }),
	earliest: fc.nat(30),
	window: fc.constantFrom(0, 10),
	length: fc.integer({ min: 1, max: 9 }),
	which: fc.constantFrom(...names, 'any'),
});
const otherStep = fc.record({
	do: fc.constantFrom('withdraw', 'cancel', 'release'),
	of: fc.tuple(fc.constantFrom('one', 'two'), fc.nat(12)).map(([mark, n]) => `${mark}-${n}`),
});
/** Each step is one market's or the other's; those of a round come at once. */
const round = fc.array(
	fc.tuple(
		fc.constantFrom(0, 1),
		fc.oneof(
			{ weight: 2, arbitrary: offerStep },
			{ weight: 6, arbitrary: bidStep },
			{ weight: 2, arbitrary: otherStep },
		),
	),
	{ minLength: 4, maxLength: 8 },
);
type Step = typeof round extends fc.Arbitrary<(infer S extends [number, unknown])[]> ? S[1] : never;

async function play(market: SomeMarket, step: Step, key: string): Promise<string | undefined> {
	switch (step.do) {
		case 'offer': {
			const intervals = [{ start: now + step.at * 10, end: now + step.at * 10 + 10 }];
			const { names: servers, price } = step;
			await market.offer({
				servers: { names: servers },
				price,
				times: { type: 'once', intervals },
				shortest: 1,
			});
			return 'offered';
		}
		case 'bid': {
			const earliest = now + step.earliest;
			const servers = step.which === 'any' ? { where: [] } : { names: [step.which] };
			const { project, quantity, length } = step;
			const times = { earliest, latest: earliest + step.window, length };
			const wanted = { project, quantity: step.which === 'any' ? quantity : 1, servers, ...times };
			return (await market.bid(key, wanted)).outcome;
		}
		case 'withdraw':
			await market.withdraw(step.of);
			return 'withdrawn';
		case 'cancel':
			await market.act(tx => cancelLease(tx, { id: step.of }, now - 1));
			return 'cancelled';
		default:
			await market.act(tx => releaseLease(tx, { id: step.of }, now + 5));
			return 'released';
	}
}

const refusals =
	/^(OffersOverlap|NoSuchOffer|OfferWithdrawn|CreditsShort|NoSuchLease|LeaseBegun|LeaseOver|LeaseNotBegun)$/;
const lostStore = /^(StoreFailed|StoreUncertain)$/;

testNeeding('postgresql-15')(
	'over random calendars, two replicas at once lease nothing twice, also when the database crashes',
	async t => {
		t.timeout(600_000);
		const postgres = await theServer();
		const outcomes = new Map<string, number>();
		let crashes = 0;
		await fc.assert(
			fc.asyncProperty(
				fc.array(round, { minLength: 2, maxLength: 4 }),
				fc.integer({ min: -6, max: 2 }),
				async (rounds, crashIn) => {
					const options = postgres.options();
					const stores = [await openPostgresStore(options), await openPostgresStore(options)] as const;
					try {
						// All of it is offered in part already: so bids of both meet from the first one on.
						const one = await someMarket(stores[0], 'one');
						const two = await someMarket(stores[1], 'two');
						await one.offer({
							times: { type: 'once', intervals: [{ start: now + 10, end: now + 40 }] },
							shortest: 1,
						});
						for (const [r, steps] of rounds.entries()) {
							const crash = r === crashIn ? postgres.crash() : undefined;
							const done = steps.map(async ([which, step], n) => {
								const market = which === 0 ? one : two;
								let result: string | undefined;
								const code = await codeOf(
									play(market, step, `${r}-${n}`).then(said => {
										result = said;
									}),
								);
								if (code !== undefined && !(crash && lostStore.test(code))) t.regex(code, refusals);
								const said = result ?? code ?? '';
								outcomes.set(said, (outcomes.get(said) ?? 0) + 1);
							});
							await Promise.all(done);
							if (!crash) continue;
							await crash;
							await postgres.start();
							crashes++;
						}
						await check(one);
						await check(two);
					} finally {
						for (const store of stores) await store.close();
					}
				},
			),
			{ numRuns: 16, endOnFailure: true },
		);
		t.log(Object.fromEntries(outcomes), { crashes });
		t.true(crashes >= 2);
		for (const said of ['leased', 'lost', 'OffersOverlap'])
			t.true((outcomes.get(said) ?? 0) >= 5, `${said} came too seldom to show anything`);

		async function check(market: SomeMarket): Promise<void> {
			await market.store.read(async tx => {
				t.deepEqual(await calendarProblems(tx), []);
				const seconds = (await tx.list(leasedSpans)).flatMap(({ document: { server: name, start, end } }) =>
					Array.from({ length: end - start }, (_, n) => `${name}@${start + n}`),
				);
				// The index of this replica says the same, whoever wrote it.
				const leasedSeconds = names.flatMap(name => {
					const free = new Set<number>();
					market.index.server(name)?.leased.eachFree({ start: now, end: now + 60 }, (start, end) => {
						for (let at = start; at < end; at++) free.add(at);
						return true;
					});
					return Array.from({ length: 60 }, (_, n) => now + n)
						.filter(at => !free.has(at))
						.map(at => `${name}@${at}`);
				});
				t.deepEqual(leasedSeconds.sort(), seconds.sort());
			});
		}
	},
);

testNeeding('postgresql-15')('markets that were told other rounds do not run on one database', async t => {
	const postgres = await theServer();
	const options = postgres.options();
	const stores = await Promise.all([1, 2, 3].map(() => openPostgresStore(options)));
	const [one, two, three] = stores;
	if (!one || !two || !three) return t.fail();
	const ends: (() => unknown)[] = [];
	const teardown = (end: () => unknown) => void ends.push(end);
	await startMarket({ teardown }, { store: one, rounds: 60 });
	await startMarket({ teardown }, { store: two, rounds: 60 });
	for (const rounds of [30, undefined]) {
		const refused = await t.throwsAsync(
			startMarket({ teardown }, { store: three, ...(rounds !== undefined && { rounds }) }),
			{ code: 'SettingsDiffer' },
		);
		t.regex(refused?.message ?? '', /give both the same, or stop that one first/);
	}
	for (const end of ends.splice(0)) await end();
	for (const store of [one, two]) await store.close();
	await startMarket({ teardown }, { store: three, rounds: 30 });
	for (const end of ends) await end();
	await three.close();
	t.pass();
});
