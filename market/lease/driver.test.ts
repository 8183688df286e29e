import test from 'ava';
import fc from 'fast-check';
import { checkBook } from '../ledger/check-book.ts';
import { showCredits } from '../ledger/credits.ts';
import { now } from '../market.fixture.ts';
import { leaseBench as bench } from './driver.fixture.ts';
import { cancelLease, extendLease, recallServers, releaseLease } from './leases.ts';

test('a lease begins and ends to the second: servers are handed over, taken back, and paid for', async t => {
	const { market, fulfilment, book, pass, lease, credits } = await bench(t);
	await market.offer({ price: '2' });
	const id = await book();
	await pass(49);
	t.deepEqual([(await lease(id)).state, fulfilment.holders.size], ['reserved', 0]);
	await pass(1);
	t.like(await lease(id), { state: 'active', deliveredAt: now + 50 });
	t.deepEqual(
		[...fulfilment.holders],
		[
			['r1', id],
			['r2', id],
		],
	);
	await pass(99);
	t.is(fulfilment.holders.size, 2);
	await pass(1);
	t.is((await lease(id)).state, 'over');
	t.is(fulfilment.holders.size, 0);
	t.deepEqual([await credits('blue'), await credits('red')], ['0.0096 + 0', '0.0004 + 0']);
	t.deepEqual(await market.store.read(checkBook), []);
});

test('late delivery that is nobody’s doing: the seconds before it are not paid', async t => {
	const { market, fulfilment, book, pass, lease, credits } = await bench(t);
	await market.offer({ price: '2' });
	const id = await book();
	fulfilment.isAway = true;
	await pass(70);
	t.like(await lease(id), { state: 'starting', problem: 'nobody answers' });
	fulfilment.isAway = false;
	await pass(60);
	const { deliveredAt, state, problem } = await lease(id);
	t.deepEqual([state, problem], ['active', null]);
	const late = (deliveredAt ?? 0) - now - 50;
	t.true(late > 20 && late < 60, `${late}`);
	await pass(60);
	const owed = 2 * 2 * (100 - late);
	t.is(await credits('red'), `${owed / 1e6} + 0`);
	t.is(await credits('blue'), `${(10_000 - owed) / 1e6} + 0`);
});

test('delivery that does not come: all credits are back, and so is what was handed over', async t => {
	const { market, fulfilment, book, pass, lease, credits } = await bench(t);
	await market.offer({ price: '2' });
	const id = await book();
	fulfilment.broken = 'r2';
	await pass(51);
	t.deepEqual([...fulfilment.holders.keys()], ['r1']);
	await pass(150);
	t.like(await lease(id), { state: 'failed', problem: null });
	t.is(fulfilment.holders.size, 0);
	// A tenth of what it would have cost, which red has not got.
	t.deepEqual([await credits('blue'), await credits('red')], ['0.01 + 0', '0 + 0']);
	t.like(await market.store.read(tx => showCredits(tx, 'blue')), { isOwed: '0.00004', owes: '0' });
	t.is((await market.bid('again')).outcome, 'leased', 'the servers are free again');
});

test('a lease ends although nobody answered then, and nobody was there to see it', async t => {
	const made = await bench(t);
	const { market, fulfilment, book, pass, lease, credits } = made;
	await market.offer({ price: '2' });
	const id = await book();
	await pass(60);
	fulfilment.isAway = true;
	await made.driver.close();
	await pass(500);
	t.like(await lease(id), { state: 'active' });
	await made.restart();
	t.like(await lease(id), { state: 'ending' });
	t.deepEqual([await credits('blue'), await credits('red')], ['0.0096 + 0', '0.0004 + 0']);
	fulfilment.isAway = false;
	await pass(60);
	t.like(await lease(id), { state: 'over', problem: null });
	t.is(fulfilment.holders.size, 0);
});

test('a server goes to the next lease only when the one before has given it back', async t => {
	const { market, fulfilment, book, pass, lease } = await bench(t);
	await market.offer({ price: '2' });
	const first = await book({ quantity: 3 });
	const second = await book({ quantity: 3, earliest: now + 150, latest: now + 150 });
	await pass(60);
	fulfilment.isAway = true;
	await pass(95);
	t.like(await lease(first), { state: 'ending' });
	t.like(await lease(second), { state: 'starting' });
	fulfilment.isAway = false;
	await pass(60);
	t.like(await lease(first), { state: 'over' });
	t.like(await lease(second), { state: 'active' });
	t.deepEqual(fulfilment.done.slice(3, 6), [`${first} gives r1`, `${first} gives r2`, `${first} gives r3`]);
});

test('given back early: the shortest lease is paid, and a tenth of the rest; others can have them', async t => {
	const { market, fulfilment, book, pass, act, lease, credits } = await bench(t);
	await market.offer({ price: '2', shortest: 40 });
	const id = await book();
	const release = () => act(id, ({ act, at }) => act(tx => releaseLease(tx, { id }, at)));
	t.is(await release(), 'LeaseNotBegun');
	await pass(60);
	t.is(await release(), undefined);
	t.like(await lease(id), { state: 'over', end: now + 60 });
	t.is(fulfilment.holders.size, 0);
	t.is(await release(), 'LeaseOver');
	// 40 s at 2, and a tenth of 60 s at 2, for each of two servers.
	t.deepEqual([await credits('red'), await credits('blue')], ['0.000184 + 0', '0.009816 + 0']);
	await book({ quantity: 3, earliest: now + 60, latest: now + 60 });
	t.is(fulfilment.holders.size, 3);
});

