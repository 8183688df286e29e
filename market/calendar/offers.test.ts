import test from 'ava';
import type { Transaction } from '../../common/store/store.ts';
import { codeOf, temporaryStore } from '../store.fixture.ts';
import { type OfferTerms, offers, offerTerms } from './offer.ts';
import { makeOffer, withdrawOffer } from './offers.ts';
import { handOver, ownerAt, recordServer, servers } from './server.ts';
import { leasedSpans, offeredSpans, takeSpan } from './span.ts';

const now = Date.parse('2026-03-01T00:00:00Z') / 1000;
const hour = 3600;

const terms: OfferTerms = {
	project: 'red',
	servers: { names: ['r1'] },
	times: { type: 'once', intervals: [{ start: now + hour, end: now + 5 * hour }] },
	price: '100',
	shortest: 60,
	longest: 4 * hour,
	to: null,
	recallNotice: 600,
};

/** r1, r2 are red's, b1 is blue's. */
async function someCalendar(t: { teardown: (fn: () => Promise<void>) => void }) {
	const { store, end } = await temporaryStore();
	t.teardown(end);
	let ids = 0;
	const world = { now, newId: () => `offer-${++ids}` };
	await store.transact(async tx => {
		const record = (name: string, owner: string, memoryGib: number) =>
			recordServer(tx, { name, owner, properties: { model: 'R640', memoryGib }, attestations: [] }, now);
		await record('r1', 'red', 96);
		await record('r2', 'red', 384);
		await record('b1', 'blue', 384);
	});
	return {
		store,
		act: (work: (tx: Transaction) => Promise<unknown>) => store.transact(work),
		offer: (wish: Partial<OfferTerms> = {}) =>
			store.transact(tx => makeOffer(tx, { ...terms, ...wish }, world)),
		all: () =>
			store.read(async tx => [await tx.list(offers), await tx.list(offeredSpans), await tx.list(servers)]),
	};
}

test('a query offers the servers that are so when the offer is made', async t => {
	const { store, offer } = await someCalendar(t);
	const id = await offer({
		servers: {
			where: [
				{ property: 'model', op: 'in', value: ['R640', 'R740'] },
				{ property: 'memoryGib', op: '>=', value: 128 },
			],
		},
	});
	const made = await store.read(tx => tx.get(offers, id));
	t.deepEqual(made?.offered, ['r2']);
	t.is(await store.read(tx => tx.count(offers, { index: 'open', equals: 'yes' })), 1);
});

test('intervals that adjoin are one, what is past is cut off, and weekly hours are kept as seconds', async t => {
	const { store, offer } = await someCalendar(t);
	const once = await offer({
		times: {
			type: 'once',
			intervals: [
				{ start: now + hour, end: now + 2 * hour },
				{ start: now - hour, end: now + hour },
				{ start: now - 9 * hour, end: now - 8 * hour },
			],
		},
	});
	const found = await store.read(tx => tx.get(offers, once));
	t.deepEqual(found?.intervals, [{ start: now, end: now + 2 * hour }]);
	const hours = { zone: 'Europe/Berlin', days: ['mon', 'tue'], from: '20:00', until: '06:00' } as const;
	const weekly = await offer({
		servers: { names: ['r2'] },
		times: { type: 'weekly', ...hours, days: [...hours.days], first: '2026-03-23', last: '2026-03-31' },
	});
	const nights = (await store.read(tx => tx.get(offers, weekly)))?.intervals ?? [];
	t.deepEqual(
		nights.map(({ start }) => new Date(start * 1000).toISOString().slice(5, 13)),
		['03-23T19', '03-24T19', '03-30T18', '03-31T18'],
	);
});

test('an offer that cannot be is refused with its reason, and nothing is offered', async t => {
	const { offer, all } = await someCalendar(t);
	await offer();
	const before = await all();
	const once = (start: number, end: number, ...more: { start: number; end: number }[]) => ({
		times: { type: 'once' as const, intervals: [{ start, end }, ...more] },
	});
	const weekly = { type: 'weekly', zone: 'UTC', days: ['mon'], from: '01:00', until: '02:00' } as const;
	const refused: [string, Partial<OfferTerms>][] = [
		['OffersOverlap', {}],
		['OffersOverlap', { servers: { names: ['r2', 'r1'] } }],
		['OffersOverlap', once(now + 5 * hour - 1, now + 9 * hour)],
		['OffersOverlap', { ...once(now, now + hour + 1), shortest: 1 }],
		['NotTheOwner', { servers: { names: ['b1'] } }],
		['NotTheOwner', { project: 'blue', servers: { names: ['b1', 'r2'] } }],
		['NoSuchServer', { servers: { names: ['nowhere'] } }],
		['NoServerMatches', { servers: { where: [{ property: 'memoryGib', op: '>', value: 1000 }] } }],
		['NoServerMatches', { servers: { where: [{ property: 'gpu', op: '!=', value: true }] } }],
		['NoServerMatches', { servers: { where: [{ property: 'model', op: '<', value: 9 }] } }],
		['NoServerMatches', { servers: { where: [{ property: 'constructor', op: '!=', value: 1 }] } }],
		['TimesRefused', once(now - 2 * hour, now)],
		['TimesRefused', once(now + 10, now + 20, { start: now + 19, end: now + 30 })],
		[
			'TimesRefused',
			{ times: { ...weekly, days: ['mon'], zone: 'Mars/Base', first: '2026-04-01', last: '2026-04-30' } },
		],
		['OfferRefused', { shortest: 120, longest: 60 }],
		['OfferRefused', { ...once(now + 6 * hour, now + 6 * hour + 59), shortest: 60 }],
	];
	for (const [code, wish] of refused) t.is(await codeOf(offer(wish)), code, JSON.stringify(wish));
	t.deepEqual(await all(), before);
	// What adjoins does not overlap.
	t.is(await codeOf(offer(once(now + 5 * hour, now + 6 * hour))), undefined);
});

