import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { openStore } from '../../common/store/open-store.ts';
import type { Store } from '../../common/store/store.ts';
import { type Lockouts, openLockouts } from './lockouts.ts';
import { createRoster } from './roster.ts';

const roster = createRoster(
	[
		{ name: 'hso-operator', party: 'HSO' },
		{ name: 'cp-operator', party: 'CP' },
	],
	['HSO', 'CP'],
);
const minute = 60_000;
const [attacker, home] = ['10.6.6.6', '10.0.0.1'];

async function open(store?: Store, clock = new FakeClock()) {
	const locks: unknown[] = [];
	const lockouts = await openLockouts({
		clock,
		store,
		roster: () => roster,
		onLock: lock => locks.push(lock),
		onFault: fault => {
			throw fault;
		},
	});
	return { lockouts, clock, locks };
}

/** Wrong passwords until it has to wait, `times` over, waiting each time as long as it must. */
function guess(lockouts: Lockouts, clock: FakeClock, name: string, from: string, times: number): void {
	for (let done = 0; done < times; ) {
		const wait = lockouts.attempt(name, from);
		if (wait > 0) clock.advance(wait);
		else {
			lockouts.failed(name, from);
			done++;
		}
	}
}

async function withStore(body: (store: Store) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-lockouts-'));
	const store = await openStore({ engine: 'lowdb', file: join(folder, 'store.json') });
	try {
		await body(store);
	} finally {
		await store.close();
		await rm(folder, { recursive: true });
	}
}

test('from one address nobody locks an operator out at another, however long it goes on', async t => {
	const { lockouts, clock } = await open();
	guess(lockouts, clock, 'cp-operator', attacker, 300); // for days
	t.true(lockouts.attempt('cp-operator', attacker) > 30 * minute);
	t.is(lockouts.attempt('cp-operator', home), 0, 'at an address never seen before');
});

test('from many addresses an account is slowed down, but not where its operator is known', async t => {
	const { lockouts } = await open();
	lockouts.attempt('cp-operator', home);
	lockouts.succeeded('cp-operator', home);
	for (let host = 0; host < 60; host++) {
		lockouts.attempt('cp-operator', `10.6.6.${host}`);
		lockouts.failed('cp-operator', `10.6.6.${host}`);
	}
	t.true(lockouts.attempt('cp-operator', '10.9.9.9') > 0);
	t.is(lockouts.attempt('cp-operator', home), 0);
	t.deepEqual(
		lockouts.list('CP').map(({ from }) => from),
		[null],
	);
});

test('a lockout outlives a restart, and setting the clock does not end it', async t => {
	await withStore(async store => {
		const first = await open(store);
		guess(first.lockouts, first.clock, 'cp-operator', attacker, 12);
		const wait = first.lockouts.attempt('cp-operator', attacker);
		t.is(wait, 64_000);
		first.clock.jump(60 * minute);
		t.is(first.lockouts.attempt('cp-operator', attacker), wait);
		first.clock.jump(-60 * minute);
		await first.lockouts.settled();
		first.clock.advance(1000);
		const second = await open(store, first.clock);
		t.is(second.lockouts.attempt('cp-operator', attacker), wait - 1000);
		t.is(second.lockouts.attempt('cp-operator', home), 0);
		second.clock.advance(wait - 1000);
		t.is(second.lockouts.attempt('cp-operator', attacker), 0);
		second.lockouts.failed('cp-operator', attacker);
		t.is(second.lockouts.attempt('cp-operator', attacker), 128_000, 'and it goes on growing');
		await second.lockouts.settled();
	});
});

test('each lockout is told, with the operator’s name only where there is such an operator', async t => {
	const { lockouts, clock, locks } = await open();
	guess(lockouts, clock, 'cp-operator', attacker, 6);
	t.like(locks, [{ operator: 'cp-operator', party: 'CP', from: attacker, failures: 6 }]);
	guess(lockouts, clock, 'my-password', attacker, 6);
	t.like(locks[1], { operator: null, party: null, from: attacker });
	t.false(JSON.stringify(locks).includes('my-password'));
});

test('a party sees and ends the lockouts of its own operators', async t => {
	await withStore(async store => {
		const { lockouts, clock } = await open(store);
		guess(lockouts, clock, 'cp-operator', attacker, 6);
		t.deepEqual(lockouts.list('HSO'), []);
		t.deepEqual(lockouts.list('CP'), [
			{ operator: 'cp-operator', from: attacker, failures: 6, until: clock.now() + 1000 },
		]);
		const operator = { name: 'cp-operator', party: 'CP' };
		t.false(await lockouts.unlock(operator, home));
		t.true(await lockouts.unlock(operator, attacker));
		t.is(lockouts.attempt('cp-operator', attacker), 0);
		t.deepEqual((await open(store, clock)).lockouts.list('CP'), []);
	});
});

test('the same is said of a name whether or not it is an operator’s', t =>
	property(t, async steps => {
		const [one, other] = [await open(), await open()];
		for (const step of steps) {
			if (step.kind === 'pause') for (const { clock } of [one, other]) clock.advance(step.ms);
			else {
				const waits = [one, other].map(({ lockouts }, i) => {
					const name = i === 0 ? 'cp-operator' : 'nobody';
					const wait = lockouts.attempt(name, step.from);
					if (wait === 0) lockouts.failed(name, step.from);
					return wait;
				});
				t.is(waits[0], waits[1]);
			}
		}
	}));

async function property(
	t: ExecutionContext,
	body: (steps: ({ kind: 'pause'; ms: number } | { kind: 'guess'; from: string })[]) => Promise<void>,
): Promise<void> {
	const step = fc.oneof(
		fc.record({ kind: fc.constant('pause' as const), ms: fc.integer({ min: 1, max: 90 * minute }) }),
		fc.record({ kind: fc.constant('guess' as const), from: fc.constantFrom(attacker, home) }),
	);
	await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), body), { numRuns: 30 });
	t.pass();
}
