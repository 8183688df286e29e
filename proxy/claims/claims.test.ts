import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import type { Store } from '../../common/store/store.ts';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { reservationRules } from '../external/reservation-rules.ts';
import type { ExternalValue } from '../policy/facts.ts';
import { testOperation } from '../policy/test-operation.ts';
import { openClaims } from './claims.ts';

const operations = [testOperation({ name: 'Reset', clauses: ['HSO'] })];
const callTo = (name: string, body: JsonValue = {}): Call =>
	({
		request: { method: 'POST', path: '/redfish/v1/X', body },
		operator: { name: 'ann', party: 'HSO' },
		bmc: { target: { name, rack: 'rack1', url: '' } },
		prefix: '',
	}) as unknown as Call;
const power = (watts: Readonly<Record<string, number>>, asOf: number): Record<string, ExternalValue> => ({
	PDU: {
		status: 'fresh',
		value: { Outlets: Object.entries(watts).map(([Id, Power]) => ({ Id, Power })) },
		asOf,
	},
});
const sum = ({ PDU }: Readonly<Record<string, ExternalValue>>): number => {
	if (PDU?.status !== 'fresh') return Number.NaN;
	const { Outlets } = PDU.value as unknown as { Outlets: { Power: number }[] };
	return Outlets.reduce((total, { Power }) => total + Power, 0);
};

async function bench(
	rule: object = { add: 100 },
	{ row = 'Id' as string | undefined, rowOf = {}, store = createMemoryStore() as Store } = {},
) {
	const clock = new FakeClock();
	const faults: unknown[] = [];
	const rules = reservationRules.parse({
		field: 'Power',
		...(row && { row, rowOf }),
		operations: [{ operation: 'Reset', atMost: '30s', ...rule }],
	});
	const open = () =>
		openClaims({
			store,
			clock,
			reserved: { PDU: { rules, under: 'Outlets', unit: 'W' } },
			onFault: fault => faults.push(fault),
		});
	const claims = await open();
	const counted = new Map([['Reset', 600_000]]);
	const claim = (name: string, external = {}, body: JsonValue = {}) =>
		claims.claim(callTo(name, body), { operations, counted }, external);
	const seen = (watts: Readonly<Record<string, number>>, asOf = clock.now()) =>
		claims.overlay(power(watts, asOf));
	return { clock, store, claims, claim, open, seen, faults, counted };
}

test('what is added stands on top of the reading at the decision, per row', async t => {
	const { claim, clock, seen } = await bench();
	const before = power({ a: 10, b: 300 }, clock.now());
	claim('a', before);
	t.is(sum(seen({ a: 10, b: 300 })), 410);
	t.is(sum(seen({ a: 60, b: 300 })), 410, 'part of it is shown');
	claim('a', before);
	t.is(sum(seen({ a: 10, b: 300 })), 410, 'a server does not start twice at once');
	claim('b', before);
	const both = seen({ a: 10, b: 300 });
	t.is(sum(both), 510);
	t.is(both.PDU?.status === 'fresh' ? both.PDU.reserved : '', '200 W reserved for a, b');
	clock.advance(30_000);
	t.is(sum(seen({ a: 10, b: 300 })), 310);
});

test('what is drawn in all is at least that, for a server that runs already too', async t => {
	const { claim, clock, seen } = await bench({ draw: 130 });
	const before = power({ a: 112, b: 8 }, clock.now());
	claim('a', before);
	claim('b', before);
	t.is(sum(seen({ a: 112, b: 8 })), 260);
	clock.advance(1000);
	t.is(sum(seen({ a: 8, b: 132 })), 262, 'b is shown; a dips while it restarts');
	t.is(sum(seen({ a: 8, b: 100 })), 230);
});

test('who decides on an older reading still sees what a newer one has shown', async t => {
	const { claim, clock, seen } = await bench({ draw: 130 });
	const old = clock.now();
	claim('a', power({ a: 8 }, old));
	clock.advance(2000);
	t.is(sum(seen({ a: 131 })), 131);
	t.is(sum(seen({ a: 8 }, old)), 130);
	t.is(sum(seen({ a: 8 })), 8);
	clock.advance(60_000);
	t.is(sum(seen({ a: 8 }, old)), 130, 'nor does the end of its time hide it from them');
});

