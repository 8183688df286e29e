// Two `bimetal market` on one PostgreSQL: killed, hung and cut off, they lease nothing twice, and what is due is done once.
import { isDeepStrictEqual } from 'node:util';
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { random } from '../../common/store/killed-process.fixture.ts';
import { calendarProblems } from '../../market/calendar-problems.fixture.ts';
import { bids } from '../../market/clearing/bid.ts';
import { leases } from '../../market/lease/lease.ts';
import { checkBook } from '../../market/ledger/check-book.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';
import { type ReplicatedMarket, startReplicas } from './market-replicas.ts';
import type { Replica, ReplicaAnswer } from './replica.ts';

const testReplicas = testNeeding('postgresql-15');
/** Seconds that a busy machine may take. */
const patience = 120;

const record = (replica: Replica, server: string) =>
	replica.ok('PUT', `/v1/servers/${server}`, { owner: 'red', properties: { model: 'R640' } });
const grant = (replica: Replica, project: string) =>
	replica.ok('POST', `/v1/credits/${project}/grant`, { amount: '1000', key: `grant-${project}` });

interface Offered {
	readonly servers: readonly string[];
	readonly start: number;
	readonly end: number;
	readonly price?: string;
}
const offerOf = ({ servers, start, end, price = '2' }: Offered) => ({
	project: 'red',
	servers: { names: servers },
	times: { type: 'once', intervals: [{ start, end }] },
	...{ price, shortest: 1, longest: 1000, to: null, recallNotice: null },
});

interface Asked {
	readonly key: string;
	readonly project?: string;
	readonly servers: readonly string[];
	readonly quantity?: number;
	readonly earliest: number;
	readonly latest?: number;
	readonly length: number;
	readonly waitUntil?: number | null;
}
const bidOf = ({ servers, latest, project = 'blue', quantity = 1, waitUntil = null, ...bid }: Asked) => ({
	...{ ...bid, project, quantity, waitUntil, latest: latest ?? bid.earliest },
	...{ servers: { names: servers }, attestations: [], deadline: null, highest: '10', allOrNothing: true },
});

const offerStep = fc.record({
	do: fc.constant('offer' as const),
	at: fc.nat(3),
	which: fc.uniqueArray(fc.nat(2), { minLength: 1 }),
});
const bidStep = fc.record({
	do: fc.constant('bid' as const),
	project: fc.constantFrom('blue', 'green'),
	quantity: fc.integer({ min: 1, max: 2 }),
	from: fc.nat(30),
	window: fc.constantFrom(0, 10),
	length: fc.integer({ min: 1, max: 9 }),
	waits: fc.boolean(),
});
const otherStep = fc.record({ do: fc.constantFrom('withdraw' as const, 'cancel' as const), of: fc.nat(9) });
type Step = Readonly<
	| (typeof offerStep extends fc.Arbitrary<infer S> ? S : never)
	| (typeof bidStep extends fc.Arbitrary<infer S> ? S : never)
	| (typeof otherStep extends fc.Arbitrary<infer S> ? S : never)
>;
/** Each step is asked of one of the two; all of a round come at once, in the middle of which one of the two may be killed. */
const round = fc.record({
	steps: fc.array(
		fc.tuple(
			fc.constantFrom(0 as const, 1 as const),
			fc.oneof(
				{ weight: 2, arbitrary: offerStep },
				{ weight: 6, arbitrary: bidStep },
				{ weight: 2, arbitrary: otherStep },
			),
		),
		{ minLength: 6, maxLength: 12 },
	),
	killed: fc.constantFrom(0, 1, undefined),
	/** After so many answers, and turns of our event loop. */
	after: fc.nat(5),
	turns: fc.nat(200),
});

