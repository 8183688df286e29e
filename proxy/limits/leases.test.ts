import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import type { Operator } from '../operator.ts';
import { createMemberLeases } from '../processes/member-leases.ts';
import { createAdmission, type Grant } from './admission.ts';
import { createLeasedAdmission } from './leased-admission.ts';

const operators: readonly [Operator, Operator, Operator] = [
	{ name: 'a', party: 'HSO' },
	{ name: 'b', party: 'HSO' },
	{ name: 'c', party: 'CP' },
];
const noShare = new Error('no share');

test('whatever workers lease, use, give back and die with, together they let in no more than one process would', t => {
	const step = fc.oneof(
		{ weight: 8, arbitrary: fc.record({ kind: fc.constant('ask'), who: fc.nat(2), at: fc.nat(2) }) },
		{ weight: 4, arbitrary: fc.record({ kind: fc.constant('end'), who: fc.nat(), at: fc.nat(1) }) },
		{ weight: 1, arbitrary: fc.record({ kind: fc.constant('idle'), who: fc.nat(), at: fc.nat() }) },
		{ weight: 1, arbitrary: fc.record({ kind: fc.constant('die'), who: fc.nat(), at: fc.nat(2) }) },
	);
	const options = fc.record({
		own: fc.integer({ min: 1, max: 30 }),
		all: fc.integer({ min: 1, max: 30 }),
		burst: fc.integer({ min: 1, max: 60 }),
		steps: fc.array(step, { maxLength: 200 }),
	});
	fc.assert(
		fc.property(options, ({ own, all, burst, steps }) => {
			const clock = new FakeClock();
			const whole = createAdmission({
				clock,
				workers: 2,
				operator: { rate: 1e-9, burst, concurrent: own },
				party: { rate: 1e-9, burst: 40, concurrent: all },
				onRefused: () => undefined,
			});
			const startWorker = () => {
				const leases = createMemberLeases(whole);
				const admission = createLeasedAdmission({
					ask: (operator, unused) => void answers.push({ operator, grant: leases.lease(operator, unused) }),
					giveBack: (operator, grant: Grant) => leases.giveBack(operator, grant),
					leave() {
						throw noShare;
					},
					clock,
				});
				const answers: { operator: Operator; grant: Grant }[] = [];
				return {
					leases,
					admit(operator: Operator) {
						for (const { operator: of, grant } of answers.splice(0)) admission.granted(of, grant);
						return admission.admit(operator);
					},
				};
			};
			const workers = [startWorker(), startWorker()];
			const underWay: { who: Operator; at: number; leave: () => void }[] = [];
			const letIn = new Map<string, number>();
			for (const { kind, who, at } of steps) {
				if (kind === 'end') underWay.splice(who % Math.max(1, underWay.length), 1)[0]?.leave();
				else if (kind === 'idle') clock.advance(5000);
				else if (kind === 'die' && at < 2) {
					// What it was answering ends with it.
					for (let i = underWay.length - 1; i >= 0; i--) if (underWay[i]?.at === at) underWay.splice(i, 1);
					workers[at]?.leases.end();
					workers[at] = startWorker();
				} else if (kind === 'ask') {
					const operator = operators[who as 0 | 1 | 2];
					let leave: (() => void) | undefined;
					let where = at;
					try {
						leave = workers[at]?.admit(operator);
					} catch (fault) {
						if (fault !== noShare) throw fault;
					}
					try {
						// What a worker leaves, and what comes in at home.
						if (!leave) {
							leave = whole.admit(operator);
							where = 2;
						}
					} catch {
						continue;
					}
					underWay.push({ who: operator, at: where, leave });
					for (const name of [operator.name, operator.party]) letIn.set(name, (letIn.get(name) ?? 0) + 1);
				}
				for (const { name, party } of operators) {
					if (underWay.filter(({ who: { name: own } }) => own === name).length > own) return false;
					if (underWay.filter(({ who: { party: own } }) => own === party).length > all) return false;
					if ((letIn.get(name) ?? 0) > burst || (letIn.get(party) ?? 0) > 40) return false;
				}
			}
			// When all is over and idle, nothing is missing of what may be at once.
			for (const { leave } of underWay) leave();
			clock.advance(20_000);
			const { slots } = whole.lease({ name: 'a', party: 'HSO' }, { tokens: 0, slots: 0 });
			return slots === Math.floor(Math.min(own / 4, all / 4));
		}),
	);
	t.pass();
});

test('what another process takes over counts there alone', t => {
	const clock = new FakeClock();
	const [operator] = operators;
	const worker = createLeasedAdmission({
		ask: asked => worker.granted(asked, { tokens: 1, slots: 1 }),
		giveBack: () => undefined,
		leave() {
			throw noShare;
		},
		clock,
	});
	t.throws(() => worker.admit(operator), { is: noShare });
	for (let i = 0; i < 3; i++) worker.admit(operator)('undone');
	worker.admit(operator)();
});