test('longer, when all of its servers are offered and free; else nothing is changed', async t => {
	const { market, book, pass, act, lease, credits } = await bench(t);
	await market.offer({ price: '2' });
	const id = await book();
	await book({ quantity: 1, servers: { names: ['r2'] }, earliest: now + 300, latest: now + 300 });
	const extend = (until: number) =>
		act(id, ({ act, at }) => act(tx => extendLease(tx, { id, until: now + until }, at)));
	const before = await lease(id);
	t.is(await extend(150), 'ExtensionRefused');
	t.is(await extend(301), 'ExtensionRefused', 'leased to somebody else');
	t.is(await extend(551), 'ExtensionRefused', 'longer than is offered');
	t.deepEqual(await lease(id), before);
	t.is(await extend(300), undefined);
	await pass(200);
	t.like(await lease(id), { state: 'active', cost: '1000' });
	await pass(200);
	t.like(await lease(id), { state: 'over' });
	t.is(await extend(301), 'LeaseOver');
	t.is(await credits('blue'), '0.0088 + 0');
});

test('an owner has its servers back after the notice, at a price; the lease goes on with the others', async t => {
	const { market, fulfilment, book, pass, act, lease, credits } = await bench(t);
	await market.offer({ price: '2', servers: { names: ['r1'] }, recallNotice: 20 });
	await market.offer({ price: '2', servers: { names: ['r2'] } });
	const id = await book();
	await pass(60);
	const recall = (owner: string) => act(id, ({ act, at }) => act(tx => recallServers(tx, { id, owner }, at)));
	t.is(await recall('yellow'), 'RecallRefused');
	t.is(await recall('red'), undefined);
	t.is(await recall('red'), 'RecallRefused', 'it is on its way back');
	await pass(19);
	t.is(fulfilment.holders.size, 2);
	await pass(1);
	t.deepEqual([...fulfilment.holders.keys()], ['r2']);
	t.like(await lease(id), { state: 'active', end: now + 150 });
	await pass(70);
	t.like(await lease(id), { state: 'over' });
	// r2 for 100 s; r1 for 30 s, less a tenth of the 70 s that are missing.
	t.is(await credits('red'), `${(200 + 60 - 14) / 1e6} + 0`);
	t.deepEqual(await market.store.read(checkBook), []);
});

test('whatever is asked, whatever fails and whenever it is restarted: each server is given and taken back, each credit is somewhere', async t => {
	const step = fc.oneof(
		fc.record({ do: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 40 }) }),
		fc.record({
			do: fc.constant('book' as const),
			from: fc.integer({ min: 0, max: 60 }),
			length: fc.integer({ min: 10, max: 80 }),
			quantity: fc.integer({ min: 1, max: 3 }),
		}),
		fc.record({
			do: fc.constantFrom('release' as const, 'cancel' as const, 'recall' as const, 'extend' as const),
			n: fc.nat(3),
		}),
		fc.record({
			do: fc.constantFrom('restart' as const, 'away' as const, 'back' as const),
			n: fc.constant(0),
		}),
	);
	const seen = new Set<string>();
	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async steps => {
			const ends: (() => unknown)[] = [];
			const made = await bench({ teardown: end => void ends.push(end) });
			const { market, fulfilment } = made;
			await market.offer({ price: '2', recallNotice: 15 });
			const ids: string[] = [];
			for (const each of steps) {
				if (each.do === 'pass') await made.pass(each.seconds);
				else if (each.do === 'restart') await made.restart();
				else if (each.do === 'away') fulfilment.isAway = true;
				else if (each.do === 'back') fulfilment.isAway = false;
				else if (each.do === 'book') {
					const at = market.at + each.from;
					const wanted = { quantity: each.quantity, length: each.length, earliest: at, latest: at };
					await made.book(wanted).then(
						id => ids.push(id),
						() => undefined,
					);
				} else {
					const id = ids[each.n % Math.max(1, ids.length)] ?? 'none';
					const { at } = market;
					if (id !== 'none')
						await made.act(id, ({ act }) =>
							act(async tx => {
								if (each.do === 'release') await releaseLease(tx, { id }, at);
								if (each.do === 'cancel') await cancelLease(tx, { id }, at);
								if (each.do === 'recall') await recallServers(tx, { id, owner: 'red' }, at);
								if (each.do === 'extend')
									await extendLease(tx, { id, until: (await made.lease(id)).end + 30 }, at);
							}),
						);
				}
			}
			fulfilment.isAway = false;
			await made.pass(400);
			for (const id of ids) {
				const { state, problem } = await made.lease(id);
				t.true(['over', 'cancelled', 'failed'].includes(state), `${id} ${state} ${problem}`);
				seen.add(state);
			}
			t.is(fulfilment.holders.size, 0);
			t.regex(await made.credits('blue'), / \+ 0$/);
			t.deepEqual(await market.store.read(checkBook), []);
			for (const end of ends) await end();
		}),
		{ numRuns: 40 },
	);
	t.deepEqual([...seen].sort(), ['cancelled', 'failed', 'over']);
});