testReplicas(
	'over random calendars, two processes lease nothing twice, whichever is killed and whenever',
	async t => {
		t.timeout(900_000);
		const { replicas, store, leader } = await startReplicas(t, []);
		for (const project of ['blue', 'green']) await grant(replicas[0], project);
		const base = Math.floor(Date.now() / 1000) + 86_400;
		const outcomes = new Map<string, number>();
		let kills = 0;
		let runs = 0;
		const count = (said: string): void => void outcomes.set(said, (outcomes.get(said) ?? 0) + 1);

		await fc.assert(
			fc.asyncProperty(fc.array(round, { minLength: 2, maxLength: 3 }), async rounds => {
				const run = `r${runs++}`;
				const servers = ['a', 'b', 'c'].map(each => `${run}${each}`);
				for (const [n, each] of servers.entries()) await record(replicas[n % 2 ? 1 : 0], each);
				const first = { servers, start: base + 10, end: base + 40 };
				const offers: string[] = [(await replicas[0].ok('POST', '/v1/offers', offerOf(first))).id];
				const made: string[] = [];

				async function play(replica: Replica, step: Step, key: string): Promise<ReplicaAnswer> {
					switch (step.do) {
						case 'offer': {
							const start = base + step.at * 10;
							const names = step.which.map(n => servers[n] ?? '');
							const answer = await replica.call(
								'POST',
								'/v1/offers',
								offerOf({ servers: names, start, end: start + 10, price: String(1 + step.at) }),
							);
							if (answer?.status === 200) offers.push(answer.body.id);
							return answer;
						}
						case 'bid': {
							const { project, quantity, length, waits, window } = step;
							const earliest = base + step.from;
							const asked = { key, project, quantity, servers, length, earliest, latest: earliest + window };
							const bid = bidOf({ ...asked, waitUntil: waits ? earliest + window : null });
							const answer = await replica.call('POST', '/v1/bids', bid);
							if (answer?.body.lease) made.push(answer.body.lease.id);
							return answer;
						}
						case 'withdraw':
							return replica.call('POST', `/v1/offers/${offers[step.of % offers.length]}/withdraw`, {});
						case 'cancel':
							return replica.call('POST', `/v1/leases/${made[step.of % made.length] ?? 'none'}/cancel`, {});
					}
				}

				for (const [r, { steps, killed, after, turns }] of rounds.entries()) {
					let answered = 0;
					let kill: Promise<void> | undefined;
					const onAnswer = async (): Promise<void> => {
						if (killed === undefined || answered++ !== after) return;
						for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve));
						kill = replicas[killed].kill();
					};
					const unanswered: [Step, string][] = [];
					const done = steps.map(async ([which, step], n) => {
						const key = `${run}-${r}-${n}`;
						const answer = await play(replicas[which], step, key);
						await onAnswer();
						if (!answer) {
							unanswered.push([step, key]);
							return count('no answer');
						}
						// A market that is ended in the middle may have said that it is.
						t.true([200, 404, 409].includes(answer.status), JSON.stringify([step, answer]));
						count(answer.body.outcome ?? answer.body.code ?? `${step.do}: ${answer.status}`);
					});
					await Promise.all(done);
					if (!kill) continue;
					await kill;
					kills++;
					const dead = killed === 0 ? 0 : 1;
					// Who had no answer asks again elsewhere: with the same key it is the same bid.
					for (const [step, key] of unanswered) {
						const again = await play(replicas[1 - dead] as Replica, step, key);
						t.true([200, 404, 409].includes(again?.status ?? 0), JSON.stringify([step, again]));
					}
					await replicas[dead].start();
				}
				await leader();
				await check(run);
			}),
			{ numRuns: 8, endOnFailure: true },
		);
		t.log(Object.fromEntries(outcomes), { kills });
		t.true(kills >= 4, `${kills} kills are too few to show anything`);
		for (const said of ['leased', 'waiting', 'OffersOverlap'])
			t.true((outcomes.get(said) ?? 0) >= 3, `${said} came too seldom to show anything`);

		async function check(run: string): Promise<void> {
			await store.read(async tx => {
				t.deepEqual(await calendarProblems(tx), []);
				const placed = (await tx.list(bids)).map(({ document }) => document);
				t.is(new Set(placed.map(({ key }) => key)).size, placed.length, 'a bid that was placed twice');
				const leased = (await tx.list(leases)).map(({ document }) => document.bid);
				t.is(new Set(leased).size, leased.length, 'a bid that became two leases');
			});
			// Both have the same in memory, whoever wrote it; but between two answers the leader may meet a bid that waited.
			const ask = (path: string) => Promise.all(replicas.map(replica => replica.ok('GET', path)));
			for (const each of ['a', 'b', 'c'])
				await agreed(() => ask(`/v1/calendar/${run}${each}?from=${base}&to=${base + 60}`));
			await agreed(() => ask(`/v1/calendar?from=${base}&parts=1`));
		}
	},
);

/** Waits for two answers to be the same. */
async function agreed(ask: () => Promise<readonly unknown[]>): Promise<void> {
	await until(ask, ([one, other]) => isDeepStrictEqual(one, other), patience);
}

/** A server on offer for a day and more, from now on. */
async function offerNode(replica: Replica, server: string): Promise<void> {
	await record(replica, server);
	const start = Math.floor(Date.now() / 1000);
	await replica.ok('POST', '/v1/offers', offerOf({ servers: [server], start, end: start + 90_000 }));
}

/** A lease of it that begins in so many seconds, and lasts as long. */
async function leaseSoon(replica: Replica, server: string, seconds: number): Promise<string> {
	const earliest = Math.floor(Date.now() / 1000) + seconds;
	const bid = bidOf({ key: `soon-${server}`, servers: [server], earliest, length: seconds });
	return (await replica.ok('POST', '/v1/bids', bid)).lease.id;
}

const stateOf = async (replica: Replica, lease: string): Promise<string> =>
	(await replica.ok('GET', `/v1/leases/${lease}`)).state;

