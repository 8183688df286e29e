// Who answers for what came late, not at all, or was broken off, and with what.
import test from 'ava';
import fc from 'fast-check';
import { checkBook } from '../ledger/check-book.ts';
import { claims, oweCredits } from '../ledger/claim.ts';
import { grantCredits, setCreditLine, showCredits, transferCredits } from '../ledger/credits.ts';
import { showStatement } from '../ledger/statement.ts';
import { now, type SomeMarket } from '../market.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import { type LeaseBench, leaseBench } from './driver.fixture.ts';
import { recallServers } from './leases.ts';

const gift = { kind: 'gift', of: '', note: '' } as const;
const micro = async ({ store }: SomeMarket, project: string): Promise<number> =>
	Math.round(Number((await store.read(tx => showCredits(tx, project))).balance) * 1e6);
const owes = async ({ store }: SomeMarket, project: string): Promise<number> =>
	Math.round(Number((await store.read(tx => showCredits(tx, project))).owes) * 1e6);

/** r1 and r2 to blue for 100 s from second 50 on, at 2: late by what is set until it is taken away after 20 s. */
async function lateBy(made: LeaseBench, what: 'broken' | 'unwilling', value: string): Promise<number> {
	const { market, fulfilment, pass, lease } = made;
	await market.offer({ price: '2' });
	const id = await made.book();
	fulfilment[what] = value;
	await pass(70);
	fulfilment[what] = undefined;
	await pass(90);
	const { deliveredAt, state, delays = [] } = await lease(id);
	if (state !== 'over' || deliveredAt === null) throw new Error(state);
	const late = deliveredAt - now - 50;
	if (late < 20 || delays[0]?.seconds !== late) throw new Error(`late by ${late}: ${JSON.stringify(delays)}`);
	return late;
}

test('late by an owner: it gives a tenth of the price of all servers for those seconds', async t => {
	const made = await leaseBench(t);
	const late = await lateBy(made, 'broken', 'r2');
	const paid = 2 * 2 * (100 - late) - 2 * Math.floor((2 * late) / 10);
	t.deepEqual([await micro(made.market, 'red'), await micro(made.market, 'blue')], [paid, 10_000 - paid]);
	const { lines } = await made.market.store.read(tx =>
		showStatement(tx, { account: 'project/blue', limit: 100 }),
	);
	t.is(
		lines.find(({ kind }) => kind === 'compensation')?.amount,
		`${(2 * Math.floor((2 * late) / 10)) / 1e6}`,
	);
	t.deepEqual(await made.market.store.read(checkBook), []);
});

test('late by the lessee: it pays a tenth of those seconds', async t => {
	const made = await leaseBench(t);
	const late = await lateBy(made, 'unwilling', 'blue');
	const paid = 2 * 2 * (100 - late) + 2 * Math.floor((2 * late) / 10);
	t.deepEqual([await micro(made.market, 'red'), await micro(made.market, 'blue')], [paid, 10_000 - paid]);
});

test('the market away: those seconds are nobody’s doing', async t => {
	const made = await leaseBench(t);
	const { market, fulfilment, pass, lease } = made;
	await market.offer({ price: '2', longest: 900 });
	const id = await made.book({ length: 400 });
	fulfilment.broken = 'r2';
	await pass(51);
	await made.driver.close();
	await pass(300);
	fulfilment.broken = undefined;
	await made.restart();
	// Longer than it is tried for. It was seen last a second after it began, which stands for 90 s more and not for 300.
	t.like(await lease(id), { state: 'failed', delays: [{ by: 'red', seconds: 91 }] });
});

