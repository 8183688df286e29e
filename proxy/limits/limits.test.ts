import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { createAdmission } from './admission.ts';
import { createFairTurns } from './fair-turns.ts';
import { createTokenBucket } from './token-bucket.ts';
import { createUnread } from './unread.ts';

test('a token bucket lets a burst through, then so many a second, whatever is done to the clock', t => {
	const clock = new FakeClock();
	const { take } = createTokenBucket(clock, { rate: 10, burst: 5 });
	const takeAll = () => {
		let taken = 0;
		while (take() === 0) taken++;
		return taken;
	};
	t.is(takeAll(), 5);
	t.is(Math.round(take()), 100);
	clock.jump(3_600_000);
	t.is(takeAll(), 0);
	clock.jump(-7_200_000);
	clock.advance(300);
	t.is(takeAll(), 3);
	clock.advance(60_000);
	t.is(takeAll(), 5);
});

test('what is over a limit is turned away with when to come again, and counts for nobody else', t => {
	const refused: string[] = [];
	const { admit } = createAdmission({
		clock: new FakeClock(),
		operator: { rate: 1, burst: 100, concurrent: 2 },
		party: { rate: 1, burst: 5, concurrent: 3 },
		onRefused: ({ name }, why, whose) => refused.push(`${name}: ${whose} ${why}`),
	});
	const [a, b, c] = [
		{ name: 'a', party: 'HSO' },
		{ name: 'b', party: 'HSO' },
		{ name: 'c', party: 'CP' },
	] as const;
	const done = [admit(a), admit(a)];
	t.like(
		t.throws(() => admit(a)),
		{ code: 'TooMuchAtOnce', status: 503, retryAfterSeconds: 1 },
	);
	done.push(admit(b));
	t.throws(() => admit(b), { code: 'TooMuchAtOnce' });
	admit(c)();
	for (const end of done) end();
	done[0]?.(); // once more is nothing
	admit(a)();
	admit(b)();
	t.like(
		t.throws(() => admit(a)),
		{ code: 'TooManyRequests', status: 429, retryAfterSeconds: 1 },
	);
	admit(c)();
	t.deepEqual(refused, ['a: operator concurrent', 'b: party concurrent', 'a: party rate']);
});

test('whatever one party does, another one finds a turn; turns come back; none is given twice', t => {
	const parties = ['HSO', 'CP', 'SI'];
	const step = fc.record({ party: fc.constantFrom(...parties, ''), back: fc.boolean(), which: fc.nat() });
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 100 }), (capacity, steps) => {
			const clock = new FakeClock();
			const turns = createFairTurns({ capacity, queue: 3, longestWait: 1000, parties, clock });
			const waited = new Set<string>();
			const held: { party: string; release: () => void }[] = [];
			for (const { party, back, which } of steps) {
				if (back) held.splice(which % Math.max(1, held.length), 1)[0]?.release();
				else {
					const turn = turns.take(party);
					if (typeof turn === 'function') held.push({ party, release: turn });
					else {
						waited.add(party); // its turn may have come meanwhile
						void turn?.then(release => release?.());
					}
				}
				if (held.length > capacity) return false;
			}
			if (capacity > parties.length) {
				for (const party of parties) {
					if (waited.has(party) || held.some(each => each.party === party)) continue;
					const turn = turns.take(party);
					if (typeof turn !== 'function') return false;
					turn();
				}
			}
			return true;
		}),
	);
	t.pass();
});

test('who waits is served in turn, and not for ever', async t => {
	const clock = new FakeClock();
	const turns = createFairTurns({
		capacity: 2,
		queue: 2,
		longestWait: 1000,
		parties: ['HSO', 'CP', 'SI'],
		clock,
	});
	const first = [turns.take('HSO'), turns.take('HSO')];
	const order: string[] = [];
	const wait = (party: string) =>
		Promise.resolve(turns.take(party)).then(turn => {
			order.push(turn ? party : `${party} gave up`);
			return turn;
		});
	const waiting = [wait('HSO'), wait('HSO'), wait('CP')];
	t.is(turns.take('HSO'), undefined, 'its queue is full');
	t.is(turns.waiting(), 3);
	for (const turn of first) if (typeof turn === 'function') turn();
	await Promise.all([waiting[0], waiting[2]]);
	t.deepEqual(order, ['HSO', 'CP'], 'the other party is not behind all of the first one');
	clock.advance(1000);
	await waiting[1];
	t.is(order[2], 'HSO gave up');
	t.is(turns.waiting(), 0);
});

test('answers that nobody reads are bounded, and end', t => {
	const clock = new FakeClock();
	let stalled = 0;
	const hold = createUnread({ clock, perParty: 1_000_000, longest: 60_000, onStalled: () => stalled++ });
	const open = () => {
		const response = Object.assign(new EventEmitter(), {
			destroyed: false,
			destroy() {
				response.destroyed = true;
				response.emit('close');
			},
		});
		return response as unknown as ServerResponse & { destroyed: boolean };
	};
	const [one, other] = [open(), open()];
	hold('HSO', 600_000, one);
	t.throws(() => hold('HSO', 600_000, other), { code: 'TooMuchAtOnce' });
	hold('CP', 600_000, other);
	hold('HSO', 1000, open());
	clock.advance(60_000);
	t.true(one.destroyed);
	t.is(stalled, 2);
	hold('HSO', 900_000, open());
});