test('rows by another name, rows that are not there, and no rows at all', async t => {
	const mapped = await bench({ add: 50 }, { rowOf: { node1: '7' } });
	mapped.claim('node1', power({ 7: 10 }, mapped.clock.now()));
	t.is(sum(mapped.seen({ 7: 10, 8: 10 })), 70);
	const missing = await bench({ draw: 50 });
	missing.claim('node9', {});
	t.is(sum(missing.seen({ a: 10 })), 60);
	const beside = await bench({ add: 50 }, { row: undefined });
	beside.claim('node1');
	beside.claim('node2');
	t.is(sum(beside.seen({ a: 10 })), 110);
	const unread = await bench({ add: 50 });
	unread.claim('a', {}); // the decision did not look at the source
	t.is(sum(unread.seen({ a: 10 })), 60);
});

test('a condition says for what is reserved; what it cannot decide is reserved for', async t => {
	const { claim, seen } = await bench({ add: 50, when: 'Request.Body.ResetType != "ForceOff"' });
	claim('a', {}, { ResetType: 'ForceOff' });
	t.is(sum(seen({ a: 10, b: 10 })), 20);
	claim('a', {}, { ResetType: 'On' });
	t.is(sum(seen({ a: 10, b: 10 })), 70);
	claim('b', {}, {});
	t.is(sum(seen({ a: 10, b: 10 })), 120);
});

test('a restart forgets neither what was reserved nor what was executed', async t => {
	const { claim, clock, open } = await bench();
	await claim('a', power({ a: 10 }, clock.now())).durable;
	const again = await open();
	t.is(sum(again.overlay(power({ a: 10 }, clock.now()))), 110);
	t.deepEqual(again.executions(), [
		{ At: clock.now(), Operations: ['Reset'], Bmc: 'a', Rack: 'rack1', Party: 'HSO', Operator: 'ann' },
	]);
});

test('what is released is free, on disk too, and was let through all the same', async t => {
	const { claim, claims, clock, open, seen, faults } = await bench();
	const held = claim('a', power({ a: 10 }, clock.now()));
	held.release();
	t.is(sum(seen({ a: 10 })), 10);
	t.is(claims.executions().length, 1);
	await held.durable;
	await new Promise(resolve => setImmediate(resolve));
	const again = await open();
	t.is(sum(again.overlay(power({ a: 10 }, clock.now()))), 10);
	t.is(again.executions().length, 1);
	t.deepEqual(faults, []);
});

test('what is over is forgotten, in memory and on disk', async t => {
	const { claim, claims, clock, open } = await bench();
	for (let i = 0; i < 5; i++) await claim(`n${i}`).durable;
	clock.advance(600_001);
	await claim('last').durable;
	t.deepEqual(
		claims.executions().map(({ Bmc }) => Bmc),
		['last'],
	);
	t.is((await open()).executions().length, 1);
});

test('what cannot be kept is told, so that nothing is sent', async t => {
	const store = createMemoryStore();
	const broken: Store = { ...store, transact: () => Promise.reject(new Error('no space left')) };
	const { claim } = await bench({ add: 1 }, { store: broken });
	const held = claim('a');
	await t.throwsAsync(held.durable, { message: 'no space left' });
	held.release();
});

test('what nobody counts and nothing is reserved for costs nothing', async t => {
	const { claims, open } = await bench();
	const other = [testOperation({ name: 'Other', clauses: ['HSO'] })];
	await claims.claim(callTo('a'), { operations: other, counted: new Map() }, {}).durable;
	t.deepEqual((await open()).executions(), []);
	t.deepEqual(claims.executions(), []);
});

test('property: no reading ever makes the sum smaller than it is, or than what was promised of its rows', async t => {
	const watts = fc.record({ a: fc.nat(500), b: fc.nat(500) });
	await fc.assert(
		fc.asyncProperty(
			watts,
			watts,
			fc.subarray(['a', 'b']),
			fc.nat(29_999),
			async (before, after, who, later) => {
				const { claim, clock, seen } = await bench();
				for (const name of who) claim(name, power(before, clock.now()));
				clock.advance(later);
				const total = sum(seen(after, clock.now() - later)); // as read before the claims
				const least = ['a', 'b'].map(name => {
					const row = name as 'a' | 'b';
					return who.includes(name) ? Math.max(after[row], before[row] + 100) : after[row];
				});
				return total === least.reduce((x, y) => x + y, 0);
			},
		),
		{ numRuns: 200 },
	);
	t.pass();
});