/** The kinds of what came to pass with a lease, in order. */
async function historyOf(replica: Replica, lease: string): Promise<string[]> {
	const kinds: string[] = [];
	for (let after = '0'.repeat(16); ; ) {
		const { events, next } = await replica.ok('GET', `/v1/events?after=${after}`);
		kinds.push(
			...events.filter(({ of }: { of: string }) => of === lease).map(({ kind }: { kind: string }) => kind),
		);
		if (next === after) return kinds;
		after = next;
	}
}

/** What becomes of a lease whatever happens to the markets: each step once, and all that is owed is paid. */
async function assertPlayedOut(
	t: ExecutionContext,
	{ store, hil }: ReplicatedMarket,
	replica: Replica,
	lease: { readonly id: string; readonly server: string },
): Promise<void> {
	await until(
		() => stateOf(replica, lease.id),
		state => state === 'over',
		patience,
	);
	t.deepEqual(await historyOf(replica, lease.id), [
		...['lease.reserved', 'lease.starting', 'lease.active', 'lease.ending', 'lease.over'],
	]);
	const node = (await hil.ok('GET', `/v0/node/${lease.server}`)) as { project: string | null };
	t.is(node.project, null);
	t.deepEqual(await store.read(checkBook), []);
}

testReplicas('when the leader is killed, another leads, and what is due comes to pass, once', async t => {
	t.timeout(600_000);
	const market = await startReplicas(t, ['n1']);
	const { leader, other } = await market.leader();
	await grant(other, 'blue');
	// Asked of the one that does not lead: the other one hears of it.
	await offerNode(other, 'n1');
	const id = await leaseSoon(other, 'n1', 8);
	const killed = performance.now();
	await leader.kill();
	await until(() => other.leads(), Boolean, patience);
	t.log(`another one led after ${Math.round(performance.now() - killed)} ms`);
	await until(
		() => stateOf(other, id),
		state => state !== 'reserved' && state !== 'starting',
		patience,
	);
	await leader.start();
	await assertPlayedOut(t, market, leader, { id, server: 'n1' });
	t.deepEqual(await historyOf(other, id), await historyOf(leader, id));
});

testReplicas('a leader that hangs is replaced, and does nothing more when it goes on', async t => {
	t.timeout(600_000);
	const market = await startReplicas(t, ['n1']);
	const { leader, other } = await market.leader();
	await grant(other, 'blue');
	await offerNode(other, 'n1');
	const id = await leaseSoon(other, 'n1', 15);
	const hung = performance.now();
	leader.signal('SIGSTOP');
	await until(() => other.leads(), Boolean, patience);
	t.log(`another one led after ${Math.round(performance.now() - hung)} ms`);
	await until(
		() => stateOf(other, id),
		state => state !== 'reserved' && state !== 'starting',
		patience,
	);
	// What was due is due for it as well, in the first moment.
	leader.signal('SIGCONT');
	await assertPlayedOut(t, market, leader, { id, server: 'n1' });
});

testReplicas('one that is cut off from the database decides nothing; the other one goes on', async t => {
	t.timeout(600_000);
	const market = await startReplicas(t, ['n1']);
	const { leader: cut, other } = await market.leader();
	await grant(other, 'blue');
	await offerNode(other, 'n1');
	const now = Math.floor(Date.now() / 1000);
	const bid = (key: string, at: number) =>
		bidOf({ key, servers: ['n1'], earliest: now + 80_000 + at, length: 10 });
	cut.link.cut();
	const next = random(7);
	for (let n = 0; n < 10; n++) {
		const at = Math.floor(next() * 100);
		const refused = await cut.call('POST', '/v1/bids', bid(`cut-${n}`, at));
		t.is(refused?.status, 503, JSON.stringify(refused));
		t.is((await cut.call('GET', '/v1/leases'))?.status, 503);
		t.true([200, 409].includes((await other.call('POST', '/v1/bids', bid(`other-${n}`, at)))?.status ?? 0));
	}
	await until(() => other.leads(), Boolean, patience);
	t.false(await cut.leads());
	const id = await leaseSoon(other, 'n1', 5);
	await until(
		() => stateOf(other, id),
		state => state === 'active',
		patience,
	);
	cut.link.mend();
	const shown = await until(
		() => cut.call('GET', `/v1/leases/${id}`),
		answer => answer?.status === 200,
		patience,
	);
	t.is(shown?.body.id, id);
	await market.store.read(async tx => {
		t.deepEqual(
			(await tx.list(bids)).filter(({ document }) => document.key.startsWith('cut')),
			[],
		);
		t.deepEqual(await checkBook(tx), []);
	});
	t.deepEqual(
		await cut.ok('GET', `/v1/calendar/n1?from=${now}&to=${now + 90_000}`),
		await other.ok('GET', `/v1/calendar/n1?from=${now}&to=${now + 90_000}`),
	);
});
