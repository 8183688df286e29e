// The drawing in docs/consoles.md as properties over every sequence of events.
import test from 'ava';
import fc from 'fast-check';
import { type ConsoleEvent, type ConsoleState, nextConsole } from './console-state.ts';

const event: fc.Arbitrary<ConsoleEvent> = fc.oneof(
	fc.constant({ kind: 'opened' as const }),
	fc.record({
		kind: fc.constant('end' as const),
		by: fc.option(fc.record({ name: fc.string(), party: fc.constantFrom('HSO', 'CP') })),
		reason: fc.string(),
		at: fc.nat(),
	}),
);

test('a session goes from opening to open to ended, never back, and keeps how it ended', t => {
	const order = ['opening', 'open', 'ended'];
	fc.assert(
		fc.property(fc.array(event), events => {
			let state: ConsoleState = { kind: 'opening' };
			for (const each of events) {
				const next = nextConsole(state, each);
				t.true(order.indexOf(next.kind) >= order.indexOf(state.kind));
				if (state.kind === 'ended') t.is(next, state);
				if (each.kind === 'end') t.is(next.kind, 'ended');
				state = next;
			}
			const first = events.find(each => each.kind === 'end');
			if (first?.kind === 'end')
				t.like(state, { kind: 'ended', by: first.by, reason: first.reason, at: first.at });
			else t.is(state.kind, events.length > 0 ? 'open' : 'opening');
		}),
	);
});
