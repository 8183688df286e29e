import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type EventsView, followEvents } from './follow-events.ts';

const number = (n: number): string => n.toString().padStart(16, '0');
const event = (n: number) => ({ id: number(n), at: n, kind: 'offer.made', of: `o${n}` });
const away = () => new BimetalError('MarketUnreachable', 'it does not answer', { status: 502 });

/** Time passes as soon as somebody waits. */
class QuickClock extends FakeClock {
	override after(ms: number, fn: () => void): () => void {
		const cancel = super.after(ms, fn);
		setImmediate(() => this.advance(ms));
		return cancel;
	}
}

test('whatever calls fail in between, each event comes once, in order', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.integer({ min: 0, max: 40 }),
			fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
			async (count, fails) => {
				const stop = new AbortController();
				let calls = 0;
				const client = {
					async events({ after = number(0) }: { after?: string | undefined } = {}): Promise<EventsView> {
						const isLast = fails.length <= calls;
						if (fails[calls++]) throw away();
						const from = Number(after);
						const to = isLast ? count : Math.min(count, from + 3);
						if (isLast && from >= count) stop.abort();
						const events = Array.from({ length: to - from }, (_, index) => event(from + index + 1));
						return { events, next: number(to), gap: false };
					},
				};
				const clock = new QuickClock(0);
				const seen: string[] = [];
				for await (const { events } of followEvents(client, {
					clock,
					random: () => 0.5,
					signal: stop.signal,
				}))
					seen.push(...events.map(({ of }) => of));
				t.deepEqual(
					seen,
					Array.from({ length: count }, (_, index) => `o${index + 1}`),
				);
			},
		),
		{ numRuns: 200 },
	);
});

test('it waits longer the longer the market is away, tells of it, and throws what no waiting helps', async t => {
	const waits: number[] = [];
	let calls = 0;
	const client = {
		async events(): Promise<EventsView> {
			if (++calls <= 4) throw away();
			throw new BimetalError('NotLoggedIn', 'log in', { status: 401 });
		},
	};
	const following = followEvents(client, {
		clock: new QuickClock(0),
		random: () => 0.5,
		signal: new AbortController().signal,
		onAway: (_, ms) => waits.push(ms),
	});
	await t.throwsAsync(following.next(), { code: 'NotLoggedIn' });
	t.deepEqual(waits, [500, 1000, 2000, 4000]);
});

test('it ends while it waits for a market that is away', async t => {
	const stop = new AbortController();
	const client = {
		async events(): Promise<EventsView> {
			throw away();
		},
	};
	const clock = new FakeClock(0);
	const following = followEvents(client, { clock, signal: stop.signal, onAway: () => stop.abort() });
	t.true((await following.next()).done);
});