test('of an offer sent twice at once, one is made', async t => {
	const { offer, all } = await someCalendar(t);
	const codes = await Promise.all([codeOf(offer()), codeOf(offer()), codeOf(offer())]);
	t.deepEqual(codes, [undefined, 'OffersOverlap', 'OffersOverlap']);
	t.is((await all())[0]?.length, 1);
});

test('an offer larger than can be kept is refused', async t => {
	const { act, offer } = await someCalendar(t);
	const names = Array.from({ length: 60 }, (_, n) => `many-${n}`);
	await act(async tx => {
		for (const name of names) {
			await recordServer(tx, { name, owner: 'red', properties: {}, attestations: [] }, now);
		}
	});
	const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
	const times = { type: 'weekly', zone: 'UTC', from: '01:00', until: '02:00' } as const;
	const wish = { ...times, days: [...days], first: '2026-03-02', last: '2027-03-01' };
	t.is(await codeOf(offer({ servers: { names }, times: wish })), 'OfferRefused');
});

test('what is withdrawn can be offered anew, and only its owner withdraws', async t => {
	const { act, offer } = await someCalendar(t);
	const id = await offer();
	const withdraw = (project: string) => codeOf(act(tx => withdrawOffer(tx, { id, project }, now)));
	t.is(await withdraw('blue'), 'NoSuchOffer');
	t.is(await withdraw('red'), undefined);
	t.is(await withdraw('red'), 'OfferWithdrawn');
	t.is(await codeOf(act(tx => withdrawOffer(tx, { id: '', project: 'red' }, now))), 'NoSuchOffer');
	t.is(await codeOf(offer()), undefined);
});

test('whose a server was is known for every second, and it is handed over only when it is free', async t => {
	const { store, act, offer } = await someCalendar(t);
	const id = await offer();
	const give = (from: string, to: string, at: number) =>
		codeOf(act(tx => handOver(tx, { name: 'r1', from, to }, at)));
	t.is(await give('red', 'blue', now), 'ServerInUse');
	await act(tx => withdrawOffer(tx, { id, project: 'red' }, now));
	const lease = { server: 'r1', start: now + 50, end: now + 90, by: 'lease-1' };
	await act(tx => takeSpan(tx, leasedSpans, lease));
	t.is(await give('red', 'blue', now + 89), 'ServerInUse');
	t.is(await give('blue', 'green', now + 90), 'NotTheOwner');
	t.is(await give('red', 'a/b', now + 90), 'NameRefused');
	t.is(await give('red', 'blue', now + 90), undefined);
	const owner = (at: number) => store.read(tx => ownerAt(tx, 'r1', at));
	t.deepEqual(await Promise.all([now - 1, now, now + 89, now + 90, now + 900].map(owner)), [
		undefined,
		'red',
		'red',
		'blue',
		'blue',
	]);
	t.is(await codeOf(offer()), 'NotTheOwner');
	const again = { name: 'r1', owner: 'red', properties: {}, attestations: [] };
	t.is(await codeOf(act(tx => recordServer(tx, again, now + 95))), 'NotTheOwner');
	t.is(await codeOf(act(tx => recordServer(tx, { ...again, name: '' }, now))), 'NameRefused');
});

test('what an offer says is checked before it is looked at', t => {
	t.true(offerTerms.safeParse(terms).success);
	for (const wrong of [
		{ price: '-1' },
		{ price: '0' },
		{ price: 5 },
		{ price: '1'.repeat(30) },
		{ shortest: 0 },
		{ longest: 1.5 },
		{ to: [] },
		{ servers: { names: [] } },
		{ servers: { names: ['r1'], where: [] } },
		{ recallNotice: -1 },
		{ times: { type: 'once', intervals: [] } },
		{ times: { type: 'once', intervals: [{ start: 5, end: 4 }] } },
		{ extra: 1 },
	]) {
		t.false(offerTerms.safeParse({ ...terms, ...wrong }).success, JSON.stringify(wrong));
	}
});
