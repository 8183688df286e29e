// Whatever goes wrong, and in whatever order: the port carries all of a change or nothing of it, and what a worker takes for
// the end of a change is so on the switch.
import test from 'ava';
import fc from 'fast-check';
import { systemClock } from '../../../common/clock.ts';
import type { PortState } from '../../core/actions.ts';
import type { PendingAction } from '../../model/action.ts';
import { carryOut } from '../../network/carry-out.ts';
import { createJunosBench, thePort } from './driver.fixture.ts';
import type { Trouble } from './simulator/session.fixture.ts';

const states: readonly PortState[] = [
	{ native: null, tagged: [] },
	{ native: 10, tagged: [] },
	{ native: 20, tagged: [] },
	{ native: null, tagged: [10, 20] },
	{ native: 10, tagged: [30] },
];
const complaint = { tag: 'operation-failed', message: 'not today' };
const aTrouble: fc.Arbitrary<Trouble> = fc.oneof(
	fc.record({
		kind: fc.constant('cut' as const),
		when: fc.constantFrom('before' as const, 'after' as const),
	}),
	fc.record({ kind: fc.constantFrom('refuse' as const, 'lie' as const), complaint: fc.constant(complaint) }),
	fc.record({ kind: fc.constant('raw' as const), bytes: fc.constantFrom('?]]>]]>', '<ok/>]]>]]>') }),
	fc.constant<Trouble>({ kind: 'end' }),
	fc.constant<Trouble>({ kind: 'warn', message: 'mind' }),
);
const anOperation = fc.constantFrom(
	...['lock', 'get-configuration', 'get-ethernet-switching-interface-information'],
	...['edit-config', 'commit', 'unlock', 'discard-changes'],
);
const aStep = fc.record({
	wanted: fc.constantFrom(...states),
	troubles: fc.array(fc.tuple(anOperation, aTrouble), { maxLength: 3 }),
});

test('a change is whole or not at all, through any faults', async t => {
	const bench = await createJunosBench(t);
	const deps = {
		driver: bench.driver,
		clock: systemClock,
		timeout: 60_000,
		signal: new AbortController().signal,
		onSet: () => undefined,
		onAnswer: () => undefined,
	};
	const carried = (): string => bench.carried().join(' ');
	const words = ({ native, tagged }: PortState): string =>
		[...(native === null ? [] : [native]), ...tagged]
			.sort((a, b) => a - b)
			.map(vlan => `${vlan}${vlan === native ? '' : 't'}`)
			.join(' ');
	const ends = { done: 0, refused: 0, open: 0 };
	let before: PortState = states[0] ?? { native: null, tagged: [] };
	await fc.assert(
		fc.asyncProperty(fc.array(aStep, { minLength: 1, maxLength: 6 }), async script => {
			for (const { wanted, troubles } of script) {
				bench.simulator.trouble.clear();
				for (const [operation, trouble] of troubles) bench.simulator.trouble.set(operation, trouble);
				const action = { attempts: 0 } as PendingAction;
				const change = { kind: 'change', port: thePort, before, wanted, action } as const;
				for (;;) {
					const { kind } = await carryOut(change, deps);
					ends[kind]++;
					t.true([words(before), words(wanted)].includes(carried()), `${carried()} is neither`);
					// What is left open is tried again; what went wrong once does not go wrong again.
					if (kind === 'open') continue;
					if (kind === 'done') before = wanted;
					t.is(carried(), words(before));
					t.true(bench.isClean());
					break;
				}
			}
		}),
		{
			numRuns: 25,
			// One that is refused and one that is left open, for certain.
			examples: [
				[
					[
						{ wanted: { native: 10, tagged: [] }, troubles: [['commit', { kind: 'refuse', complaint }]] },
						{ wanted: { native: 10, tagged: [] }, troubles: [['commit', { kind: 'cut', when: 'after' }]] },
					],
				],
			],
		},
	);
	for (const [kind, times] of Object.entries(ends)) t.true(times > 0, `nothing was ${kind}`);
});