test('failed by an owner: a tenth of the whole lease, from what it has, then from what it gets', async t => {
	const made = await leaseBench(t);
	const { market, fulfilment, pass, lease } = made;
	const { store } = market;
	await store.transact(tx => grantCredits(tx, { key: 'r', project: 'red', amount: 5n, cause: gift }, now));
	await store.transact(tx => setCreditLine(tx, { project: 'red', creditLine: 7n }, now));
	await market.offer({ price: '2' });
	const id = await made.book();
	fulfilment.broken = 'r1';
	await pass(120);
	t.is((await lease(id)).state, 'failed');
	// 40 are owed: 5 of its own and 7 of its credit line are there.
	t.deepEqual(
		[await micro(market, 'red'), await micro(market, 'blue'), await owes(market, 'red')],
		[-7, 10_012, 28],
	);
	await store.transact(tx =>
		transferCredits(tx, { key: 'g', from: 'green', to: 'red', amount: 3n, cause: gift }, now),
	);
	t.deepEqual([await micro(market, 'red'), await owes(market, 'red')], [-7, 25]);
	await store.transact(tx => setCreditLine(tx, { project: 'red', creditLine: 9n }, now));
	t.deepEqual([await micro(market, 'red'), await owes(market, 'red')], [-9, 23]);
	fulfilment.broken = undefined;
	await made.book({
		project: 'green',
		quantity: 1,
		servers: { names: ['r1'] },
		length: 20,
		earliest: market.at,
		latest: market.at,
	});
	await pass(20);
	t.deepEqual(
		[await micro(market, 'red'), await owes(market, 'red')],
		[8, 0],
		'40 of income, 23 of them to blue',
	);
	const { lines } = await store.read(tx => showStatement(tx, { account: 'project/blue', limit: 100 }));
	t.deepEqual(
		lines.filter(({ kind }) => kind === 'compensation').map(({ amount, of }) => [amount, of]),
		[12, 3, 2, 23].map(each => [(each / 1e6).toFixed(6).replace(/0+$/, ''), id]),
	);
	t.deepEqual(await store.read(checkBook), []);
});

test('failed by the lessee: owners get a tenth; by nobody: nothing', async t => {
	const made = await leaseBench(t);
	await made.market.offer({ price: '2' });
	await made.book();
	made.fulfilment.unwilling = 'blue';
	await made.pass(120);
	t.deepEqual([await micro(made.market, 'red'), await micro(made.market, 'blue')], [40, 9960]);
	made.fulfilment.isAway = true;
	await made.book({ earliest: made.market.at, latest: made.market.at });
	await made.pass(120);
	t.deepEqual([await micro(made.market, 'red'), await micro(made.market, 'blue')], [40, 9960]);
});

test('a recall that costs more than the rest is worth is owed', async t => {
	const made = await leaseBench(t);
	await made.market.offer({ price: '2', recallNotice: 0 });
	const id = await made.book();
	await made.pass(51);
	await made.act(id, ({ act, at }) => act(tx => recallServers(tx, { id, owner: 'red' }, at)));
	await made.pass(1);
	// A second of two servers at 2, less a tenth of 99.
	t.deepEqual([await micro(made.market, 'red'), await micro(made.market, 'blue')], [0, 10_000]);
	t.is(await owes(made.market, 'red'), 2 * 19 - 4);
	t.deepEqual(await made.market.store.read(checkBook), []);
});

test('whoever owes whom, and whatever comes in: nothing is paid twice, and who owes has no more than it may', async t => {
	const names = ['red', 'blue', 'green', 'grey'] as const;
	const project = fc.constantFrom(...names);
	const amount = fc.bigInt({ min: 1n, max: 50n });
	const step = fc.oneof(
		fc.record({ do: fc.constant('owe' as const), project, to: project, amount }),
		fc.record({ do: fc.constant('grant' as const), project, to: project, amount }),
		fc.record({ do: fc.constant('give' as const), project, to: project, amount }),
		fc.record({ do: fc.constant('line' as const), project, to: project, amount }),
	);
	await fc.assert(
		fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
			const { store } = (await leaseBench(t)).market;
			for (const [n, each] of steps.entries()) {
				const key = `k${n}`;
				const work = (times: number) =>
					store.transact(async tx => {
						const { project: from, to, amount: some } = each;
						for (let time = 0; time < times; time++) {
							if (each.do === 'owe')
								await oweCredits(tx, { key, debtor: from, creditor: to, amount: some, cause: gift }, n);
							if (each.do === 'grant')
								await grantCredits(tx, { key, project: from, amount: some, cause: gift }, n);
							if (each.do === 'give')
								await transferCredits(tx, { key, from, to, amount: some, cause: gift }, n);
							if (each.do === 'line') await setCreditLine(tx, { project: from, creditLine: some }, n);
						}
					});
				const code = await codeOf(work(2));
				t.true(
					[undefined, 'TransferRefused', 'CreditsShort', 'NoSuchAccount', 'CreditLineInUse'].includes(code),
					code,
				);
				t.deepEqual(await store.read(checkBook), []);
			}
			const open = await store.read(tx => tx.list(claims));
			const owed = open.reduce((sum, { document }) => sum + BigInt(document.amount), 0n);
			const asked = steps.reduce(
				(sum, each) => sum + (each.do === 'owe' && each.project !== each.to ? each.amount : 0n),
				0n,
			);
			t.is(owed, asked);
		}),
		{ numRuns: 40 },
	);
});
